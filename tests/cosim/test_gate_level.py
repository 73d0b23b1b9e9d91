"""What Yosys makes of the machine for an ECP5 does what the RTL does, to the cycle."""

import re

import pytest
from cosim_cases import TILE_WAYS, chain_job, digital_job, reprogrammed_job, resident_job
from target_jobs import check_same, run_all
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.sim.cosim.build import build
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import LayerOp

# As little as has a core, its CFU, a tight and a loose tile, and arrays that are late.
MACHINE = ClusterConfig(
    harts=1,
    loose_tiles=1,
    tile=TileConfig(rows=16, cols=16, adc_bits=8),
    memory=MemoryConfig(size_bytes=1 << 20, bytes_per_cycle=8),
)
LANES = 4
CELLS = {
    "CCU2C", "DP16KD", "L6MUX21", "LUT4", "MULT18X18D", "PFUMX", "TRELLIS_DPR16X4", "TRELLIS_FF",
}  # fmt: skip
TIGHT, LOOSE = TILE_WAYS[0], TILE_WAYS[3]


@pytest.fixture(scope="module")
def jobs():
    return [
        resident_job(MACHINE, LayerOp.CONV, TIGHT, 0, channels=16),
        resident_job(MACHINE, LayerOp.CONV, LOOSE, 1, channels=16),
        reprogrammed_job(MACHINE, LayerOp.DENSE, TIGHT, 1, channels=40),
        digital_job(MACHINE, LayerOp.DWCONV, Body.DOT4, Balance.STATIC, 0, channels=16),
        chain_job(MACHINE, seed=0, length=5),
    ]


def test_outputs_and_cycles_are_those_of_both_kinds_of_rtl(jobs):
    behavioural = run_all(jobs, build(MACHINE))
    check_same(jobs, behavioural, run_all(jobs, build(MACHINE, lanes=LANES)))
    check_same(jobs, behavioural, run_all(jobs, build(MACHINE, lanes=LANES, gates=True)))


def test_what_runs_are_cells_of_an_ecp5():
    text = build(MACHINE, lanes=LANES, gates=True).sources[0].read_text()
    _, netlist = text.split("\nmodule cluster(")
    statements = set(re.findall(r"^  (\w+) ", netlist, re.MULTILINE))
    assert {"LUT4", "TRELLIS_FF", "CCU2C", "DP16KD", "MULT18X18D"} <= statements
    # Nothing else computes anything: wires may have a second name, and main memory is a model.
    assert statements <= CELLS | {"input", "output", "wire", "assign", "main_memory"}
