"""What the host link answers to requests, good and bad."""

import random
import zlib

import pytest
from link_bench import (
    BLOCKS,
    CONFIG,
    DRAIN_CYCLES,
    IDENTITY,
    PERIOD_S,
    SILENCE_CYCLES,
    Bench,
    packed,
)
from tightrope.fpga.host.frames import request_bytes
from tightrope.fpga.link.protocol import BLOCK_WORDS, VERSION, Answer, Command, check_word

MEMORY_WORDS = CONFIG.memory.size_bytes // 4


def run(testbench, **options):
    bench = Bench(**options)

    async def with_bench(ctx):
        await testbench(bench, ctx)

    bench.run(with_bench)
    return bench


def test_says_which_machine_it_is():
    async def test(bench, ctx):
        reply = await bench.ask(ctx, Command.IDENTIFY, 7)
        assert (reply.answer, reply.number, reply.version) == (Answer.OK, 7, VERSION)
        assert reply.words == IDENTITY.words()

    run(test)


@pytest.mark.parametrize("latency_cycles", [1, 9])
def test_memory_holds_what_was_written(latency_cycles):
    rng = random.Random(latency_cycles)
    words = [rng.getrandbits(32) for _ in range(9)]

    async def test(bench, ctx):
        reply = await bench.ask(ctx, Command.WRITE, 1, first=100, count=9, payload=packed(words))
        assert (reply.answer, reply.payload) == (Answer.OK, b"")
        reply = await bench.ask(ctx, Command.READ, 2, first=101, count=8)
        assert (reply.answer, list(reply.words)) == (Answer.OK, words[1:])

    bench = run(test, memory_latency_cycles=latency_cycles)
    assert bench.words == dict(zip(range(100, 109), words, strict=True))


def test_checksums_are_those_of_zlib():
    rng = random.Random(3)
    words = [rng.getrandbits(32) for _ in range(2 * BLOCK_WORDS)]

    async def test(bench, ctx):
        bench.words |= dict(zip(range(BLOCK_WORDS, 3 * BLOCK_WORDS), words, strict=True))
        reply = await bench.ask(ctx, Command.CHECKSUMS, 1, first=BLOCK_WORDS, count=2)
        halves = words[:BLOCK_WORDS], words[BLOCK_WORDS:]
        assert reply.words == tuple(zlib.crc32(packed(half)) for half in halves)

    run(test)


def test_the_machine_is_held_until_it_is_started_and_its_memory_is_out_of_reach_then():
    async def test(bench, ctx):
        assert (await bench.status(ctx, Command.STATUS))["held"] == 1
        assert (await bench.ask(ctx, Command.START, 1)).answer == Answer.OK
        assert ctx.get(bench.link.hold) == 0
        assert (await bench.status(ctx, Command.STATUS))["held"] == 0
        for command in (Command.READ, Command.CHECKSUMS):
            assert (await bench.ask(ctx, command, 2, count=1)).answer == Answer.NOT_HELD
        reply = await bench.ask(ctx, Command.WRITE, 3, count=1, payload=packed([1]))
        assert reply.answer == Answer.NOT_HELD
        assert (await bench.ask(ctx, Command.HOLD, 4)).answer == Answer.OK
        assert ctx.get(bench.link.hold) == 1

    assert run(test).writes == 0


def test_status_tells_how_a_run_ended_once_its_stores_are_in_memory():
    ends = {
        "exit_status": 0x81, "cycles": 0xFEDCBA98, "fault_hart": 3, "fault_cause": 5,
        "fault_addr": 0x40000004, "fault_pc": 0x40000100,
    }  # fmt: skip

    async def test(bench, ctx):
        await bench.ask(ctx, Command.START, 1)
        for name, value in ends.items():
            ctx.set(getattr(bench.link, name), value)
        assert await bench.status(ctx, Command.STATUS) == {"held": 0, "done": 0} | ends
        # Its reply is read right after the request: too early for the stores.
        request = request_bytes(Command.STATUS, 2)
        await bench.say(ctx, request[:-1])
        ctx.set(bench.link.done, 1)
        await bench.say(ctx, request[-1:])
        await ctx.delay(DRAIN_CYCLES * PERIOD_S)
        await bench.reply(ctx)
        assert await bench.status(ctx, Command.STATUS) == {"held": 0, "done": 1} | ends

    run(test)


@pytest.mark.parametrize(
    ("command", "first", "count", "answer"),
    [
        (Command.READ, MEMORY_WORDS - 1, 1, Answer.OK),
        (Command.READ, MEMORY_WORDS - 1, 2, Answer.BAD_RANGE),
        (Command.READ, 0xFFFF_FFFF, 1, Answer.BAD_RANGE),
        (Command.READ, 0, BLOCK_WORDS + 1, Answer.BAD_RANGE),
        (Command.READ, 0, 0x8000_0000, Answer.BAD_RANGE),
        (Command.READ, 0, 0, Answer.OK),
        (Command.CHECKSUMS, 0, BLOCKS + 1, Answer.BAD_RANGE),
        (Command.CHECKSUMS, 0, 0xFFFF_FFFF, Answer.BAD_RANGE),
        (99, 0, 0, Answer.BAD_COMMAND),
        (0, 0, 0, Answer.BAD_COMMAND),
    ],
)
def test_what_cannot_be_is_refused(command, first, count, answer):
    async def test(bench, ctx):
        reply = await bench.ask(ctx, command, 5, first=first, count=count)
        assert (reply.answer, reply.number) == (answer, 5)

    run(test)


def test_a_request_of_another_version_is_answered_with_ours_and_not_obeyed():
    async def test(bench, ctx):
        body = bytearray(request_bytes(Command.START, 9)[:-4])
        body[3] = VERSION + 1
        await bench.say(ctx, bytes(body) + check_word(body))
        reply = await bench.reply(ctx)
        assert (reply.answer, reply.version) == (Answer.WRONG_VERSION, VERSION)
        assert ctx.get(bench.link.hold) == 1

    run(test)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_request_changes_nothing_and_the_next_one_is_understood(seed):
    rng = random.Random(seed)
    request = request_bytes(Command.WRITE, 1, first=4, count=2, payload=packed([1, 2]))
    bit = rng.randrange(8 * len(request))
    damaged = bytearray(request)
    damaged[bit // 8] ^= 1 << bit % 8

    async def test(bench, ctx):
        await bench.say(ctx, bytes(damaged))
        await ctx.delay((SILENCE_CYCLES + 1000) * PERIOD_S)
        assert all(reply.answer != Answer.OK for reply in bench.replies), f"seed {seed}"
        bench.replies.clear()
        assert bench.writes == 0, f"seed {seed}"
        assert (await bench.ask(ctx, Command.STATUS, 2)).answer == Answer.OK

    run(test)


@pytest.mark.parametrize("length", [1, 11, 13, 17, 22])
def test_a_request_that_breaks_off_is_answered_after_a_silence(length):
    request = request_bytes(Command.WRITE, 1, first=4, count=2, payload=packed([1, 2]))

    async def test(bench, ctx):
        await bench.say(ctx, request[:length])
        assert (await bench.reply(ctx)).answer == Answer.BAD_FRAME
        assert bench.writes == 0
        assert (await bench.ask(ctx, Command.STATUS, 2)).answer == Answer.OK

    run(test)


def test_bytes_before_a_request_are_skipped():
    async def test(bench, ctx):
        await bench.say(ctx, bytes([0x00, 0xFF, 0x5A, 0x13]))
        assert (await bench.ask(ctx, Command.STATUS, 3)).number == 3
        assert not bench.replies

    run(test)
