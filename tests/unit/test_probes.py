"""The signals that a waveform looks at inside of the cluster are in its Verilog."""

import re

import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.hw.generate import generate
from tightrope.hw.probes import probes

MEMORY = MemoryConfig(size_bytes=1 << 20)
MACHINES = {
    "no tiles": ClusterConfig(harts=1, tight_tiles_per_hart=0, loose_tiles=0, memory=MEMORY),
    "both couplings": ClusterConfig(
        harts=3, tight_tiles_per_hart=2, loose_tiles=2, tile=TileConfig(rows=8, cols=8),
        memory=MEMORY,
    ),
    "a hart without tiles": ClusterConfig(
        harts=3, tight_tiles_per_hart=2, tight_harts=2, tile=TileConfig(rows=8, cols=8),
        memory=MEMORY,
    ),
    "streaming with post-processing": ClusterConfig(
        harts=2, loose_tiles=2, tile=TileConfig(rows=16, cols=16, adc_bits=8, post_lanes=4),
        memory=MEMORY, scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=8),
        stream_ports=1, stream_bytes_per_cycle=16, dma_bytes_per_cycle=16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("lanes", [None, 4], ids=["at-once", "in-turns"])
@pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
def test_probes_are_in_the_verilog(machine, lanes, tmp_path):
    text = generate(machine, tmp_path, lanes=lanes)[0].read_text()
    modules = {
        name: body
        for name, body in re.findall(r"^module \\?(\S+) ?\((.*?)^endmodule", text, re.M | re.S)
    }
    for bits in probes(machine).values():
        for path in bits:
            scope, name = f"cluster.{path}".rsplit(".", 1)
            name, _, index = name.rstrip("]").partition("[")
            found = re.search(rf"^  (?:wire|reg) (?:\[(\d+):0\] )?{name}\b", modules[scope], re.M)
            assert found, path
            assert int(index or 0) <= int(found[1] or 0), path


def test_a_tile_has_a_bit_in_the_order_of_tile_busy():
    machine = MACHINES["both couplings"]
    tiles = [path.split(".array")[0] for path in probes(machine)["mvm_start"]]
    assert tiles == [
        "hart_0.cfu.tile_0", "hart_0.cfu.tile_1", "hart_1.cfu.tile_0", "hart_1.cfu.tile_1",
        "hart_2.cfu.tile_0", "hart_2.cfu.tile_1", "loose_0.tile", "loose_1.tile",
    ]  # fmt: skip


def test_machines_that_do_not_stream_have_no_probes_of_it():
    moves = {"stream_in", "stream_out", "dma_load", "dma_store"}
    assert not moves & set(probes(MACHINES["both couplings"]))
    found = probes(MACHINES["streaming with post-processing"])
    assert {name: len(found[name]) for name in moves} == {
        "stream_in": 2, "stream_out": 2, "dma_load": 1, "dma_store": 1,
    }  # fmt: skip


def test_every_port_of_main_memory_has_a_bit():
    machine = MACHINES["streaming with post-processing"]
    # Two for each hart, DMA's reads and its writes.
    assert probes(machine)["memory_beat"] == tuple(f"memory.beats[{i}]" for i in range(6))
