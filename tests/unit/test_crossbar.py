# amaranth: UnusedElaboratable=no
import random

import pytest
from crossbar_bench import ADDR_WIDTH, SIZE_WORDS, Bench, run
from simulate import simulate
from tightrope.hw.bus.crossbar import Crossbar
from tightrope.hw.bus.wide_port import WidePort, WideRequest
from tightrope.hw.bus.word_port import BankPort, WordPort
from tightrope.hw.config import HwConfigError


def random_request(rng, words, limit):
    # Few addresses, so that requesters meet; some at the end of the memory.
    addr = rng.randrange(limit) if rng.random() < 0.9 else SIZE_WORDS + rng.randrange(-words, 3)
    return {
        "addr": addr,
        "write": rng.randrange(2),
        "count": rng.randint(1, words),
        "data": [rng.getrandbits(32) for _ in range(words)],
        "mask": [rng.choice([0xF, rng.randrange(16)]) for _ in range(words)],
    }


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("words", "banks"),
    [((1, 1, 1), 4), ((4, 1, 2, 4), 4), ((1, 1, 1, 8, 4), 8), ((1, 16, 2), 16), ((8, 1), 32)],
)
def test_random_traffic_matches_a_memory_and_nobody_waits_more_than_his_turn(words, banks, seed):
    rng = random.Random(seed)
    count = len(words)

    async def body(ctx, driver):
        for _ in range(200):
            for i in range(count):
                if driver.present[i] is None and rng.random() < 0.7:
                    driver.start(ctx, i, **random_request(rng, words[i], 3 * banks))
                elif driver.present[i] is not None and rng.random() < 0.05:
                    driver.withdraw(ctx, i)
            await driver.cycle(ctx)
        for requests in driver.finished:
            assert len(requests) > 200 // 2 // count
            assert max(request.waited_cycles for request in requests) < count

    try:
        run(Bench(words=words, banks=banks), body)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("words", [(1,) * 8, (1, 4, 1, 1, 4)])
def test_requesters_of_one_bank_get_equal_shares_and_wait_one_turn(words):
    count = len(words)

    async def body(ctx, driver):
        cycles = 5 * count + 3
        for _ in range(cycles):
            for i in range(count):
                if driver.present[i] is None:
                    driver.start(ctx, i, addr=4, count=1)
            assert len(await driver.cycle(ctx)) == 1
        shares = [len(requests) for requests in driver.finished]
        assert sum(shares) == cycles and max(shares) - min(shares) <= 1
        for requests in driver.finished:
            assert [request.waited_cycles for request in requests[1:]] == [count - 1] * (
                len(requests) - 1
            )

    run(Bench(words=words, banks=4), body)


@pytest.mark.parametrize("write", [0, 1])
@pytest.mark.parametrize(
    ("words", "banks"), [((2,), 4), ((4, 4, 4, 4), 16), ((8, 1, 1, 4, 2), 16), ((16,), 16)]
)
def test_without_conflicts_each_requester_is_served_in_each_cycle(words, banks, write):
    async def body(ctx, driver):
        for start in range(20):
            # Neighbours, so no two in one bank.
            addr = start
            for i, count in enumerate(words):
                data = [addr + j for j in range(count)]
                driver.start(ctx, i, addr=addr, write=write, data=data)
                addr += count
            assert await driver.cycle(ctx) == list(range(len(words)))

    run(Bench(words=words, banks=banks), body)


def test_a_wide_request_keeps_its_words_and_ends_within_a_turn():
    words = (1, 1, 1, 1, 8)

    async def body(ctx, driver):
        driver.start(ctx, 4, addr=5, write=1, data=list(range(100, 108)))
        await driver.cycle(ctx)
        # Four requesters in the bank of word 3; they come first, because the port was last.
        for i in range(4):
            driver.start(ctx, i, addr=8)
        driver.start(ctx, 4, addr=5)
        for i in range(4):
            assert await driver.cycle(ctx) == [i]
            assert sorted(driver.present[4].granted) == [0, 1, 2, 4, 5, 6, 7]
        assert await driver.cycle(ctx) == [4]

    run(Bench(words=words, banks=8), body)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 15])
def test_a_wide_request_for_no_words_is_answered_and_one_for_too_many_gets_all(count):
    async def body(ctx, driver):
        driver.start(ctx, 0, addr=3, write=1, data=list(range(8)))
        assert await driver.cycle(ctx) == [0]
        driver.start(ctx, 0, addr=3, count=count)
        assert await driver.cycle(ctx) == [0]
        assert len(driver.finished[0][-1].granted) == min(count, 8)

    run(Bench(words=(8,), banks=8), body)


def test_a_wide_port_of_one_word_passes_it_on():
    dut = WidePort(words=1, addr_width=ADDR_WIDTH)
    request, lane = dut.request, dut.lanes[0]

    async def testbench(ctx):
        for addr, ready in ((5, 0), (5, 1), (1 << ADDR_WIDTH - 1, 1)):
            for name, value in (("valid", 1), ("addr", addr), ("count", 1), ("data", 7)):
                ctx.set(getattr(request, name), value)
            ctx.set(lane.ready, ready)
            assert ctx.get(lane.valid) and ctx.get(lane.addr) == addr and ctx.get(lane.data) == 7
            assert ctx.get(request.ready) == ready
            await ctx.tick()
            ctx.set(lane.rdata, addr + 1)
            assert ctx.get(request.rsp_valid) == ready
            assert not ready or ctx.get(request.rdata) == addr + 1

    simulate(dut, testbench)


@pytest.mark.parametrize("addr", [SIZE_WORDS, SIZE_WORDS + 5, (1 << ADDR_WIDTH) - 1])
@pytest.mark.parametrize("write", [0, 1])
def test_a_word_beyond_the_end_is_an_error_and_changes_nothing(addr, write):
    async def body(ctx, driver):
        kept = [*range(8), *range(SIZE_WORDS - 8, SIZE_WORDS)]
        for word in kept:
            driver.start(ctx, 0, addr=word, write=1, data=[word + 1])
            assert await driver.cycle(ctx) == [0]
        for i, count in enumerate((1, 8)):
            # The wide one begins inside, for the lowest address, or would wrap at the highest.
            driver.start(ctx, i, addr=addr - count // 4, write=write, data=[0xBAD] * count)
            assert await driver.cycle(ctx) == [i]
            assert driver.finished[i][-1].error
        for word in kept:
            driver.start(ctx, 0, addr=word)
            assert await driver.cycle(ctx) == [0]
            assert not ctx.get(driver.bench.ports[0].error)

    run(Bench(words=(1, 8), banks=8), body)


def test_reset_forgets_requests_and_turns_but_not_the_contents():
    async def body(ctx, driver):
        for i in (0, 1):
            driver.start(ctx, i, addr=0, write=1, data=[7] * driver.bench.words[i])
        assert await driver.cycle(ctx) == [0]
        assert driver.present[1].granted.keys() == {1, 2, 3}
        driver.withdraw(ctx, 1)
        # The answer to this one is lost, and its place in the turn too.
        driver.start(ctx, 0, addr=SIZE_WORDS)
        ctx.set(driver.bench.clear, 1)
        await ctx.tick()
        ctx.set(driver.bench.clear, 0)
        assert not ctx.get(driver.bench.ports[0].error)
        driver.withdraw(ctx, 0)
        for i in (0, 1):
            driver.start(ctx, i, addr=0)
        assert await driver.cycle(ctx) == [0]
        assert await driver.cycle(ctx) == [1]
        assert driver.finished[1][-1].granted == {0: 7, 1: 7, 2: 7, 3: 7}

    run(Bench(words=(1, 4), banks=4), body)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lanes": (1, 8)}, r"lanes\[1\] must be a power of two from 1 to 4, not 8"),
        ({"lanes": (3,)}, r"lanes\[0\] must be a power of two from 1 to 4, not 3"),
        ({"lanes": ()}, "lanes must name at least one requester"),
        ({"banks": 64}, "banks must be a power of two from 2 to 32, not 64"),
        ({"bank_words": 100}, "bank_words must be a power of two from 2 to 268435456, not 100"),
        ({"addr_width": 6}, "addr_width must be an integer from 7 to 30, not 6"),
    ],
)
def test_crossbar_refuses(change, message):
    good = {"lanes": (1, 4), "banks": 4, "bank_words": 16, "addr_width": 7}
    Crossbar(**good)
    with pytest.raises(HwConfigError, match=rf"^crossbar\.{message}$"):
        Crossbar(**{**good, **change})


@pytest.mark.parametrize("words", [0, 3, 32, 2.0, None])
def test_wide_port_refuses_bad_words(words):
    with pytest.raises(HwConfigError, match="^wide port words must be a power of two from 1 to 16"):
        WidePort(words=words, addr_width=ADDR_WIDTH)


def test_wide_port_refuses_an_address_narrower_than_its_words():
    message = "^wide port addr_width must be an integer from 4 to 30, not 3$"
    with pytest.raises(HwConfigError, match=message):
        WidePort(words=8, addr_width=3)


def test_interfaces_of_equal_parameters_are_equal():
    assert WordPort(addr_width=8) == WordPort(addr_width=8) != WordPort(addr_width=9)
    assert BankPort(words=8) == BankPort(words=8) != BankPort(words=16)
    wide = WideRequest(words=8, addr_width=9)
    assert wide == WideRequest(words=8, addr_width=9) != WideRequest(words=4, addr_width=9)
