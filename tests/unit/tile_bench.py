"""A tile with a stub array in pysim, driven one operation at a time."""

from amaranth.sim import Simulator
from tightrope.hw.config import TileConfig
from tightrope.hw.isa import TileConfigReg, TileStatusReg
from tightrope.hw.tile.ports import PortWidths
from tightrope.hw.tile.tile import Tile
from tile_stub import StubArray

LIMIT_CYCLES = 20_000
SMALL = TileConfig(rows=16, cols=16, mvm_latency_cycles=20, program_latency_cycles=4)


def run(dut, stubs, *testbenches):
    """Run the testbenches to their ends; fail if that takes LIMIT_CYCLES."""

    async def give_up(ctx):
        await ctx.delay(LIMIT_CYCLES * 1e-6)
        raise AssertionError(f"not finished after {LIMIT_CYCLES} cycles")

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    for stub in stubs:
        sim.add_process(stub.process)
    for testbench in testbenches:
        sim.add_testbench(testbench)
    sim.add_testbench(give_up, background=True)
    sim.run()


class Bench:
    """A tile with a stub array, and one call per operation of a requester."""

    def __init__(self, config=SMALL, extra_cycles=0, seed=0, **ports):
        self.config = config
        self.port_bytes = ports.get("port_bytes", 8)
        array_ports = PortWidths(**ports).of_array(config)
        self.stub = StubArray(config, extra_cycles, seed, **array_ports.keywords)
        self.dut = Tile(config=config, array=lambda _, **_ports: self.stub, **ports)

    def run(self, *testbenches):
        run(self.dut, [self.stub], *testbenches)

    async def send(self, ctx, port, **fields):
        """Offer a word until it is taken; the cycles it waited."""
        for name, value in fields.items():
            ctx.set(getattr(port.payload, name), value)
        ctx.set(port.valid, 1)
        waited = 0
        while not (await ctx.tick().sample(port.ready))[2]:
            waited += 1
        ctx.set(port.valid, 0)
        return waited

    async def queue(self, ctx, values):
        """Queue bytes, as many at once as go; the cycles it waited for each word."""
        waited = []
        for i in range(0, len(values), self.port_bytes):
            part = values[i : i + self.port_bytes]
            data = sum((v & 0xFF) << (8 * k) for k, v in enumerate(part))
            waited.append(await self.send(ctx, self.dut.queue, data=data, count=len(part)))
        return waited

    async def process(self, ctx):
        return await self.send(ctx, self.dut.process)

    async def program(self, ctx, row, col, data):
        return await self.send(ctx, self.dut.program, row=row, col=col, data=data)

    async def dequeue(self, ctx):
        """The next word, and the cycles it took to come."""
        ctx.set(self.dut.dequeue.ready, 1)
        waited = 0
        while True:
            sampled = ctx.tick().sample(self.dut.dequeue.valid, self.dut.dequeue.payload)
            _, _, valid, word = await sampled
            if valid:
                ctx.set(self.dut.dequeue.ready, 0)
                return word, waited
            waited += 1

    async def dequeue_beat(self, ctx):
        """The next words, whether they end a result, and the cycles they took to come."""
        dut = self.dut
        ctx.set(dut.dequeue.ready, 1)
        waited = 0
        while True:
            sampled = ctx.tick().sample(
                dut.dequeue.valid, dut.dequeue.payload, dut.dequeue_words, dut.dequeue_last
            )
            _, _, valid, payload, count, last = await sampled
            if valid:
                ctx.set(dut.dequeue.ready, 0)
                return [payload >> 32 * i & 0xFFFF_FFFF for i in range(count)], last, waited
            waited += 1

    async def configure(self, ctx, index, value):
        ctx.set(self.dut.config_en, 1)
        ctx.set(self.dut.config_index, index)
        ctx.set(self.dut.config_data, value)
        await ctx.tick()
        ctx.set(self.dut.config_en, 0)

    async def window(self, ctx, row, rows, col, cols, shift=0):
        await self.configure(ctx, TileConfigReg.ROWS, row | rows << 16)
        await self.configure(ctx, TileConfigReg.COLS, col | cols << 16)
        await self.configure(ctx, TileConfigReg.SHIFT, shift)

    def status(self, ctx, index=TileStatusReg.STATUS):
        ctx.set(self.dut.status_index, index)
        return ctx.get(self.dut.status_data)

    def randomise(self, rng):
        config = self.config
        for row in range(config.rows):
            for col in range(0, config.cols, 4):
                self.stub.model.program(row, col, rng.getrandbits(32))


def random_bytes(rng, count):
    return [rng.randint(-128, 127) for _ in range(count)]
