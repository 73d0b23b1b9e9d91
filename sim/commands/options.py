"""Options that several commands share, and how their texts become values."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tightrope.hw.config import ClusterConfig

__all__ = [
    "COUPLINGS",
    "AdcBits",
    "CalibrationFile",
    "JsonFile",
    "MachineFile",
    "MvmLatency",
    "OptionError",
    "Profile",
    "Quiet",
    "Scheduler",
    "Shape",
    "TileCols",
    "TileRows",
    "Workers",
    "base_machine",
    "fractions",
    "integers",
    "read_machine",
    "shapes",
    "words",
]

COUPLINGS = ("tight", "loose", "stream")
"""Of predicted machines with tiles."""


class OptionError(ValueError):
    """An option whose text makes no sense; one sentence that names it."""


JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write JSON; - is stdout."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A dask scheduler whose workers run the points."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Processes on this machine that run them."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Profile = Annotated[
    str, typer.Option(help="Clock, tile latency and energies: a known name or a JSON file.")
]
MachineFile = Annotated[
    Path | None, typer.Option("--machine", metavar="FILE", help="Base machine, a JSON file.")
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", metavar="FILE", help="Of the cycle model, if not our own."),
]
TileRows = Annotated[int | None, typer.Option(help="Word lines of a tile.")]
TileCols = Annotated[int | None, typer.Option(help="Bit lines of a tile.")]
AdcBits = Annotated[int | None, typer.Option(help="Width of the converters, 32 is exact.")]
MvmLatency = Annotated[
    int | None, typer.Option(help="Cycles of an MVM; the profile's latency if not given.")
]
Shape = Annotated[
    list[str] | None,
    typer.Option(metavar="INPUT=1,3,224,224", help="Size of an input that the file leaves open."),
]


def words(option: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """A comma-separated list of words."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for word in found:
        if word not in allowed:
            raise OptionError(f"{option} must be a list of {', '.join(allowed)}, not {word!r}")
    if not found:
        raise OptionError(f"{option} must be a list of {', '.join(allowed)}, not {text!r}")
    return tuple(dict.fromkeys(found))


def integers(option: str, text: str) -> tuple[int, ...]:
    """A comma-separated list of integers."""
    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found:
        raise OptionError(f"{option} must be a list of integers such as 1,2,4, not {text!r}")
    return found


def fractions(option: str, text: str) -> tuple[float, ...]:
    """A comma-separated list of numbers from 0 to 1."""
    try:
        found = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found or not all(0.0 <= value <= 1.0 for value in found):
        raise OptionError(f"{option} must be a list of numbers 0 to 1 such as 0,0.5, not {text!r}")
    return tuple(dict.fromkeys(found))


def shapes(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    """Values of ``--shape``."""
    found = {}
    for text in texts or ():
        name, equals, sizes = text.rpartition("=")
        if not equals or not name:
            raise OptionError(f"--shape must look like input=1,3,224,224, not {text!r}")
        found[name] = integers("--shape", sizes)
    return found


def base_machine(
    machine_file: Path | None,
    *,
    profile: str,
    tile_rows: int | None = None,
    tile_cols: int | None = None,
    adc_bits: int | None = None,
    mvm_latency: int | None = None,
) -> "ClusterConfig":
    """The machine whose harts and tiles are varied; raises HwConfigError, EnergyError, OptionError.

    Options beat the file, the file beats the profile's latency.
    """
    from tightrope.hw.config import ClusterConfig
    from tightrope.sim.energy.profiles import load_profile

    latency = load_profile(profile).mvm_latency_cycles
    base = ClusterConfig()
    if machine_file is not None:
        base = read_machine(machine_file, ClusterConfig.from_dict)
        latency = base.tile.mvm_latency_cycles
    given = {
        "rows": tile_rows,
        "cols": tile_cols,
        "adc_bits": adc_bits,
        "mvm_latency_cycles": latency if mvm_latency is None else mvm_latency,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(base, tile=dataclasses.replace(base.tile, **changes))


def read_machine(path: Path, make: "Callable[[dict], ClusterConfig]") -> "ClusterConfig":
    """The machine of a JSON file; raises OptionError or HwConfigError, with its name."""
    from tightrope.hw.config import HwConfigError

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"can't read the machine {path}: {error.strerror}") from error
    except ValueError as error:
        raise OptionError(f"{path} is not a machine: it is not JSON ({error})") from error
    try:
        return make(data)
    except HwConfigError as error:
        raise HwConfigError(f"{path}: {error}") from error
