# amaranth: UnusedElaboratable=no
"""Main memory behind a slow bus: the machine sees it as the array on the chip, in every cycle."""

import random

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from small_array import SmallArray
from target_time import run_in_target_time
from tightrope.fpga.litex.wishbone_memory import WishboneArray
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.config import MemoryConfig
from tightrope.hw.mem.main_memory import MainMemory
from tightrope.hw.mem.port import LINE_WORDS

CYCLES = 250
SIZE_BYTES = 64 << 10
BEATS = 24
"""Addresses that tests use: few, so that they meet."""
PORTS = 3
WRITERS = 1


def request(rng, words, *, is_port):
    """A request of a random kind, as members of a port; only ports read."""
    beat = {
        "valid": rng.random() < 0.6,
        "addr": rng.randrange(BEATS * words),
        "data": rng.getrandbits(32 * words),
        "mask": rng.getrandbits(4 * words),
    }
    if not is_port:
        return beat
    kind = rng.choice(["word", "line", "write"])
    if kind == "line":
        beat["addr"] -= beat["addr"] % LINE_WORDS
    return beat | {"we": kind == "write", "line": kind == "line"}


class SlowTarget:
    """What is behind the bus: bytes, an answer after 0 to ``max_wait`` cycles of the board."""

    def __init__(self, array, config, *, max_wait, seed):
        self.memory = {}
        self.transfers = 0
        self._bus = array.bus
        self._width = config.bytes_per_cycle
        self._max_wait = max_wait
        self._rng = random.Random(seed)

    async def process(self, ctx):
        bus, wait = self._bus, None
        while True:
            _, _, cyc, stb, we, adr, sel, data, ack = await ctx.tick(BOARD_DOMAIN).sample(
                bus.cyc, bus.stb, bus.we, bus.adr, bus.sel, bus.dat_w, bus.ack
            )
            assert cyc == stb
            if ack or not stb:
                assert wait is None, "a transfer ended without its acknowledgement"
                ctx.set(bus.ack, 0)
                continue
            wait = self._rng.randint(0, self._max_wait) if wait is None else wait - 1
            if wait > 0:
                continue
            wait = None
            self.transfers += 1
            ctx.set(bus.ack, 1)
            if we:
                self._write(adr, sel, data)
            else:
                ctx.set(bus.dat_r, self.memory.get(adr, 0))

    def _write(self, adr, sel, data):
        lanes = sum(0xFF << 8 * lane for lane in range(self._width) if sel >> lane & 1)
        self.memory[adr] = self.memory.get(adr, 0) & ~lanes | data & lanes


class Twins(wiring.Component):
    """Main memory with either array; a test drives ``near`` and ``far`` alike."""

    def __init__(self, config):
        self.array = WishboneArray(config=config)
        near = SmallArray(config=config, size_words=BEATS * config.bytes_per_cycle // 4)
        ports = {"port_count": PORTS, "writer_count": WRITERS}
        self.near = MainMemory(config=config, array=near, **ports)
        self.far = MainMemory(config=config, array=self.array, **ports)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.near = self.near
        m.submodules.far = self.far
        return m

    def drive(self, ctx, rng, words):
        for name, index in [*(("ports", i) for i in range(PORTS)), ("writers", 0)]:
            members = request(rng, words, is_port=name == "ports")
            for memory in (self.near, self.far):
                port = getattr(memory, name)[index]
                for member, value in members.items():
                    ctx.set(getattr(port, member), value)


def outputs(memory):
    """What requesters may look at in a cycle."""
    ports = [memory.ports[i] for i in range(PORTS)]
    ready = [port.ready for port in (*ports, memory.writers[0])]
    data = [Mux(port.rsp_valid, port.rsp_data, 0) for port in ports]
    return Cat(memory.beats, ready, (port.rsp_valid for port in ports), data)


CASES = [(4, 1, 3), (8, 3, 40), (16, 4, 0), (16, 1, 12), (32, 2, 3)]
"""Width in bytes, latency in cycles, longest answer of the bus in cycles of the board."""


def make(bytes_per_cycle, latency_cycles):
    return MemoryConfig(
        size_bytes=SIZE_BYTES, latency_cycles=latency_cycles, bytes_per_cycle=bytes_per_cycle
    )


@pytest.mark.parametrize(("bytes_per_cycle", "latency_cycles", "max_wait"), CASES)
def test_memory_is_the_same_in_every_cycle_however_slow_the_bus(
    bytes_per_cycle, latency_cycles, max_wait
):
    seed = bytes_per_cycle + max_wait
    config = make(bytes_per_cycle, latency_cycles)
    twins, rng = Twins(config), random.Random(seed)
    near, far = outputs(twins.near), outputs(twins.far)
    answered = Cat(twins.near.ports[i].rsp_valid for i in range(PORTS)).any()
    target = SlowTarget(twins.array, config, max_wait=max_wait, seed=seed)
    reset, answers = Signal(), 0

    async def testbench(ctx):
        nonlocal answers
        for cycle in range(CYCLES):
            twins.drive(ctx, rng, bytes_per_cycle // 4)
            # What is on its way on the bus goes on.
            ctx.set(reset, rng.random() < 0.02)
            # At the end of the machine's cycle, which is when it looks.
            _, _, expected, got, answer = await ctx.tick().sample(near, far, answered)
            assert got == expected, f"seed {seed} cycle {cycle}"
            answers += answer

    cycles = run_in_target_time(
        twins, twins.array.late, testbench, processes=[target.process], reset=reset
    )
    assert answers > CYCLES // 5
    assert cycles > CYCLES + answers


@pytest.mark.parametrize("bytes_per_cycle", [4, 16])
def test_host_reads_what_the_machine_wrote_and_the_other_way(bytes_per_cycle):
    seed = bytes_per_cycle
    config, rng = make(bytes_per_cycle, 1), random.Random(seed)
    dut = WishboneArray(config=config)
    target = SlowTarget(dut, config, max_wait=4, seed=seed)
    words = bytes_per_cycle // 4
    model = dict.fromkeys(range(BEATS * words), 0)

    async def host(ctx, addr, value=None):
        request = {"valid": 1, "addr": addr, "we": value is not None, "wdata": value or 0}
        for name, member in request.items():
            ctx.set(getattr(dut.host, name), member)
        while not (await ctx.tick(BOARD_DOMAIN).sample(dut.host.ready))[2]:
            pass
        ctx.set(dut.host.valid, 0)
        while value is None and not ctx.get(dut.host.rsp_valid):
            await ctx.tick(BOARD_DOMAIN)
        return ctx.get(dut.host.rdata)

    async def machine(ctx, beat, data=None):
        request = {"en": 1, "addr": beat, "we": data is not None, "wdata": data or 0}
        for name, member in (request | {"wmask": (1 << bytes_per_cycle) - 1}).items():
            ctx.set(getattr(dut, name), member)
        await ctx.tick()
        ctx.set(dut.en, 0)
        return (await ctx.tick().sample(dut.rdata))[2]

    async def testbench(ctx):
        for _ in range(60):
            addr, value = rng.randrange(BEATS * words), rng.getrandbits(32)
            beat, place = divmod(addr, words)
            if rng.random() < 0.5:
                await host(ctx, addr, value)
                model[addr] = value
            else:
                beat_words = [rng.getrandbits(32) for _ in range(words)]
                data = sum(word << 32 * i for i, word in enumerate(beat_words))
                await machine(ctx, beat, data)
                model.update({beat * words + i: word for i, word in enumerate(beat_words)})
            addr = rng.randrange(BEATS * words)
            beat, place = divmod(addr, words)
            assert await host(ctx, addr) == model[addr], f"seed {seed}"
            assert await machine(ctx, beat) >> 32 * place & 0xFFFF_FFFF == model[addr]

    run_in_target_time(dut, dut.late, testbench, processes=[target.process])


def test_a_write_alone_does_not_keep_the_machine():
    config = make(8, 1)
    dut = WishboneArray(config=config)
    target = SlowTarget(dut, config, max_wait=0, seed=0)

    async def testbench(ctx):
        ctx.set(dut.we, 1)
        for _ in range(10):
            ctx.set(dut.en, 1)
            await ctx.tick()
            ctx.set(dut.en, 0)
            await ctx.tick().repeat(4)

    cycles = run_in_target_time(dut, dut.late, testbench, processes=[target.process])
    assert target.transfers == 10
    assert cycles == 50


def test_config_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"^config must be a MemoryConfig, not 5$"):
        WishboneArray(config=5)
