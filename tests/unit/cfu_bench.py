"""A CFU in pysim as a hart sees it, and its digital state in Python."""

import numpy as np
from tightrope.hw.coupling.cfu import Cfu
from tightrope.hw.isa import AccOp, CfuOp, DotOp, TileConfigReg
from tightrope.sim.golden.arithmetic import clip_int8, requantise
from tile_bench import SMALL, run
from tile_stub import StubArray, bytes_of, int8

WORD = 0xFFFF_FFFF


def signed(word):
    return (word & 0x7FFF_FFFF) - (word & 0x8000_0000)


def dot(member, argument):
    return CfuOp.DOT, member << 4 | argument


def acc(member, argument=0):
    return CfuOp.ACC, member << 4 | argument


class CfuBench:
    """A CFU with stub arrays, and one call per operation of a hart."""

    def __init__(self, tile_count=1, config=SMALL):
        self.stubs = []
        self.dut = Cfu(tile=config, tile_count=tile_count, array=self._make_array)

    def _make_array(self, config, **ports):
        self.stubs.append(StubArray(config, **ports))
        return self.stubs[-1]

    def run(self, *testbenches):
        run(self.dut, self.stubs, *testbenches)

    def offer(self, ctx, op, funct7, rs1=0, rs2=0):
        cmd = self.dut.cmd
        ctx.set(cmd.valid, 1)
        ctx.set(cmd.payload.function_id, op | funct7 << 3)
        ctx.set(cmd.payload.inputs_0, rs1 & WORD)
        ctx.set(cmd.payload.inputs_1, rs2 & WORD)

    async def issue(self, ctx, op, funct7, rs1=0, rs2=0):
        """Give a command; the cycles it waited."""
        self.offer(ctx, op, funct7, rs1, rs2)
        waited = 0
        while not (await ctx.tick().sample(self.dut.cmd.ready))[2]:
            waited += 1
        ctx.set(self.dut.cmd.valid, 0)
        return waited

    async def call(self, ctx, op, funct7, rs1=0, rs2=0):
        """Execute a command; its result."""
        ctx.set(self.dut.rsp.ready, 1)
        await self.issue(ctx, op, funct7, rs1, rs2)
        assert ctx.get(self.dut.rsp.valid)
        return ctx.get(self.dut.rsp.payload)

    async def configure(self, ctx, tile, row, rows, col, cols):
        await self.call(ctx, CfuOp.CM_CONFIG, tile << 3 | TileConfigReg.ROWS, row | rows << 16)
        await self.call(ctx, CfuOp.CM_CONFIG, tile << 3 | TileConfigReg.COLS, col | cols << 16)

    async def queue(self, ctx, tile, values):
        for i in range(0, len(values), 8):
            word = sum((v & 0xFF) << (8 * k) for k, v in enumerate(values[i : i + 8]))
            count = len(values[i : i + 8])
            funct7 = tile << 3 | count - 1
            assert await self.call(ctx, CfuOp.CM_QUEUE, funct7, word & WORD, word >> 32) == 0


class DigitalModel:
    """What DotOp and AccOp do, one after the other."""

    def __init__(self):
        self.accumulators = [0] * 16
        self.scales, self.biases = [0] * 4, [0] * 4
        self.zero_point = self.min = self.max = 0
        self.packed = 0

    def execute(self, op, funct7, rs1=0, rs2=0):
        """The result of a command."""
        family = DotOp if op == CfuOp.DOT else AccOp
        member, argument = funct7 >> 4, funct7 & 15
        if member not in list(family):
            return 0
        return getattr(self, "_" + family(member).name.lower())(argument, rs1, rs2) or 0

    def requantised(self, value, scale):
        multiplier = scale & ~63
        shift = scale & 63 if multiplier else 32  # 0 is 0, whatever the shift
        exact = int(requantise(signed(value), multiplier, shift)) + self.zero_point
        return int(clip_int8(np.int64(exact), self.min, self.max))

    def _dot4(self, index, a, b):
        products = zip(bytes_of(a, 4), bytes_of(b, 4), strict=True)
        total = (self.accumulators[index] + sum(x * y for x, y in products)) & WORD
        self.accumulators[index] = total
        return total

    def _mac4(self, argument, a, b):
        for i, (x, y) in enumerate(zip(bytes_of(a, 4), bytes_of(b, 4), strict=True)):
            index = 4 * (argument & 3) + i
            self.accumulators[index] = (self.accumulators[index] + x * y) & WORD

    def _swap(self, index, a, _):
        old, self.accumulators[index] = self.accumulators[index], a
        return old

    def _channel(self, argument, scale, bias):
        self.scales[argument & 3], self.biases[argument & 3] = scale, bias

    def _activation(self, _, word, __):
        self.zero_point, self.min, self.max = (int8(word >> 8 * i) for i in range(3))

    def _tile_base(self, *_):
        """Not the digital unit's; tests that use it have a test of their own."""

    def _bias_row(self, argument, _, __):
        row = 4 * (argument & 3)
        self.accumulators[row : row + 4] = self.biases

    def _out_row(self, argument, _, __):
        row = 4 * (argument & 3)
        for i in range(4):
            self._requantise(0, self.accumulators[row + i], self.scales[i])
        self._bias_row(argument, 0, 0)

    def _requantise(self, _, value, scale):
        self.packed = self.packed >> 8 | (self.requantised(value, scale) & 0xFF) << 24

    def _take(self, _, __, ___):
        return self.packed


def random_scale(rng):
    """A multiplier and shift that golden accepts, often an extreme one."""
    multiplier = rng.choice([0, 64, 1 << 31, (1 << 32) - 64, 64 * rng.getrandbits(26)])
    return multiplier | rng.choice([32, 62, rng.randint(32, 62)])


def random_value(rng):
    """A word, often extreme or near a power of two."""
    near = (1 << rng.randint(0, 31)) + rng.randint(-2, 2)
    return rng.choice([0x8000_0000, 0x7FFF_FFFF, near, -near, rng.getrandbits(32)]) & WORD


def random_activation(rng):
    low, high = sorted(rng.choice([-128, 127, rng.randint(-128, 127)]) for _ in range(2))
    zero_point = rng.choice([-128, 127, 0, rng.randint(-128, 127)])
    return (zero_point & 0xFF) | (low & 0xFF) << 8 | (high & 0xFF) << 16
