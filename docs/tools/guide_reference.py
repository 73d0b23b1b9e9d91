"""Tables of the guide that come from the program itself: commands, fields, counters, numbers."""

import ast
import dataclasses
import enum
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["UnknownTableError", "commands", "fields", "fill", "profile_numbers"]

HELP_COLUMNS = 100
_PLACE = re.compile(r"<!-- (?P<kind>commands|fields|numbers)(?:: (?P<what>[\w.]+))? -->")


class UnknownTableError(ValueError):
    """A page asks for a table of something that is not there."""


def fill(text: str) -> str:
    """A page with a table in each place that asks for one.

    ``<!-- commands -->``, ``<!-- numbers -->`` (of a profile), or ``<!-- fields: CLASS -->`` with
    the full name of a dataclass or an enumeration. Raises UnknownTableError.
    """

    def table(place: re.Match[str]) -> str:
        if place["kind"] == "fields":
            return fields(place["what"] or "")
        return commands() if place["kind"] == "commands" else profile_numbers()

    return _PLACE.sub(table, text)


def commands() -> str:
    """A section for each command: what it says with ``--help``."""
    from tightrope.sim.cli import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    return "\n\n".join(f"## tightrope {name}\n\n```text\n{_help(name)}\n```" for name in names)


def fields(name: str) -> str:
    """A table of the fields of a dataclass, or the members of an enumeration, by its full name."""
    module, _, last = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownTableError(f"there is no {name!r}") from error
    said = _docstrings(kind)
    if issubclass(kind, enum.Enum):
        rows = [(f"`{one.name.lower()}`", said.get(one.name, "")) for one in kind]
        return _table(("name", "what it counts"), rows)
    rows = [
        (f"`{field.name}`", said.get(field.name, ""), _default(field))
        for field in dataclasses.fields(kind)
    ]
    if not any(default for _, _, default in rows):
        return _table(("field", "meaning"), (row[:2] for row in rows))
    return _table(("field", "meaning", "default"), rows)


def profile_numbers() -> str:
    """A table of the numbers that a profile must have."""
    from tightrope.sim.energy.profiles import NUMBERS, Profile

    said = _docstrings(Profile)
    rows = [
        (f"`{name}`", "" if unit == "1" else unit, f"{low:g} to {high:g}", said.get(name, ""))
        for name, (unit, low, high) in NUMBERS.items()
    ]
    return _table(("number", "unit", "range", "meaning"), rows)


def _help(command: str) -> str:
    program = Path(sys.executable).with_name("tightrope")
    environment = os.environ | {"COLUMNS": str(HELP_COLUMNS), "NO_COLOR": "1"}
    text = subprocess.run(
        [program, command, "--help"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _docstrings(kind: type) -> dict[str, str]:
    """The text below each field of a class, without line breaks."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
    said = {}
    for before, after in zip(body, body[1:], strict=False):
        target = getattr(before, "target", None) or getattr(before, "targets", [None])[0]
        text = getattr(getattr(after, "value", None), "value", None)
        if isinstance(target, ast.Name) and isinstance(text, str):
            said[target.id] = " ".join(text.split())
    return said


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return ""
    if dataclasses.is_dataclass(field.default):
        return "see below"
    return "`null`" if field.default is None else f"`{field.default}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
