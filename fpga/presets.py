"""Machines that fit boards, by name."""

from dataclasses import dataclass

from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.hw.tile.synth.weights import check_lanes

from .errors import FpgaError

__all__ = ["PRESETS", "Preset", "find_preset", "lanes_of", "own_machine"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A machine and the multipliers of each of its arrays."""

    name: str
    title: str
    config: ClusterConfig
    lanes: int | None


def _memory(size_kib: int) -> MemoryConfig:
    # Half of the default's width: as many multiplexers less, and the harts are slower than that.
    return MemoryConfig(size_bytes=size_kib << 10, bytes_per_cycle=8)


def _tile(size: int) -> TileConfig:
    return TileConfig(rows=size, cols=size, adc_bits=8)


_ALL = (
    Preset(
        name="tiny",
        title="1 hart, no tile",
        config=ClusterConfig(harts=1, tight_tiles_per_hart=0, memory=_memory(64)),
        lanes=None,
    ),
    Preset(
        name="small",
        title="2 harts with a tight 64x64 tile each",
        config=ClusterConfig(harts=2, tile=_tile(64), memory=_memory(256)),
        lanes=8,
    ),
    Preset(
        name="tight4",
        title="4 harts with a tight 128x128 tile each",
        config=ClusterConfig(harts=4, tile=_tile(128), memory=_memory(208)),
        lanes=16,
    ),
    Preset(
        name="loose8",
        title="8 harts, 2 loose 256x256 tiles",
        config=ClusterConfig(
            harts=8, tight_tiles_per_hart=0, loose_tiles=2, tile=_tile(256), memory=_memory(144)
        ),
        lanes=16,
    ),
)

PRESETS = {preset.name: preset for preset in _ALL}


def find_preset(name: str) -> Preset:
    """The preset of this name; raises FpgaError if there is none."""
    if name not in PRESETS:
        raise FpgaError(f"the preset must be one of {', '.join(PRESETS)}, not {name!r}")
    return PRESETS[name]


def lanes_of(config: ClusterConfig) -> int | None:
    """Multipliers for the arrays of a machine that comes without: one for 8 columns, 4 to 16."""
    if not config.tiled_harts + config.loose_tiles:
        return None
    wanted = min(max(config.tile.cols // 8, 4), 16)
    return 1 << (wanted.bit_length() - 1)


def own_machine(config: ClusterConfig, *, lanes: int | None = None) -> Preset:
    """A machine of the user's own; arrays get :func:`lanes_of` multipliers if None.

    Raises
    ------
    HwConfigError
        If ``lanes`` does not suit its tiles.
    """
    chosen = lanes_of(config)
    if chosen is not None and lanes is not None:
        check_lanes(config.tile, lanes)
        chosen = lanes
    return Preset(name="own", title="a machine of your own", config=config, lanes=chosen)
