"""What Yosys makes of the machine for an ECP5 does what the RTL does, to the cycle."""

import re

import pytest
from small_machine import LANES, MACHINE, small_jobs
from target_jobs import check_same, run_all
from tightrope.fpga.gates import build_gates
from tightrope.sim.cosim.build import build

CELLS = {
    "CCU2C", "DP16KD", "L6MUX21", "LUT4", "MULT18X18D", "PFUMX", "TRELLIS_DPR16X4", "TRELLIS_FF",
}  # fmt: skip


@pytest.fixture(scope="module")
def netlist():
    return build_gates(MACHINE, lanes=LANES)


def test_outputs_and_cycles_are_those_of_both_kinds_of_rtl(netlist):
    jobs = small_jobs()
    behavioural = run_all(jobs, build(MACHINE))
    check_same(jobs, behavioural, run_all(jobs, build(MACHINE, lanes=LANES)))
    check_same(jobs, behavioural, run_all(jobs, netlist))


def test_what_runs_are_cells_of_an_ecp5(netlist):
    _, text = netlist.sources[0].read_text().split("\nmodule cluster(")
    statements = set(re.findall(r"^  (\w+) ", text, re.MULTILINE))
    assert {"LUT4", "TRELLIS_FF", "CCU2C", "DP16KD", "MULT18X18D"} <= statements
    # Nothing else computes anything: wires may have a second name, and main memory is a model.
    assert statements <= CELLS | {"input", "output", "wire", "assign", "main_memory"}
