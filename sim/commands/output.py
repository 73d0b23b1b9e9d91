"""How commands talk: tables, progress past two seconds, JSON to a file or to standard output."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Talk", "write_json"]

QUIET_SECONDS = 2.0
"""A progress bar appears after this long."""
LINE_SECONDS = 10.0
"""Where there is no terminal, a line says how far it is this often."""


class Talk:
    """What one command prints. Tables go to standard output unless JSON does."""

    def __init__(self, *, quiet: bool = False, json_file: str | None = None) -> None:
        from rich.console import Console

        self.quiet = quiet
        self._errors = Console(stderr=True, highlight=False)
        self._console = self._errors if json_file == "-" else Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = max(self._console.width, 160)

    def show(self, *things: Any) -> None:
        """Tables and sentences for people."""
        if not self.quiet:
            for thing in things:
                self._console.print(thing, markup=not isinstance(thing, str))

    def message(self, text: str) -> None:
        """A remark on the way, to standard error."""
        if not self.quiet:
            self._errors.print(text, markup=False, soft_wrap=True)

    def fail(self, text: str) -> None:
        """Why a check failed, in a sentence, to standard error; also if quiet."""
        self._errors.print(f"tightrope: {text}", markup=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> "Iterator[_Progress]":
        """A bar, or lines where there is no terminal, once two seconds have passed."""
        bar = _Progress(self._errors, self.quiet)
        try:
            yield bar
        finally:
            bar.close()


class _Progress:
    def __init__(self, console: Any, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._said_at = time.monotonic() - LINE_SECONDS + QUIET_SECONDS
        self._began = time.monotonic()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._first: dict[str, tuple[float, int]] = {}
        """When each was first told of, and how much was done by then: that was there before."""

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        self._first.setdefault(what, (now, done))
        if self._quiet or now - self._began < QUIET_SECONDS:
            return
        if self._console.is_terminal:
            self._draw(what, done, total)
        elif now - self._said_at >= LINE_SECONDS:
            rate = self._rate(what, done)
            speed = f", {rate:.3g} per second, {(total - done) / rate:.0f} s left" if rate else ""
            self._console.print(f"{what}: {done} of {total}{speed}", markup=False)
            self._said_at = now

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, what: str, done: int, total: int) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, completed=done, rate="")
        rate = self._rate(what, done)
        shown = f"{rate:.3g} per second" if rate else ""
        self._bar.update(self._tasks[what], completed=done, total=total, rate=shown)

    def _rate(self, what: str, done: int) -> float:
        """How much is done in a second, not counting what was there before."""
        began, before = self._first[what]
        return (done - before) / max(time.monotonic() - began, 1e-9)


def write_json(content: dict[str, Any] | list[dict[str, Any]], json_file: str | None) -> None:
    """Write to a file, or to standard output if it is ``-``; raises SweepError if that fails."""
    from tightrope.sim.sweeps.files import write_text

    if json_file is None:
        return
    text = json.dumps(content, indent=1) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_text(Path(json_file), text)
