"""How fast a sweep is, and what a second worker gives."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tightrope.sim.sweeps.main import JSON_NAME

from .rows import Row

__all__ = ["sweep_rows"]

NETWORKS = ("inception_v1", "resnet50", "squeezenet")
"""Half of the sweep's networks: ten seconds of work for one worker."""
RATIO_BAR = 1.8


class _Run(NamedTuple):
    """One sweep from nothing, in processes of its own."""

    points: int
    per_second: float
    """From the first row to the last."""
    seconds: float
    """Of everything: starting Python and the workers, reading the networks, and the answers."""


def sweep_rows() -> list[Row]:
    """Points per second with one worker, and with two against one."""
    try:
        one, two = (_sweep(workers) for workers in (1, 2))
    except subprocess.CalledProcessError as error:
        note = f"not measured: the sweep ended with status {error.returncode}"
        return [_ratio_row(None, note)]
    note = f"{one.points} points from the first to the last"
    seconds = f"{one.seconds:.1f} s and {two.seconds:.1f} s with the start of all processes"
    return [
        Row(name="sweep, one worker", value=one.per_second, unit="points/s", note=note),
        _ratio_row(two.per_second / one.per_second, f"{note}; {seconds}"),
    ]


def _ratio_row(value: float | None, note: str) -> Row:
    name = "sweep throughput, two workers against one"
    return Row(name=name, value=value, unit="ratio", bar=RATIO_BAR, limit=2, note=note)


def _sweep(workers: int) -> _Run:
    with tempfile.TemporaryDirectory(prefix="tightrope-bench-") as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tightrope.sim.sweeps", "--workers", str(workers),
             "--network", ",".join(NETWORKS), "--out", folder, "--quiet"],
            check=True, capture_output=True,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        found = json.loads((Path(folder) / JSON_NAME).read_text())
    return _Run(found["points"], found["steady_points_per_second"], seconds)
