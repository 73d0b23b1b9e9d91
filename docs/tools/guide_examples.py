"""The guide's examples: finds them in its pages, runs them, and puts what they print there.

An example is a block of kind ``console`` that begins with ``$ `` and a command; the rest of it is
what the command prints to standard output (and to standard error, if it fails). A comment before it
may say more, its parts separated by commas::

    <!-- example: simulator, first 8 lines -->

``simulator``: needs one, so it takes longer than the others. ``not run``: only shown, for example
an X

A block after ``<!-- file: NAME -->`` is a file that examples use. Examples of a page run in order,
in a folder of their own.
"""

import argparse
import dataclasses
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["Example", "ExampleError", "File", "fill", "normalised", "read_page", "run", "run_page"]

PROMPT = "$ "
LIMIT_SECONDS = 900
_MARK = re.compile(r"<!-- (?P<kind>example|file): (?P<text>.*?) -->")
_KEY = re.compile(
    r"simulator|not run|(first (?P<first>\d+)|last (?P<last>\d+)) lines|status (?P<status>\d+)"
)


class ExampleError(ValueError):
    """An example that can't be read or that did not do what it should; names page and line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that examples of its page use."""

    name: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """A command and what the page says it prints."""

    where: str
    """Page and line, for messages."""
    command: str
    output: tuple[str, ...]
    first_line: int
    """Index of the output's first line in the page."""
    simulator: bool = False
    not_run: bool = False
    first: int | None = None
    """So many lines of what is printed are on the page; None: all."""
    last: int | None = None
    status: int = 0

    @property
    def arguments(self) -> list[str]:
        """The command, split as a shell does."""
        return shlex.split(self.command)


def read_page(text: str, label: str) -> list[Example | File]:
    """Examples and files of a page, in order; raises ExampleError."""
    found: list[Example | File] = []
    lines = text.splitlines()
    mark, index = None, 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("```"):
            end = _end_of_block(lines, index, label)
            found += _block(line[3:].strip(), mark, lines[index + 1 : end], index + 1, label)
            mark, index = None, end
        elif line.strip():
            mark = _MARK.fullmatch(line.strip())
        index += 1
    return found


def _end_of_block(lines: list[str], begin: int, label: str) -> int:
    for index in range(begin + 1, len(lines)):
        if lines[index] == "```":
            return index
    raise ExampleError(f"{label}:{begin + 1}: the block has no end")


def _block(
    kind: str, mark: re.Match[str] | None, content: list[str], begin: int, label: str
) -> Iterable[Example | File]:
    """What a block means; ``begin`` is the index of its first line in the page."""
    where = f"{label}:{begin + 1}"
    if mark and mark["kind"] == "file":
        return [File(name=mark["text"], text="\n".join(content) + "\n")]
    if kind != "console":
        return []
    if not content or not content[0].startswith(PROMPT):
        raise ExampleError(f"{where}: a console block must begin with {PROMPT!r} and a command")
    keys = [key.strip() for key in mark["text"].split(",")] if mark else []
    matches = [_KEY.fullmatch(key) for key in keys]
    if None in matches:
        raise ExampleError(f"{where}: {mark['text']!r} is not what an example can have")
    said = (pair for match in matches for pair in match.groupdict().items())
    given = {name: int(number) for name, number in said if number}
    return [
        Example(
            where=where,
            command=content[0][len(PROMPT) :],
            output=tuple(content[1:]),
            first_line=begin + 1,
            simulator="simulator" in keys,
            not_run="not run" in keys,
            **given,
        )
    ]


def run(example: Example, folder: Path) -> tuple[str, ...]:
    """What the command prints in ``folder``, cut as the page asks; raises ExampleError."""
    beside = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    # Colours and the terminal's width are the reader's, not the page's.
    environment |= {"NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        example.arguments, cwd=folder, env=environment, capture_output=True, text=True,
        timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != example.status:
        raise ExampleError(
            f"{example.where}: {example.command!r} ended with status {done.returncode}, "
            f"not {example.status}: {done.stderr.strip()[-2000:]}"
        )
    printed = done.stdout + (done.stderr if example.status else "")
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    return tuple(lines[-example.last :] if example.last else lines[: example.first])


def run_page(
    parts: Iterable[Example | File], folder: Path, *, simulator: bool
) -> dict[Example, tuple[str, ...]]:
    """What each example prints that may be run, in order; raises ExampleError."""
    printed = {}
    for part in parts:
        if isinstance(part, File):
            (folder / part.name).write_text(part.text, encoding="utf-8")
        elif not part.not_run and (simulator or not part.simulator):
            printed[part] = run(part, folder)
    return printed


def normalised(lines: Iterable[str]) -> list[str]:
    """Words without numbers, frames and widths: what must not change when a number does."""
    plain = (re.sub(r"[^\w\s%:.,'/-]+", " ", line) for line in lines)
    return [" ".join(re.sub(r"[+-]?\d[\d,.]*", "0", line).split()) for line in plain]


def fill(text: str, printed: Mapping[Example, tuple[str, ...]]) -> str:
    """The page with these outputs in place of those it has."""
    lines = text.splitlines()
    for example in sorted(printed, key=lambda one: one.first_line, reverse=True):
        end = example.first_line + len(example.output)
        lines[example.first_line : end] = printed[example]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the examples of some pages and write what they print into them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--simulator", action="store_true", help="also those that need one")
    asked = parser.parse_args()
    for page in asked.pages:
        try:
            text = page.read_text(encoding="utf-8")
            with tempfile.TemporaryDirectory() as folder:
                parts = read_page(text, str(page))
                printed = run_page(parts, Path(folder), simulator=asked.simulator)
        except (ExampleError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
        page.write_text(fill(text, printed), encoding="utf-8")
        print(f"{page}: {len(printed)} examples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
