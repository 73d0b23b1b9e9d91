"""Area of a machine, from its configuration and a profile.

Names in lower case are fields of ``Profile``, where each carries its source; all results in mm2.

- harts: ``harts * hart_area_mm2``, caches included.
- tiles: ``tile_area_mm2 * (tile_area_cell_ratio * rows * cols / 256**2 + tile_area_row_ratio * rows
  / 256 + tile_area_col_ratio * cols / 256)`` for each, tight or loose, and
  ``tile_post_area_mm2_per_lane`` for each lane of its digital stage. Bits of a weight don't count.
- streamers: ``streamer_area_mm2`` for each loose tile, if they stream.
- scratchpad: ``KiB * scratchpad_area_mm2_per_kib``, whatever its banks.
- interconnect: ``interconnect_area_mm2_per_port`` for each port of a word; see
  :func:`interconnect_ports`.
- DMA engine: a channel for each hart.

Main memory is not counted: in every profile it lies elsewhere.
"""

import dataclasses

from tightrope.hw.config import ClusterConfig

from .profiles import MVM_REFERENCE_COLS, MVM_REFERENCE_ROWS, Profile, Value

__all__ = ["AreaBreakdown", "area_of", "interconnect_ports"]

_WORD_BYTES = 4
_PORTS_PER_HART = 2
"""Instructions and data."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AreaBreakdown:
    """Area per component in mm2: numbers, or arrays (samples,) of a sampled profile."""

    harts_mm2: Value = 0.0
    tile_cells_mm2: Value = 0.0
    tile_rows_mm2: Value = 0.0
    tile_cols_mm2: Value = 0.0
    tile_post_mm2: Value = 0.0
    streamers_mm2: Value = 0.0
    scratchpad_mm2: Value = 0.0
    interconnect_mm2: Value = 0.0
    dma_mm2: Value = 0.0

    @property
    def total_mm2(self) -> Value:
        """Everything."""
        return sum(self.to_dict().values())

    @property
    def tiles_mm2(self) -> Value:
        """Arrays, converters, digital stages and streamers."""
        arrays = self.tile_cells_mm2 + self.tile_rows_mm2 + self.tile_cols_mm2
        return arrays + self.tile_post_mm2 + self.streamers_mm2

    def to_dict(self) -> dict[str, Value]:
        """Component by name, the total excluded."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def area_of(machine: ClusterConfig, profile: Profile) -> AreaBreakdown:
    """Area of a machine; with a sampled profile, of shape (samples,)."""
    tiles = machine.tiled_harts * machine.tight_tiles_per_hart + machine.loose_tiles
    rows_ratio = tiles * machine.tile.rows / MVM_REFERENCE_ROWS
    cols_ratio = tiles * machine.tile.cols / MVM_REFERENCE_COLS
    cells_ratio = rows_ratio * machine.tile.cols / MVM_REFERENCE_COLS
    streaming = machine.loose_tiles if machine.stream_ports else 0
    channels = machine.harts if machine.dma_bytes_per_cycle else 0
    kib = machine.scratchpad.size_bytes / 1024
    return AreaBreakdown(
        harts_mm2=machine.harts * profile.hart_area_mm2,
        tile_cells_mm2=cells_ratio * profile.tile_area_mm2 * profile.tile_area_cell_ratio,
        tile_rows_mm2=rows_ratio * profile.tile_area_mm2 * profile.tile_area_row_ratio,
        tile_cols_mm2=cols_ratio * profile.tile_area_mm2 * profile.tile_area_col_ratio,
        tile_post_mm2=tiles * machine.tile.post_lanes * profile.tile_post_area_mm2_per_lane,
        streamers_mm2=streaming * profile.streamer_area_mm2,
        scratchpad_mm2=kib * profile.scratchpad_area_mm2_per_kib,
        interconnect_mm2=interconnect_ports(machine) * profile.interconnect_area_mm2_per_port,
        dma_mm2=channels * profile.dma_area_mm2_per_channel,
    )


def interconnect_ports(machine: ClusterConfig) -> int:
    """Ports of a word: two per hart, one per loose tile, words of stream ports and DMA engine."""
    words = machine.stream_ports * machine.stream_bytes_per_cycle + machine.dma_bytes_per_cycle
    return _PORTS_PER_HART * machine.harts + machine.loose_tiles + words // _WORD_BYTES
