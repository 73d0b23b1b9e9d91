"""The crossbar with wide ports before it and the scratchpad behind it, and what it should do."""

from amaranth.hdl import Cat, Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect
from amaranth.sim import Simulator
from tightrope.hw.bus.crossbar import Crossbar
from tightrope.hw.bus.wide_port import WidePort
from tightrope.hw.mem.scratchpad import Scratchpad

SIZE_WORDS = 4096
ADDR_WIDTH = 13


class Bench(wiring.Component):
    """Requesters of 1 word are plain lanes of the crossbar, wider ones have a wide port."""

    def __init__(self, *, words, banks):
        self.words = words
        self.scratchpad = Scratchpad(size_bytes=4 * SIZE_WORDS, banks=banks)
        self.crossbar = Crossbar(
            lanes=words, banks=banks, bank_words=self.scratchpad.bank_words, addr_width=ADDR_WIDTH
        )
        self.wide = {
            i: WidePort(words=count, addr_width=ADDR_WIDTH)
            for i, count in enumerate(words)
            if count > 1
        }
        self.ports = [
            self.wide[i].request if i in self.wide else self.crossbar.requesters[i][0]
            for i in range(len(words))
        ]
        super().__init__({"clear": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crossbar = self.crossbar
        m.submodules.scratchpad = self.scratchpad
        for i, wide in self.wide.items():
            m.submodules[f"wide_{i}"] = wide
            for lane, target in zip(wide.lanes, self.crossbar.requesters[i], strict=True):
                connect(m, lane, target)
        for bank, port in zip(self.crossbar.banks, self.scratchpad.ports, strict=True):
            connect(m, bank, port)
        return ResetInserter(self.clear)(m)


class Request:
    """One request, the memory it will see, and what became of it."""

    def __init__(self, words, *, addr, write=0, count=None, data=None, mask=None):
        self.words = words
        self.addr, self.write = addr, write
        self.count = words if count is None else min(count, words)
        self.presented_count = words if count is None else count
        self.data = data or [0] * words
        self.mask = mask or [0xF] * words
        self.waited_cycles = 0
        self.granted = {}

    def present(self, ctx, port):
        # In one assignment: the simulator settles after each.
        signals = [port.write, port.addr, port.valid, port.mask, port.data]
        values = [self.write, self.addr, 1]
        values.append(sum(mask << 4 * i for i, mask in enumerate(self.mask)))
        values.append(sum(word << 32 * i for i, word in enumerate(self.data)))
        if self.words > 1:
            signals.append(port.count)
            values.append(self.presented_count)
        packed = 0
        for signal, value in zip(reversed(signals), reversed(values), strict=True):
            packed = packed << len(signal) | value
        ctx.set(Cat(signals), packed)

    def grant(self, word, memory):
        assert word < self.count and word not in self.granted
        addr = self.addr + word
        if addr < SIZE_WORDS and self.write:
            lanes = sum(0xFF << 8 * lane for lane in range(4) if self.mask[word] >> lane & 1)
            memory[addr] = memory.get(addr, 0) & ~lanes | self.data[word] & lanes
        self.granted[word] = memory.get(addr, 0) if addr < SIZE_WORDS else 0

    @property
    def done(self):
        return len(self.granted) == self.count

    @property
    def error(self):
        return self.addr + self.count > SIZE_WORDS

    def check_answer(self, ctx, port):
        assert ctx.get(port.error) == self.error
        if not self.write:
            rdata = ctx.get(port.rdata)
            for word, value in self.granted.items():
                assert rdata >> 32 * word & 0xFFFF_FFFF == value, hex(self.addr + word)


class Driver:
    """Presents requests and follows them, word by word, on the crossbar's lanes."""

    def __init__(self, bench):
        self.bench = bench
        self.memory = {}
        self.present = [None] * len(bench.words)
        self.finished = [[] for _ in bench.words]

    def start(self, ctx, i, **kwargs):
        assert self.present[i] is None
        self.present[i] = Request(self.bench.words[i], **kwargs)
        self.present[i].present(ctx, self.bench.ports[i])

    def withdraw(self, ctx, i):
        self.present[i] = None
        ctx.set(self.bench.ports[i].valid, 0)

    async def cycle(self, ctx):
        """Let a cycle pass; returns the requesters that were ready in it."""
        busy_banks = set()
        ready, errors = [], []
        for i, request in enumerate(self.present):
            port = self.bench.ports[i]
            for lane_idx, lane in enumerate(self.bench.crossbar.requesters[i]):
                errors.append((lane, ctx.get(lane.ready) and ctx.get(lane.addr) >= SIZE_WORDS))
                if not ctx.get(lane.valid):
                    assert not ctx.get(lane.ready)
                elif ctx.get(lane.ready):
                    bank = ctx.get(lane.addr) % len(self.bench.crossbar.banks)
                    assert bank not in busy_banks
                    busy_banks.add(bank)
                    request.grant((lane_idx - request.addr) % request.words, self.memory)
            waits = request is not None and not request.done
            assert ctx.get(self.bench.crossbar.conflict[i]) == waits
            if request is not None:
                assert ctx.get(port.ready) == request.done
                ready += [i] * request.done
                request.waited_cycles += not request.done
        await ctx.tick()
        for lane, error in errors:
            assert ctx.get(lane.error) == error
        for i, port in enumerate(self.bench.ports):
            if i in self.bench.wide:
                assert ctx.get(port.rsp_valid) == (i in ready)
            if i in ready:
                self.present[i].check_answer(ctx, port)
                self.finished[i].append(self.present[i])
                self.withdraw(ctx, i)
        return ready


def run(bench, body):
    """Every ``body`` ends by itself, so it needs no limit of cycles to be simulated to."""

    async def testbench(ctx):
        await body(ctx, Driver(bench))

    sim = Simulator(bench)
    sim.add_clock(1e-6)
    sim.add_testbench(testbench)
    sim.run()
