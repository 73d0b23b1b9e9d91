"""Opens a page in Chromium, without a window and without a network."""

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome")
PATIENCE_MS = 20_000
"""Of the page's own time, which passes as fast as the page is done with it."""
LIMIT_SECONDS = 120
_SAID = re.compile(r":CONSOLE(?::\d+|\(\d+\))\] (.*)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """A page after its scripts have run."""

    dom: str
    console: tuple[str, ...]
    """What it said there: errors, warnings, anything that was refused."""


def find_browser() -> str | None:
    """The program, or None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def open_page(page: Path, folder: Path, *, width: int = 1200) -> Opened:
    """Open a file; ``folder`` is for what the browser keeps."""
    done = subprocess.run(
        [
            find_browser(),
            "--headless",
            "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'browser'}",
            f"--window-size={width},1000",
            f"--virtual-time-budget={PATIENCE_MS}",
            "--enable-logging=stderr",
            "--dump-dom",
            # Its sandbox refuses to run as root, as in a container.
            *(["--no-sandbox"] if os.getuid() == 0 else []),
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return Opened(dom=done.stdout, console=tuple(_SAID.findall(done.stderr)))
