"""What a preset is estimated to take, against its netlist (Yosys 0.70)."""

import dataclasses

import pytest
from tightrope.fpga.estimate import estimate, memory_usage
from tightrope.fpga.presets import PRESETS
from tightrope.fpga.usage import Usage
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig

NETLISTS = {
    "tiny": Usage(lut=9_977, ff=5_604, bram=41, dsp=12),
    "small": Usage(lut=21_946, ff=11_482, bram=155, dsp=42),
    "tight4": Usage(lut=44_573, ff=22_506, bram=181, dsp=116),
}
NEAR_RATIO = 0.08


@pytest.mark.parametrize("name", list(NETLISTS))
def test_blocks_and_multipliers_are_exact_and_the_rest_is_near(name):
    found, netlist = estimate(PRESETS[name]), NETLISTS[name]
    assert (found.bram, found.dsp) == (netlist.bram, netlist.dsp)
    assert found.lut == pytest.approx(netlist.lut, rel=NEAR_RATIO)
    assert found.ff == pytest.approx(netlist.ff, rel=NEAR_RATIO)


def test_memories_are_counted_bank_by_bank():
    config = ClusterConfig(
        harts=1, tight_tiles_per_hart=0, memory=MemoryConfig(size_bytes=68 << 10),
        scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=32),
    )  # fmt: skip
    # A bank of 512 bytes is a block as well.
    assert memory_usage(config).bram == 34 + 32


def test_wider_lanes_take_more_blocks_than_the_weights_need():
    small = PRESETS["small"]
    wide = dataclasses.replace(small, lanes=32)
    assert estimate(wide).bram - estimate(small).bram == 2 * (8 - 2)
