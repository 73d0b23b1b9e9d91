"""The host link in Amaranth's simulator, with a line and a memory."""

import struct

from amaranth.hdl import DomainRenamer
from amaranth.sim import Simulator
from tightrope.fpga.host.frames import Decoder, request_bytes
from tightrope.fpga.link.host_link import HostLink
from tightrope.fpga.link.protocol import BLOCK_WORDS, STATUS, Identity
from tightrope.hw.config import ClusterConfig, MemoryConfig

CONFIG = ClusterConfig(harts=2, memory=MemoryConfig(size_bytes=1 << 16))
BLOCKS = CONFIG.memory.size_bytes // (4 * BLOCK_WORDS)
IDENTITY = Identity.of(CONFIG, lanes=8, clock_hz=50_000_000)
DIVISOR = 4
SILENCE_CYCLES = 200
DRAIN_CYCLES = 20
PERIOD_S = 1e-6
BIT_S = DIVISOR * PERIOD_S


class Bench:
    """A link, a memory of words behind it, and a decoder of what it says."""

    def __init__(self, *, memory_latency_cycles=1):
        self.link = HostLink(
            identity=IDENTITY,
            divisor=DIVISOR,
            silence_cycles=SILENCE_CYCLES,
            drain_cycles=DRAIN_CYCLES,
        )
        self.words = {}
        self.writes = 0
        self.replies = []
        self._latency_cycles = memory_latency_cycles

    def run(self, testbench, limit_cycles=60_000):
        sim = Simulator(DomainRenamer({"board": "sync"})(self.link))
        sim.add_clock(PERIOD_S)

        async def give_up(ctx):
            await ctx.delay(limit_cycles * PERIOD_S)
            raise AssertionError(f"not finished after {limit_cycles} cycles")

        sim.add_testbench(testbench)
        sim.add_testbench(give_up, background=True)
        sim.add_process(self._memory)
        sim.add_testbench(self._listen, background=True)
        sim.run()

    async def say(self, ctx, data):
        """Put bytes on the line."""
        for byte in data:
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                ctx.set(self.link.rx, bit)
                await ctx.delay(BIT_S)

    async def reply(self, ctx):
        """The next reply."""
        while not self.replies:
            await ctx.delay(BIT_S)
        return self.replies.pop(0)

    async def ask(self, ctx, *request, **fields):
        await self.say(ctx, request_bytes(*request, **fields))
        return await self.reply(ctx)

    async def status(self, ctx, command, number=0):
        reply = await self.ask(ctx, command, number)
        return dict(zip((name for name, _ in STATUS), reply.words, strict=True))

    async def _listen(self, ctx):
        decoder = Decoder()
        while True:
            await ctx.negedge(self.link.tx)
            await ctx.delay(1.5 * BIT_S)
            byte = 0
            for i in range(8):
                byte |= ctx.get(self.link.tx) << i
                await ctx.delay(BIT_S)
            self.replies += decoder.feed(bytes([byte]))

    async def _memory(self, ctx):
        """A request now and then, a read's answer some cycles later."""
        port = self.link.memory
        ctx.set(port.ready, 1)
        while True:
            _, _, valid, we, addr, wdata = await ctx.tick().sample(
                port.valid, port.we, port.addr, port.wdata
            )
            if not valid:
                continue
            if we:
                self.words[addr] = wdata
                self.writes += 1
                continue
            ctx.set(port.ready, 0)
            for _ in range(self._latency_cycles - 1):
                await ctx.tick()
            ctx.set(port.rsp_valid, 1)
            ctx.set(port.rdata, self.words.get(addr, 0))
            await ctx.tick()
            ctx.set(port.rsp_valid, 0)
            ctx.set(port.ready, 1)


def packed(words):
    return struct.pack(f"<{len(words)}I", *words)
