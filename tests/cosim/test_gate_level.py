"""What Yosys makes of the machine for an ECP5 does what the RTL does, to the cycle."""

import numpy as np
import pytest
from cosim_cases import TILE_WAYS, chain_job, digital_job, reprogrammed_job, resident_job
from cosim_jobs import run_firmware, system_firmware
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.sim.cosim.build import build
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.image.results import check_outputs
from tightrope.sim.workload.layers import LayerOp

# As little as has a core, its CFU, a tight and a loose tile, and arrays that are late.
MACHINE = ClusterConfig(
    harts=1,
    loose_tiles=1,
    tile=TileConfig(rows=16, cols=16, adc_bits=8),
    memory=MemoryConfig(size_bytes=1 << 20, bytes_per_cycle=8),
)
LANES = 4
LIMIT_CYCLES = 3_000_000
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


def run_all(jobs, **options):
    return run_firmware(
        MACHINE,
        [job.image for job in jobs],
        system_firmware(),
        limit_cycles=LIMIT_CYCLES,
        name=lambda index: jobs[index].name,
        simulator=build(MACHINE, **options),
    )


def test_outputs_and_cycles_are_those_of_both_kinds_of_rtl(jobs):
    behavioural = run_all(jobs)
    others = {"RTL": run_all(jobs, lanes=LANES), "gates": run_all(jobs, lanes=LANES, gates=True)}
    for kind, runs in others.items():
        for job, expected, run in zip(jobs, behavioural, runs, strict=True):
            run.check()
            assert not check_outputs(job.image, run.memory, job.expected), f"{kind} {job.name}"
            assert run.cycles == expected.cycles, f"{kind} {job.name}"
            different = np.flatnonzero(run.memory != expected.memory)
            assert not len(different), f"{kind} {job.name}: {len(different)} bytes"


def test_what_runs_are_cells_of_an_ecp5():
    text = build(MACHINE, lanes=LANES, gates=True).sources[0].read_text()
    _, netlist = text.split("\nmodule cluster(")
    cells = {line.split()[0] for line in netlist.splitlines() if line.startswith("  ")}
    wires = {"wire", "input", "output", "assign", "reg"}
    assert {"LUT4", "TRELLIS_FF", "DP16KD", "MULT18X18D", "CCU2C"} <= cells
    # Wires between them may get a second name; nothing is computed, and main memory is a model.
    assert "always" not in netlist and "$" not in "".join(sorted(cells - wires))
