"""Counters, mutexes, barrier and log under contention, with a program made for it."""

import collections

import numpy as np
import pytest
from bare_firmware import RESULTS_ADDR, build_program, orders
from cosim_jobs import run_firmware
from cosim_machines import MACHINES, machine_id
from tightrope.hw.regs import FETCH_ADD_COUNT

TICKETS, MUTEX, BARRIER, LOG = range(4)
TURNS = {TICKETS: 200, MUTEX: 60, BARRIER: 40, LOG: 6}


@pytest.fixture(scope="module", params=MACHINES[2:], ids=machine_id)
def machine(request):
    return request.param


@pytest.fixture(scope="module")
def results(machine, tmp_path_factory):
    program = build_program("sync", tmp_path_factory.mktemp("sync"))
    images = [orders(kind, turns) for kind, turns in TURNS.items()]
    runs = run_firmware(machine, images, program)
    for run in runs:
        run.check()
    return dict(zip(TURNS, runs, strict=True))


def test_tickets_are_unique_complete_and_rise(machine, results):
    turns = TURNS[TICKETS]
    drawn = results[TICKETS].words(RESULTS_ADDR, machine.harts * turns)
    drawn = drawn.reshape(machine.harts, turns)
    hart, turn = np.indices(drawn.shape)
    counter = (turn + hart) % FETCH_ADD_COUNT
    for number in range(FETCH_ADD_COUNT):
        tickets = drawn[counter == number]
        assert sorted(tickets) == list(range(len(tickets)))
        for own in range(machine.harts):
            assert (np.diff(drawn[own][counter[own] == number].astype(int)) > 0).all()


def test_mutex_keeps_others_out(machine, results):
    turns = TURNS[MUTEX]
    count, intruders, _, *waits = results[MUTEX].words(RESULTS_ADDR, 3 + machine.harts)
    assert (count, intruders) == (machine.harts * turns, 0)
    # There was something to keep out.
    assert sum(waits) > count // 2


def test_stores_before_the_barrier_are_seen_after_it(machine, results):
    mismatches = results[BARRIER].words(RESULTS_ADDR, machine.harts)
    assert mismatches.tolist() == [0] * machine.harts
    last = results[BARRIER].words(RESULTS_ADDR + 64, machine.harts * 8)
    assert last.tolist() == [(TURNS[BARRIER] - 1) * 1000 + n for n in range(machine.harts * 8)]


def test_lines_of_the_log_stay_whole(machine, results):
    said = collections.Counter(results[LOG].log.splitlines())
    assert said == collections.Counter(
        f"hart {hart} says {-i} in 0x{i:x} words"
        for hart in range(machine.harts)
        for i in range(TURNS[LOG])
    )
