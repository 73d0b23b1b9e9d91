"""Event counters against counts made by hand: of a program that knows, and of planned layers."""

import numpy as np
import pytest
from bare_firmware import RESULTS_ADDR, build_program, orders
from cosim_cases import TILE_WAYS
from cosim_jobs import make_job, run_firmware, run_jobs
from cosim_machines import MACHINES, machine_id
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.energy.energy import RunCounters, energy_of
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.experiment.case import Case
from tightrope.sim.experiment.measure import measure
from tightrope.sim.golden.random_layers import random_inputs, random_quant_layer
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.image.steps import independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.replicas import copies_of
from tightrope.sim.workload.layers import Layer, LayerOp

LAYER = Layer(
    name="pointwise", op=LayerOp.CONV, source_op="Conv", in_shape=(6, 5, 16), out_shape=(6, 5, 24)
)
DIGITAL_WAYS = tuple((body, None, bal) for body in (Body.DOT4, Body.SCALAR) for bal in Balance)
WAYS = DIGITAL_WAYS + TILE_WAYS
LINE_BYTES = 32
BETWEEN_STORES, BETWEEN_LINES = 30, 15
LATE = 500
"""Turns of a loop by which the last hart comes late to the barrier."""

PROGRAM = {
    "first loads of 40 lines, DCACHE_FILLS": 40,
    "the same loads again, DCACHE_FILLS": 0,
    "40 stores, STORES": 40,
    # The second look at the counter is an access to a register.
    "40 uncached loads, UNCACHED": 40 + 1,
    "40 cached stores, UNCACHED": 1,
    "40 commands, CFU_COMMANDS": 40,
    "40 loads from the mailbox, SHARED_ACCESSES": 40,
    "code that has run before, ICACHE_FILLS": 0,
}


def sums(rows, *counters):
    return sum(rows[:, counter] for counter in counters)


@pytest.fixture(scope="module", params=MACHINES, ids=machine_id)
def machine(request):
    return request.param


@pytest.fixture(scope="module")
def counted(machine, tmp_path_factory):
    """(harts, 32) of what the program counted."""
    program = build_program("counters", tmp_path_factory.mktemp("counters"))
    (run,) = run_firmware(machine, [orders()], program)
    run.check()
    words = run.words(RESULTS_ADDR, 32 * machine.harts)
    return words.reshape(machine.harts, 32).astype(np.int64)


@pytest.mark.parametrize(("place", "what"), list(enumerate(PROGRAM)), ids=list(PROGRAM))
def test_known_number_of_events_is_counted(machine, counted, place, what):
    assert counted[:, place].tolist() == [PROGRAM[what]] * machine.harts


def test_nops_take_a_cycle_and_count_as_instructions(counted):
    nothing, nops, _, retired = counted[:, len(PROGRAM) : len(PROGRAM) + 4].T
    assert (nops - nothing == 64).all()
    # And the second look at minstret.
    assert (retired == 64 + 1).all()


def test_harts_sleep_until_the_last_has_come(machine, counted):
    slept = counted[:, len(PROGRAM) + 2]
    assert slept[-1] <= 2
    # Two to four instructions a turn.
    assert ((slept[:-1] > 2 * LATE) & (slept[:-1] < 5 * LATE)).all()


def test_totals_of_the_host_are_the_sums_of_the_harts(machine, counted):
    beats, shared, total_beats, total_shared = counted[:, len(PROGRAM) + 4 :].T[:4]
    # Counted a few instructions later; one of them is itself an access.
    assert 0 <= total_beats[0] - beats.sum() <= 100
    assert total_shared[0] - shared.sum() == 1
    assert shared.sum() == machine.harts * 2 * 40


@pytest.fixture(scope="module")
def measured(machine):
    cases = [
        Case(layer=LAYER, machine=machine, body=body, split=split, balance=balance, seed=7)
        for body, split, balance in WAYS
    ]
    results = measure(cases, limit_cycles=1_000_000, timeout_s=120)
    assert [result.problem for result in results] == [""] * len(cases)
    return results


def planned(case, plan):
    """(harts, tiles) by name: what each tile must count, if harts take the chunks they are given.

    STEAL: all in the row of hart 0. Harts without a tile count nothing.
    """
    machine = case.machine
    tight = case.body is Body.TIGHT
    post = plan.post_processes(machine.tile)
    shape = (machine.harts, machine.tight_tiles_per_hart if tight else machine.loose_tiles)
    names = ("MVMS", "BYTES_IN", "BYTES_OUT", "ROWS_USED", "COLS_USED", "CELLS", "WRITES", "TURNS",
             "PROGRAMS", "LOADS", "CONSTANTS")  # fmt: skip
    counts = {name: np.zeros(shape, np.int64) for name in names}
    first = plan.hart_first
    if plan.balance is Balance.STEAL:
        first = (0,) + (len(plan.chunks),) * machine.harts
    held = {}
    for hart in range(machine.tiled_harts if tight else machine.harts):
        for chunk in plan.chunks[first[hart] : first[hart + 1]]:
            pixels = chunk.pixel_end - chunk.pixel_begin
            for group in plan.groups[chunk.begin : chunk.end]:
                for block in group.blocks:
                    rows, cols = block.row_count, block.col_count
                    loads = post and held.get((hart, block.tile)) is not group
                    held[hart, block.tile] = group
                    for name, count in {
                        "MVMS": pixels,
                        "BYTES_IN": pixels * rows,
                        "BYTES_OUT": pixels * cols * (1 if post else machine.tile.output_bytes),
                        "ROWS_USED": pixels * rows,
                        "COLS_USED": pixels * cols,
                        "CELLS": pixels * rows * cols,
                        "WRITES": rows * cols // 4 * group.reprogram,
                        "PROGRAMS": group.reprogram,
                        "LOADS": loads,
                        "CONSTANTS": 2 * group.channel_count * loads,
                        "TURNS": 1 if group.reprogram or len(group.blocks) == 1 else pixels,
                    }.items():
                        counts[name][hart, block.tile] += count
    return counts


def requantised(plan, harts, post):
    """(harts,): commands to the digital unit that turn sums into outputs, unless tiles do."""
    commands = np.zeros(harts, np.int64)
    for hart in range(harts):
        for chunk in plan.chunks[plan.hart_first[hart] : plan.hart_first[hart + 1]]:
            pixels = chunk.pixel_end - chunk.pixel_begin
            counts = [group.channel_count for group in plan.groups[chunk.begin : chunk.end]]
            # The clamp; each output; each word of them.
            commands[hart] += 1
            if not post:
                commands[hart] += pixels * sum(count + -(-count // 4) for count in counts)
    return commands


def tiles_of(result):
    """(harts, tiles of one, counters) or (1, tiles, counters), and the tiles of the other kind."""
    machine = result.case.machine
    tight = machine.harts * machine.tight_tiles_per_hart
    rows = result.tile_counters
    if result.case.body is Body.TIGHT:
        shape = (machine.harts, machine.tight_tiles_per_hart, -1)
        return rows[:tight].reshape(shape), rows[tight:]
    return rows[tight:][None], rows[:tight]


def on_tiles(results, balance=None):
    return [
        result
        for result in results
        if result.case.body in (Body.TIGHT, Body.LOOSE) and balance in (None, result.case.balance)
    ]


def test_tiles_count_what_is_planned(measured):
    for result in on_tiles(measured):
        case, name = result.case, result.case.name
        wanted = planned(case, result.plan)
        counted, others = tiles_of(result)
        assert not others.any(), name
        if case.body is Body.LOOSE or case.balance is Balance.STEAL:
            wanted = {key: value.sum(axis=0, keepdims=True) for key, value in wanted.items()}
            counted = counted.sum(axis=0, keepdims=True)
        for key in ("MVMS", "BYTES_IN", "BYTES_OUT", "ROWS_USED", "COLS_USED"):
            actual = counted[:, :, TileStatusReg[key]]
            if case.balance is Balance.STEAL and result.plan.needs_digital_harts(case.machine):
                assert (actual <= wanted[key]).all() and actual.any(), f"{name}: {key}"
            else:
                assert (actual == wanted[key]).all(), f"{name}: {key}"
        writes = counted[:, :, TileStatusReg.PROGRAM_WRITES]
        if case.balance is Balance.STATIC:
            assert (writes == wanted["WRITES"]).all(), name
        if case.balance is Balance.STEAL and result.plan.needs_digital_harts(case.machine):
            continue
        # Each tile rounds down before and after.
        cells = counted[:, :, TileStatusReg.CELLS_USED] - wanted["CELLS"] / 64
        assert (np.abs(cells) < case.machine.harts + 1).all(), name
        busy = counted[:, :, TileStatusReg.BUSY_CYCLES]
        latency = case.machine.tile.mvm_latency_cycles
        assert (busy == counted[:, :, TileStatusReg.MVMS] * latency).all(), name


def test_programming_is_counted_before_the_layer_and_apart(machine):
    jobs = []
    copies = []
    for body, split, balance in (TILE_WAYS[0], TILE_WAYS[3]):
        rng = np.random.default_rng(3)
        layer = Layer(name="few", op=LayerOp.CONV, source_op="Conv", in_shape=(2, 2, 8),
                      out_shape=(2, 2, 8))  # fmt: skip
        groups = single_layer_groups(layer, machine, body, split)
        plan = plan_layer(layer, machine, body, balance, groups=groups, split=split)
        qlayer = random_quant_layer(layer, rng, weight_bits=machine.tile.weight_bits)
        steps, inputs = independent_steps([(qlayer, plan)], [random_inputs(layer, rng)])
        jobs.append(make_job(f"{body.name}", machine, steps, inputs))
        copies.append(machine.tiled_harts if body is Body.TIGHT else copies_of(groups))
    writes = 8 * 8 // 4
    for results, count in zip(run_jobs(jobs), copies, strict=True):
        program, conv = results.tile_counters[:, :, TileStatusReg.PROGRAM_WRITES]
        assert (program.sum(), conv.sum()) == (count * writes, 0)


def test_programming_of_measured_cases_is_not_in_their_cycles(measured):
    for result in on_tiles(measured):
        resident = not all(group.reprogram for group in result.plan.groups)
        assert (result.program_cycles > 0) == resident, result.case.name


def test_harts_measure_the_same_time_between_barriers(machine, measured):
    memory = machine.memory
    line_beats = 32 // memory.bytes_per_cycle
    fetch_cycles = memory.latency_cycles + 8 + machine.harts * line_beats
    for result in measured:
        cycles = result.hart(HartCounter.CYCLES)
        assert result.rtl_cycles == cycles.max()
        # They wake, and read their counters, up to eight fetches apart: all of that code is cold.
        assert np.ptp(cycles) <= 8 * fetch_cycles, result.case.name


def test_last_hart_at_the_barrier_does_not_sleep(measured):
    for result in measured:
        if result.case.body is not Body.LOOSE:
            assert result.hart(HartCounter.SLEEP_CYCLES).min() <= 4, result.case.name


def test_harts_sleep_for_loose_tiles_that_others_hold(machine, measured):
    """And cost what a sleeping hart costs."""
    profile = load_profile("gf22")
    for result in measured:
        if result.case.body is not Body.LOOSE or machine.harts <= machine.loose_tiles:
            continue
        slept = result.hart(HartCounter.SLEEP_CYCLES).sum()
        # All that harts compute takes turns on the tiles.
        assert slept > result.rtl_cycles, result.case.name
        harts, tiles = (
            [dict(enumerate(row.tolist())) for row in rows]
            for rows in (result.hart_counters, result.tile_counters)
        )
        counters = RunCounters(harts=harts, tiles=tiles, cycles=result.rtl_cycles)
        energy = energy_of(counters, machine, profile)
        assert energy.hart_asleep_pj == pytest.approx(slept * profile.hart_asleep_pj_per_cycle)


def test_waiting_and_working_fit_into_the_time(measured):
    for result in measured:
        rows = result.hart_counters
        awake = rows[:, HartCounter.CYCLES] - rows[:, HartCounter.SLEEP_CYCLES]
        assert (rows[:, HartCounter.INSTRUCTIONS] <= awake).all(), result.case.name
        for waiting in ("DBUS_WAIT_CYCLES", "IBUS_WAIT_CYCLES", "CFU_WAIT_CYCLES"):
            assert (rows[:, HartCounter[waiting]] < awake).all(), result.case.name
        assert (rows[:, HartCounter.MEMORY_BEATS] < awake).all(), result.case.name


def test_memory_beats_are_lines_and_stores(machine, measured):
    width = machine.memory.bytes_per_cycle
    line_beats = LINE_BYTES // width
    for result in measured:
        rows = result.hart_counters
        lines = sums(rows, HartCounter.ICACHE_FILLS, HartCounter.DCACHE_FILLS)
        stores = sums(rows, HartCounter.STORES)
        writes = rows[:, HartCounter.MEMORY_BEATS] - lines * line_beats
        # Stores, of a byte at least, may join to a beat. Lines fetched while counters are read.
        assert (writes <= stores + 4 * line_beats).all(), result.case.name
        assert (writes >= stores // width - 4 * line_beats).all(), result.case.name


def test_machines_counters_are_those_of_the_harts(machine, measured):
    for result in measured:
        beats = result.machine(MachineCounter.MEMORY_BEATS)
        rest = beats - result.hart(HartCounter.MEMORY_BEATS).sum()
        # What each hart stores and fetches before the one barrier and after the other.
        line_beats = LINE_BYTES // machine.memory.bytes_per_cycle
        most = machine.harts * (BETWEEN_STORES + BETWEEN_LINES * line_beats)
        assert 0 <= rest <= most, result.case.name
        shared = result.machine(MachineCounter.SHARED_TRANSFERS)
        transfers = shared - result.hart(HartCounter.SHARED_ACCESSES).sum()
        assert 0 < transfers <= 2 * len(MachineCounter), result.case.name
        assert not result.machine_counters[MachineCounter.SCRATCHPAD_BEATS :].any()


def test_every_output_is_stored(measured):
    outputs = LAYER.pixels * LAYER.out_shape[2]
    for result in measured:
        stores = result.hart(HartCounter.STORES).sum()
        assert stores >= outputs // 4, result.case.name


def test_only_loose_tiles_are_on_the_shared_bus(machine, measured):
    for result in measured:
        shared = result.hart(HartCounter.SHARED_ACCESSES)
        if result.case.body is not Body.LOOSE:
            assert not shared.any(), result.case.name
            continue
        wanted = {key: value.sum() for key, value in planned(result.case, result.plan).items()}
        words = (wanted["BYTES_IN"] + wanted["BYTES_OUT"]) // 4
        # Per MVM: room? start, result? Per turn of a block: two of window, one of scale.
        least = words + 3 * wanted["MVMS"] + 3 * wanted["TURNS"]
        assert shared.sum() >= least, result.case.name


def test_tight_tiles_get_exactly_the_commands_they_need(measured):
    for result in on_tiles(measured, Balance.STATIC):
        machine, plan = result.case.machine, result.plan
        commands = result.hart(HartCounter.CFU_COMMANDS)
        post = plan.post_processes(machine.tile)
        digital = requantised(plan, machine.harts, post)
        if result.case.body is Body.LOOSE:
            assert (commands == digital).all(), result.case.name
            continue
        wanted = {
            key: value.sum(axis=1) for key, value in planned(result.case, result.plan).items()
        }
        # Eight bytes in, four bytes out; a start for each MVM, and its tile named for input and
        # output; for each window its tile and three words; the weights, each block's after a tile.
        # A tile that requantises is named once for all, and SHIFT written again; its constants
        # follow the tile, the activation and the column.
        expected = (
            digital
            + wanted["BYTES_IN"] // 8
            + wanted["BYTES_OUT"] // 4
            + (1 if post else 3) * wanted["MVMS"]
            + (5 if post else 4) * wanted["TURNS"]
            + wanted["WRITES"]
            + wanted["PROGRAMS"]
            + wanted["CONSTANTS"]
            + 3 * wanted["LOADS"]
        )
        # Others compute with DOT4.
        with_tiles = slice(machine.tiled_harts if plan.needs_digital_harts(machine) else None)
        assert (commands == expected)[with_tiles].all(), result.case.name


def test_digital_bodies_use_the_dot_product_unit_or_not(measured):
    dot4, scalar = (
        [r.hart(HartCounter.CFU_COMMANDS).sum() for r in measured if r.case.body is body]
        for body in (Body.DOT4, Body.SCALAR)
    )
    assert min(dot4) >= LAYER.macs // 4
    assert max(dot4) <= LAYER.macs // 2
    assert max(scalar) == 0
