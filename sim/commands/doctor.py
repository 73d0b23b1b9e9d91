"""``tightrope doctor``: what is installed, what is missing, how to get it."""

import dataclasses

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

__all__ = ["doctor"]


def doctor(json_file: options.JsonFile = None, quiet: options.Quiet = False) -> None:
    """Check every tool that is needed, and say what to install where one is missing."""
    from rich.markup import escape
    from rich.table import Table
    from tightrope.sim import doctor as checks

    talk = Talk(quiet=quiet, json_file=json_file)
    findings = checks.diagnose()
    table = Table(title="What Tightrope needs", title_justify="left")
    for name in ("what", "state", "found", "what to do"):
        table.add_column(name)
    for finding in findings:
        state = "[green]ok[/]" if finding.ok else "[red]missing[/]"
        table.add_row(escape(finding.name), state, escape(finding.detail), escape(finding.advice))
    ok = all(finding.ok for finding in findings)
    write_json({"ok": ok, "findings": [dataclasses.asdict(found) for found in findings]}, json_file)
    talk.show(table)
    if not ok:
        missing = ", ".join(finding.name for finding in findings if not finding.ok)
        talk.fail(f"missing: {missing}")
        raise typer.Exit(EXIT_FAILED_CHECK)
