"""The machine whose clock waits, for arrays of logic or for a slow memory, is the same machine."""

import pytest
from slow_memory import generate_slow
from target_jobs import LANES, MACHINE, check_same, random_jobs, run_all
from tightrope.sim.cosim.build import build


@pytest.fixture(scope="module")
def jobs():
    return random_jobs()


@pytest.fixture(scope="module")
def expected(jobs):
    return run_all(jobs, build(MACHINE))


def test_outputs_and_cycles_are_those_of_the_behavioural_machine(jobs, expected):
    check_same(jobs, expected, run_all(jobs, build(MACHINE, lanes=LANES)))


def test_slow_memory_changes_no_cycle_and_no_byte(jobs, expected):
    simulator = build(MACHINE, lanes=LANES, generate=generate_slow)
    check_same(jobs, expected, run_all(jobs, simulator))
