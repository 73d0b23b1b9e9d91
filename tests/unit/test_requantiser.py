import random

import pytest
from cfu_bench import WORD, DigitalModel, acc, random_activation, random_scale, random_value, signed
from tightrope.hw.digital.requantiser import Requantiser
from tightrope.hw.isa import AccOp
from tile_bench import run

ANY_BYTE = 0x7F_80_00
LATENCY_CYCLES = 3


def check(cases, activation=ANY_BYTE, expected=None, pause=None, note=""):
    """Each of ``cases`` (value, scale) gives what is right, and when it should."""
    dut = Requantiser()
    model = DigitalModel()
    model.execute(*acc(AccOp.ACTIVATION), activation)
    if expected is None:
        expected = [model.requantised(value & WORD, scale) for value, scale in cases]
    due = {}  # by cycle
    cycle = 0

    async def testbench(ctx):
        nonlocal cycle
        ctx.set(dut.activation.as_value(), activation)
        waiting = list(zip(cases, expected, strict=True))
        while waiting or due:
            give = bool(waiting) and not (pause and pause())
            ctx.set(dut.i.valid, give)
            ctx.set(dut.i.payload.as_value(), 0xDEAD_BEEF_DEAD_BEEF)
            assert ctx.get(dut.busy) == bool(due)
            if give:
                (value, scale), result = waiting.pop(0)
                ctx.set(dut.i.payload.as_value(), scale << 32 | value & WORD)
                due[cycle + LATENCY_CYCLES] = value, scale, result
            assert ctx.get(dut.o.valid) == (cycle in due)
            if cycle in due:
                value, scale, result = due.pop(cycle)
                assert ctx.get(dut.o.payload) == result, f"{value} * {scale:#x} {note}"
            await ctx.tick()
            cycle += 1
        assert not ctx.get(dut.busy)

    run(dut, [], testbench)
    return cycle


def test_a_value_per_cycle():
    assert check([(i, (1 << 32) - 64 | 32) for i in range(-100, 100)]) == 200 + LATENCY_CYCLES


@pytest.mark.parametrize("multiplier", [1 << 6, 1 << 20, 1 << 31])
def test_ties_go_to_the_even_neighbour_and_what_is_near_does_not(multiplier):
    cases = []
    for shift in range(32, 63):
        half = (1 << shift) // multiplier // 2  # times the multiplier is a half
        for odd in range(-7, 8, 2):
            value = odd * half
            cases += [(value + d, multiplier | shift) for d in (-1, 0, 1)
                      if 2 * half * multiplier == 1 << shift
                      and -(1 << 31) <= value + d < 1 << 31]  # fmt: skip
    assert len(cases) > 100
    check(cases)


def test_extremes():
    values = [-(1 << 31), -(1 << 31) + 1, (1 << 31) - 1, -1, 0, 1]
    multipliers = [0, 64, 128, 1 << 31, (1 << 32) - 128, (1 << 32) - 64]
    shifts = [32, 33, 47, 61, 62]
    check([(value, multiplier | shift) for value in values
           for multiplier in multipliers for shift in shifts])  # fmt: skip


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 1, 127])
def test_whatever_is_out_of_range_is_clipped_for_any_zero_point(zero_point):
    values = [*range(-520, 521), *(sign << i for i in range(9, 32) for sign in (1, -1))]
    values = [value for value in values if value < 1 << 31]
    for low, high in ((-128, 127), (0, 127), (-128, -128), (5, 5)):
        activation = (zero_point & 0xFF) | (low & 0xFF) << 8 | (high & 0xFF) << 16
        check([(value, 1 << 31 | 32) for value in values], activation)
        check([(value, (1 << 32) - 64 | 32) for value in values], activation)


def test_a_shift_counts_modulo_32():
    rng = random.Random(3)
    cases = [(random_value(rng), 64 * rng.getrandbits(26) | shift) for shift in range(63)]
    cases += [(random_value(rng), shift) for shift in range(64)]
    # Shift 63 is not golden's: what is less than half of 1 becomes 0.
    cases += [(1 << 30, 1 << 31 | shift) for shift in (31, 63)]
    model = DigitalModel()
    model.execute(*acc(AccOp.ACTIVATION), ANY_BYTE)
    del cases[31]
    expected = [model.requantised(value, 32 | scale) for value, scale in cases[:-66]]
    check(cases, expected=expected + [0] * 66, note="seed 3")


@pytest.mark.parametrize("seed", range(8))
def test_random_values(seed):
    rng = random.Random(seed)
    activation = random_activation(rng)
    cases = [(random_value(rng), random_scale(rng)) for _ in range(1500)]
    # A scale such that results are often inside -128 .. 127.
    for _ in range(1500):
        value = random_value(rng)
        bits = abs(signed(value)).bit_length()
        cases.append((value, 64 * rng.getrandbits(26) | 32 + max(0, bits - rng.randint(5, 9))))
    check(cases, activation, pause=lambda: rng.random() < 0.2, note=f"seed {seed}")
