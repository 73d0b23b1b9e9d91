"""Calibrated costs: what one round of each loop of each kernel costs, as measured on RTL."""

import dataclasses
import functools
import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ModelError
from .interval import Residuals
from .ranges import Range

__all__ = ["COUNTS", "Calibration", "DEFAULT_FILE", "load_calibration", "save_calibration"]

VERSION = 2
MAX_FILE_BYTES = 4 << 20
DEFAULT_FILE = Path(__file__).parents[1] / "calibrate" / "data" / "calibration.json"

COUNTS = ("compute", "icache_fills", "dcache_fills", "stores", "cfu_commands",
          "shared_accesses", "uncached", "joined_stores")  # fmt: skip
"""What is fitted for each kernel. ``compute`` is cycles neither asleep nor waiting for a bus or the
CFU; ``joined_stores`` are those that go to main memory in one beat with another, if beats were
endless (``traffic.joinable_ratio``); the others are the hardware counters of that name."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Costs, and how far they were off on cases that the fit never saw."""

    kernels: Mapping[str, Mapping[str, Mapping[str, float]]]
    """kernel -> count of :data:`COUNTS` -> loop or line -> cost per round; and under ``seen`` the
    loops that ran at all in what was measured."""
    memory: Mapping[str, float]
    """Waiting for the data bus, in cycles: once per ``layer``; per ``fill`` and ``fetch`` (a line
    of data or instructions, beyond the latency); per ``scratch_fill`` (a line of the scratchpad);
    per ``fill_busy`` and ``store_busy`` (times the lines of others that are ahead of it, times the
    cycles of a line); per ``shared`` access, per ``shared_busy`` (times what is ahead of it on the
    shared bus), and per ``burst`` (an access of a burst, times ``cost.burst_queue``)."""
    tile: Mapping[str, float]
    """Waiting for an MVM: ``tight_offset`` and ``loose_offset`` cycles beyond its latency."""
    residuals: Mapping[str, tuple[Residuals, ...]] = field(default_factory=dict)
    """``features.residual_class`` -> by length of the layer, errors in cross-validation."""
    shared_ratio: float = 1.0
    """Part of the residuals' variance that layers have in common."""
    ranges: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)
    """kernel -> trait (``ranges.traits_of``) -> what was measured."""
    machine_hashes: tuple[str, ...] = ()
    """Of the configurations that were measured."""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """Cases, mean and worst absolute relative error of the fit, by kernel."""
    held_out: Mapping[str, Any] = field(default_factory=dict)
    """The same of the last validation: ``mean_abs_error``, ``worst_abs_error``, ``cases``."""

    @functools.cached_property
    def memo(self) -> dict[Any, Any]:
        """What the model makes of these costs, once."""
        return {}

    @property
    def mean_abs_error(self) -> float:
        """Of cycles on held-out cases, a fraction."""
        return float(self.held_out.get("mean_abs_error", math.inf))

    @property
    def worst_abs_error(self) -> float:
        """Of cycles on held-out cases, a fraction."""
        return float(self.held_out.get("worst_abs_error", math.inf))


def _costs(value: Any, what: str) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ModelError(f"{what} must be a table of costs")
    for name, cost in value.items():
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost):
            raise ModelError(f"{what}, {name!r}: a cost must be a number, not {cost!r}")
    return {str(name): float(cost) for name, cost in value.items()}


def _residuals(value: Any, what: str) -> dict[str, tuple[Residuals, ...]]:
    try:
        return {
            kernel: tuple(Residuals(**_costs(item, f"{what}.{kernel}")) for item in classes)
            for kernel, classes in value.items()
        }
    except (AttributeError, TypeError):
        raise ModelError(f"{what} must be lists of residuals by kernel") from None


def _ranges(value: Any, what: str) -> dict[str, dict[str, Range]]:
    try:
        return {
            kernel: {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
            for kernel, ranges in value.items()
        }
    except (AttributeError, TypeError, ValueError):
        raise ModelError(f"{what} must be pairs of numbers by kernel and trait") from None


def load_calibration(path: Path | None = None) -> Calibration:
    """Read and check a calibration; the one that comes with the package by default.

    Raises ModelError, naming the file, for anything but a calibration of this version.
    """
    path = DEFAULT_FILE if path is None else Path(path)
    return _load(path, path.stat().st_mtime_ns if path.exists() else 0)


@functools.lru_cache(maxsize=4)
def _load(path: Path, mtime_ns: int) -> Calibration:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        data = json.loads(path.read_text())
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: not JSON ({error})") from None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ModelError(f"{path}: not a calibration of version {VERSION}")
    kernels = data.get("kernels")
    if not isinstance(kernels, dict) or not all(isinstance(k, dict) for k in kernels.values()):
        raise ModelError(f"{path}: has no table of kernels")
    held_out = data.get("held_out", {})
    _costs({k: v for k, v in held_out.items() if k.endswith("error")}, f"{path}: held_out")
    return Calibration(
        kernels={
            kernel: {
                count: _costs(costs, f"{path}: {kernel}.{count}") for count, costs in counts.items()
            }
            for kernel, counts in kernels.items()
        },
        memory=_costs(data.get("memory"), f"{path}: memory"),
        tile=_costs(data.get("tile"), f"{path}: tile"),
        residuals=_residuals(data.get("residuals", {}), f"{path}: residuals"),
        shared_ratio=_costs({"shared_ratio": data.get("shared_ratio", 1.0)}, str(path))[
            "shared_ratio"
        ],
        ranges=_ranges(data.get("ranges", {}), f"{path}: ranges"),
        machine_hashes=tuple(str(h) for h in data.get("machine_hashes", ())),
        fit=data.get("fit", {}),
        held_out=held_out,
    )


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration; the file appears whole or not at all."""
    data = {
        "version": VERSION,
        "machine_hashes": list(calibration.machine_hashes),
        "held_out": calibration.held_out,
        "fit": calibration.fit,
        "residuals": {
            kernel: [dataclasses.asdict(residuals) for residuals in classes]
            for kernel, classes in calibration.residuals.items()
        },
        "shared_ratio": calibration.shared_ratio,
        "ranges": calibration.ranges,
        "memory": calibration.memory,
        "tile": calibration.tile,
        "kernels": calibration.kernels,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
