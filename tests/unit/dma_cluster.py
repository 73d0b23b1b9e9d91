"""A DMA engine between the real memories, each with a hart's port beside it."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect
from amaranth.sim import Simulator
from crossbar_bench import ADDR_WIDTH, SIZE_WORDS, Bench
from small_array import SmallArray
from tightrope.hw.config import MemoryConfig
from tightrope.hw.dma.engine import DmaEngine
from tightrope.hw.mem.main_memory import MainMemory


class DmaCluster(wiring.Component):
    """``memory.ports[1]`` and ``scratchpad.ports[1]`` are for a hart."""

    def __init__(self, *, words, memory_words=2048, channel_count=1, **memory):
        self.config = MemoryConfig(**memory)
        self.width = self.config.bytes_per_cycle
        noise = np.random.default_rng(0)
        self.initial = noise.integers(0, 256, 4 * memory_words, np.uint8)
        beats = self.initial.reshape(-1, self.width)
        beats = [int.from_bytes(beat.tobytes(), "little") for beat in beats]
        self.array = SmallArray(config=self.config, size_words=memory_words, init=beats)
        self.memory = MainMemory(config=self.config, port_count=2, writer_count=1, array=self.array)
        self.scratchpad_bytes = 4 * SIZE_WORDS
        self.scratchpad = Bench(words=[words, 1], banks=8)
        self.engine = DmaEngine(
            config=self.config,
            words=words,
            scratchpad_bytes=self.scratchpad_bytes,
            addr_width=ADDR_WIDTH,
            channel_count=channel_count,
        )
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self.memory
        m.submodules.scratchpad = scratchpad = self.scratchpad
        m.submodules.engine = engine = self.engine
        connect(m, engine.memory_read, memory.ports[0])
        connect(m, engine.memory_write, memory.writers[0])
        connect(m, engine.scratchpad, scratchpad.ports[0])
        return m

    async def move(self, ctx, descriptor, channel=0):
        """Give a block and wait for its end; returns the cycles that took."""
        port = self.engine.blocks[channel]
        ctx.set(port.payload, descriptor)
        ctx.set(port.valid, 1)
        while not (await ctx.tick().sample(port.ready))[2]:
            pass
        ctx.set(port.valid, 0)
        cycles = 1
        while not (await ctx.tick().sample(self.engine.done[channel]))[2]:
            cycles += 1
        assert ctx.get(self.engine.errors[channel]) == 0
        return cycles

    def contents(self, ctx):
        beats = [ctx.get(beat) for beat in self.array.memory.data]
        beats = b"".join(beat.to_bytes(self.width, "little") for beat in beats)
        return np.frombuffer(beats, np.uint8)


def run(top, *testbenches, background=()):
    sim = Simulator(top)
    sim.add_clock(1e-6)
    for testbench in testbenches:
        sim.add_testbench(testbench)
    for testbench in background:
        sim.add_testbench(testbench, background=True)
    sim.run()
