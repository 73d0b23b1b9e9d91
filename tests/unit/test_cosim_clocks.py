"""The simulation's top gives a cluster the clocks that it has."""

import re

import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.hw.generate import generate
from tightrope.sim.cosim.wrapper import wrapper_source

TILE = TileConfig(rows=8, cols=8)


@pytest.mark.parametrize("lanes", [None, 8])
@pytest.mark.parametrize(("tight", "loose"), [(0, 0), (1, 0), (0, 1)])
def test_wrapper_connects_the_clocks_that_the_cluster_has(tight, loose, lanes, tmp_path):
    machine = ClusterConfig(
        harts=1, tight_tiles_per_hart=tight, loose_tiles=loose, tile=TILE,
        memory=MemoryConfig(size_bytes=1 << 20),
    )  # fmt: skip
    text = generate(machine, tmp_path, lanes=lanes)[0].read_text()
    cluster = text[text.index("module cluster(") :]
    has = set(re.findall(r"^  input (\w*(?:clk|rst));", cluster, re.M))
    wrapper = wrapper_source(machine, trace=False, lanes=lanes)
    assert set(re.findall(r"\.(\w*(?:clk|rst))\(", wrapper)) == has
    assert ("board_clk" in has) == (lanes is not None and tight + loose > 0)
