"""What a machine will take of a board, without synthesis: near enough to choose one."""

from tightrope.hw.config import ClusterConfig, TileConfig

from .presets import Preset
from .usage import Usage

__all__ = ["estimate", "memory_usage"]

BRAM_BYTES = 2048
"""A DP16KD without its parity bits, of the widths that we use."""

_BASE = Usage(lut=1_000, ff=1_850, bram=1)
"""Link, sync unit, clock."""
_HART = Usage(lut=8_900, ff=3_750, bram=8, dsp=12)
"""Core, digital unit, ports, and its share of the interconnect."""
_TILE = Usage(lut=1_070, ff=710, bram=3, dsp=1)
"""All of a tile but its weights and lanes."""
_LANE = Usage(lut=50, ff=44, dsp=1)
_BANK = Usage(lut=300, ff=60)
"""A bank of the scratchpad with its part of the crossbar."""


def estimate(preset: Preset) -> Usage:
    """LUTs and flip-flops are near, block RAMs and multipliers exact unless there is a DMA engine
    or stream ports."""
    config = preset.config
    tiles = sum(map(config.tight_tiles_of, range(config.harts))) + config.loose_tiles
    found = _BASE + _times(config.harts, _HART) + memory_usage(config)
    if tiles:
        found += _times(tiles, _tile(config.tile, preset.lanes))
    if config.scratchpad.size_bytes:
        found += _times(config.scratchpad.banks, _BANK)
    return found


def memory_usage(config: ClusterConfig) -> Usage:
    """Blocks of main memory and scratchpad."""
    found = Usage(bram=_blocks(config.memory.size_bytes))
    if config.scratchpad.size_bytes:
        banks = config.scratchpad.banks
        found += _times(banks, Usage(bram=_blocks(config.scratchpad.size_bytes // banks)))
    return found


def _tile(tile: TileConfig, lanes: int) -> Usage:
    groups = -(-tile.cols // lanes)
    # A block is 36 bits wide at the most, so few rows of many lanes leave it half empty.
    wide = -(-lanes * tile.weight_bits // 32)
    deep = _blocks(tile.rows * groups * lanes * tile.weight_bits // 8)
    return _TILE + _times(lanes, _LANE) + Usage(bram=max(wide, deep))


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BRAM_BYTES)


def _times(count: int, usage: Usage) -> Usage:
    return Usage(**{name: count * value for name, value in usage.to_dict().items()})
