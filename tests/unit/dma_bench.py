"""A DMA engine between two memories that do what their ports promise, and what it should do."""

import random
from collections import deque

import numpy as np
from amaranth.hdl import Cat
from amaranth.sim import Simulator
from tightrope.hw.config import MemoryConfig
from tightrope.hw.dma.block import Direction, DmaError
from tightrope.hw.dma.engine import DmaEngine

MEMORY_BYTES = 1 << 16
SCRATCHPAD_BYTES = 1 << 13
ADDR_WIDTH = 12
"""Addresses of twice the scratchpad's size."""


def make_engine(*, words, channel_count=1, **memory):
    return DmaEngine(
        config=MemoryConfig(size_bytes=MEMORY_BYTES, **memory),
        words=words,
        scratchpad_bytes=SCRATCHPAD_BYTES,
        addr_width=ADDR_WIDTH,
        channel_count=channel_count,
    )


def block(direction, *, memory, scratchpad, row_bytes, rows=1, pitches=None):
    """A descriptor; pitches, of main memory and scratchpad, are dense unless given."""
    pitches = pitches or (row_bytes, row_bytes)
    return {
        "direction": direction, "memory": memory, "scratchpad": scratchpad,
        "row_bytes": row_bytes, "rows": rows,
        "memory_pitch": pitches[0], "scratchpad_pitch": pitches[1],
    }  # fmt: skip


def move(descriptor, memory, scratchpad):
    """What a block should do; returns the memory that is written and the places in it."""
    places = []
    for row in range(descriptor["rows"]):
        near = descriptor["memory"] + row * descriptor["memory_pitch"]
        far = descriptor["scratchpad"] + row * descriptor["scratchpad_pitch"]
        there = memory[near : near + descriptor["row_bytes"]]
        here = scratchpad[far : far + descriptor["row_bytes"]]
        if descriptor["direction"] == Direction.LOAD:
            here[:] = there
            places.append(np.arange(far, far + len(here)))
        else:
            there[:] = here
            places.append(np.arange(near, near + len(there)))
    return np.concatenate(places)


def random_block(rng, channel, channel_count):
    """Any block within a channel's share of both memories."""
    shares = [size // channel_count // 32 * 32 for size in (MEMORY_BYTES, SCRATCHPAD_BYTES)]
    rows = rng.choice([1, 1, 2, 3, 7])
    row_words = rng.choice([1, 2, 3, 8, 31, rng.randint(1, 60)])
    pitches, starts = [], []
    for share in shares:
        most = (share // 4 - row_words) // max(rows - 1, 1)
        pitch = 4 * min(rng.choice([0, row_words, rng.randint(0, 70)]), most)
        span = 4 * row_words + (rows - 1) * pitch
        start = 4 * rng.randint(0, (share - span) // 4)
        # Often where lines begin, and at both ends of the share.
        start = rng.choice([start, start // 32 * 32, 0, share - span])
        pitches.append(pitch)
        starts.append(channel * share + start)
    return block(
        rng.choice(list(Direction)), memory=starts[0], scratchpad=starts[1],
        row_bytes=4 * row_words, rows=rows, pitches=pitches,
    )  # fmt: skip


class DmaBench:
    """``ready_ratio`` of the cycles a memory takes a request; answers of main memory are late at
    random if it is below 1.
    """

    def __init__(self, *, seed=0, ready_ratio=1.0, **engine):
        self.engine = make_engine(**engine)
        self.latency_cycles = engine.get("latency_cycles", 8)
        self.width_bytes = engine.get("bytes_per_cycle", 16)
        self.rng = random.Random(seed)
        self.ready_ratio = ready_ratio
        noise = np.random.default_rng(seed)
        self.memory = noise.integers(0, 256, MEMORY_BYTES, np.uint8)
        self.scratchpad = noise.integers(0, 256, SCRATCHPAD_BYTES, np.uint8)
        self.cycle = 0
        self.accesses = []
        """Cycle, port and byte address of each request that was taken."""
        self.ends = []
        """Cycle, channel and error of each block's end."""
        self.on_end = None
        """Called with the channel and the error of each end."""
        self.busy_cycles = self.wait_cycles = 0
        self.counters = {}
        """Those of the engine at the end."""
        self._answers = deque()
        self._next_answer_cycle = 0

    async def _serve(self, ctx):
        engine = self.engine
        ports = (engine.memory_read, engine.memory_write, engine.scratchpad)
        names = (
            ("valid", "ready", "addr", "line", "we"),
            ("valid", "ready", "addr", "data", "mask"),
            ("valid", "ready", "addr", "write", "count", "data", "mask"),
        )
        signals = [
            getattr(port, name) for port, own in zip(ports, names, strict=True) for name in own
        ]
        waiting = [None] * 3
        state = (engine.done, engine.busy, *(engine.errors[i] for i in range(len(engine.busy))))
        async for _, _, *values in ctx.tick().sample(*signals, *state):
            self.cycle += 1
            taken = []
            waits = False
            for i, own in enumerate(names):
                (valid, ready, *request), values = values[: len(own)], values[len(own) :]
                if i == 2 and not request[1]:
                    request[3:] = [0, 0]  # what a read would write is nobody's business
                assert waiting[i] is None or (valid and waiting[i] == request)
                waiting[i] = request if valid and not ready else None
                waits |= valid and not ready
                taken.append(request if valid and ready else None)
                if taken[i]:
                    self.accesses.append((self.cycle, i, 4 * request[0]))
            done, busy, *errors = values
            self.wait_cycles += waits
            self.busy_cycles += busy != 0
            self._read(ctx, taken[0])
            self._write(taken[1])
            rdata = self._access(*taken[2]) if taken[2] else self.rng.getrandbits(32)
            ctx.set(engine.scratchpad.rdata, rdata)
            ctx.set(engine.scratchpad.rsp_valid, taken[2] is not None)
            for channel, error in enumerate(errors):
                if done >> channel & 1:
                    assert busy >> channel & 1
                    self.ends.append((self.cycle, channel, DmaError(error)))
                    if self.on_end:
                        self.on_end(channel, DmaError(error))
            if self.ready_ratio < 1:
                for port in ports:
                    ctx.set(port.ready, self.rng.random() < self.ready_ratio)

    def _read(self, ctx, request):
        if request:
            addr, line, we = request
            width = self.width_bytes
            assert not we and (not line or addr % 8 == 0)
            first = 4 * addr // width * width
            count = 32 // width if line else 1
            late = self.rng.choice([0, 0, 5, 20]) if self.ready_ratio < 1 else 0
            due = max(self.cycle + self.latency_cycles - 1 + late, self._next_answer_cycle)
            self._next_answer_cycle = due + count
            for beat in range(count):
                place = first + beat * width
                assert place + width <= MEMORY_BYTES
                data = self.memory[place : place + width].tobytes()
                self._answers.append((due + beat, int.from_bytes(data, "little")))
        port = self.engine.memory_read
        answers = bool(self._answers) and self._answers[0][0] <= self.cycle
        ctx.set(port.rsp_valid, answers)
        ctx.set(port.rsp_data, self._answers.popleft()[1] if answers else self.rng.getrandbits(32))

    def _write(self, request):
        if request:
            addr, data, mask = request
            place = 4 * addr // self.width_bytes * self.width_bytes
            assert mask
            for lane in range(self.width_bytes):
                if mask >> lane & 1:
                    self.memory[place + lane] = data >> 8 * lane & 0xFF

    def _access(self, addr, write, count, data, mask):
        words = self.engine.scratchpad.signature.words
        assert 1 <= count <= words
        assert 4 * (addr + count) <= SCRATCHPAD_BYTES
        place = slice(4 * addr, 4 * (addr + count))
        if write:
            assert mask & ((1 << 4 * count) - 1) == (1 << 4 * count) - 1
            value = data & ((1 << 32 * count) - 1)
            self.scratchpad[place] = np.frombuffer(value.to_bytes(4 * count, "little"), np.uint8)
            return self.rng.getrandbits(32 * words)
        known = int.from_bytes(self.scratchpad[place].tobytes(), "little")
        return known | self.rng.getrandbits(32 * words) >> 32 * count << 32 * count

    def run(self, blocks, *, limit_cycles=20_000):
        """Give each channel its blocks as soon as they are taken; wait for the end of all."""
        engine = self.engine
        total = sum(len(own) for own in blocks)

        def give(channel, own):
            async def testbench(ctx):
                port = engine.blocks[channel]
                for descriptor in own:
                    ctx.set(port.payload, descriptor)
                    ctx.set(port.valid, 1)
                    while not (await ctx.tick().sample(port.ready))[2]:
                        pass
                    ctx.set(port.valid, 0)

            return testbench

        async def testbench(ctx):
            while len(self.ends) < total or ctx.get(engine.busy):
                await ctx.tick()
            await ctx.tick().repeat(40)
            assert not ctx.get(Cat(engine.memory_read.valid, engine.scratchpad.valid))
            assert not self._answers
            for name in ("load_bytes", "store_bytes", "busy_cycles", "wait_cycles"):
                self.counters[name] = ctx.get(getattr(engine, name))

        async def start(ctx):
            for port in (engine.memory_read, engine.memory_write, engine.scratchpad):
                ctx.set(port.ready, self.ready_ratio == 1)

        async def give_up(ctx):
            await ctx.delay(limit_cycles * 1e-6)
            raise AssertionError(f"not finished after {limit_cycles} cycles")

        sim = Simulator(engine)
        sim.add_clock(1e-6)
        sim.add_process(self._serve)
        sim.add_testbench(start)
        for channel, own in enumerate(blocks):
            sim.add_testbench(give(channel, own))
        sim.add_testbench(testbench)
        sim.add_testbench(give_up, background=True)
        sim.run()
