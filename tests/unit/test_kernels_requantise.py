import numpy as np
from host_firmware import host_library
from tightrope.hw.isa import AccOp, CfuOp
from tightrope.sim.golden import requantise


def cfu(family, argument, rs1=0, rs2=0, *, op=CfuOp.ACC):
    return host_library().host_cfu(op, 16 * family + argument, rs1 & 0xFFFFFFFF, rs2 & 0xFFFFFFFF)


def cfu_requantise(acc, multiplier, shift):
    """The requantiser of the CFU's host twin, clamped to all of int8."""
    cfu(AccOp.ACTIVATION, 0, 0x7F8000)
    cfu(AccOp.REQUANTISE, 0, acc, multiplier | shift)
    return int(np.int32(cfu(AccOp.TAKE, 0)) >> 24)


def some_accumulators(rng):
    return [0, 1, -1, 2**31 - 1, -(2**31), *(int(x) for x in rng.integers(-(2**31), 2**31, 300))]


def test_requantise_is_exact_over_the_whole_range():
    rng = np.random.default_rng(5)
    library = host_library()
    accs = some_accumulators(rng)
    multipliers = [0, 64, 2**31, 2**32 - 64, *(64 * int(x) for x in rng.integers(0, 2**26, 20))]
    for shift in range(32, 63):
        for multiplier in multipliers:
            wanted = [int(x) for x in requantise(np.array(accs, np.int64), multiplier, shift)]
            got = [library.host_requantise(acc, multiplier, shift) for acc in accs]
            assert got == wanted, (shift, multiplier)
            got = [cfu_requantise(acc, multiplier, shift) for acc in accs[:30]]
            assert got == list(np.clip(wanted[:30], -128, 127)), (shift, multiplier)


def test_requantise_rounds_ties_to_even():
    library = host_library()
    for shift in (32, 33, 40, 62):
        for acc in range(-9, 10):
            multiplier = 1 << 31
            wanted = int(requantise(np.array([acc], np.int64), multiplier, shift)[0])
            assert library.host_requantise(acc, multiplier, shift) == wanted
            assert cfu_requantise(acc, multiplier, shift) == wanted


def test_an_addition_that_scales_by_one_is_exact_where_it_is_not_clamped():
    one = 0xFFFFFFC0
    for value in [*range(-400, 401), 2**30, -(2**30), 2**24 + 1, 127 - 2**25]:
        assert cfu_requantise(value, one, 32) == max(-128, min(127, value))
