"""The cocotb side of test_tile_array: tiles behind both couplings against the golden model."""

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, Timer
from tightrope.hw.isa import TILE_SHIFT_POST, CfuOp, TileConfigReg, TileStatus, TileStatusReg
from tightrope.hw.regs import LOOSE_TILE_REGS
from tightrope.sim.golden.arithmetic import clip_int8, requantise, wrap_int32
from tightrope.sim.golden.matrix import tile_mvm
from tile_top import CONFIGS, TILES_PER_CFU

SEED = 1
PROGRAMMED_ROWS = 64
"""From each end of the array; more would only cost time."""
REGS = {reg.name: reg.offset_bytes for reg in LOOSE_TILE_REGS}


def words_of(values):
    """Bytes as little-endian words, four at a time."""
    data = np.asarray(values, np.int8).tobytes()
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def unpack(words, config):
    kind = {1: np.int8, 2: np.int16, 4: np.int32}[config.output_bytes]
    return np.array(words, np.uint32).view(kind)


def output_word_count(cols, config):
    return cols * config.output_bytes // 4


class Tight:
    """A tile behind the CFU."""

    def __init__(self, dut, tile):
        self.dut, self.tile, self.edge = dut, tile, FallingEdge(dut.clk)

    async def call(self, op, argument=0, rs1=0, rs2=0):
        dut = self.dut
        dut.function_id.value = op | argument << 3 | self.tile << 6
        dut.inputs_0.value = rs1
        dut.inputs_1.value = rs2
        dut.cmd_valid.value = 1
        await self.edge
        while not dut.cmd_taken.value:
            await self.edge
        dut.cmd_valid.value = 0
        assert dut.rsp_valid.value
        return int(dut.rsp.value)

    async def acquire(self):
        pass

    async def program_row(self, row, words):
        for i, word in enumerate(words):
            await self.call(CfuOp.CM_INITIALIZE, 0, row | 4 * i << 16, word)

    async def configure(self, index, value):
        await self.call(CfuOp.CM_CONFIG, index, value)

    async def queue(self, values):
        for i in range(0, len(values), 8):
            part = np.zeros(8, np.int8)
            count = len(values[i : i + 8])
            part[:count] = values[i : i + 8]
            await self.call(CfuOp.CM_QUEUE, count - 1, *words_of(part))

    async def process(self):
        await self.call(CfuOp.CM_PROCESS)

    async def dequeue(self, count):
        return [await self.call(CfuOp.CM_DEQUEUE) for _ in range(count)]

    async def status(self, index=TileStatusReg.STATUS):
        return await self.call(CfuOp.CM_STATUS, 0, index)


class Loose:
    """A tile behind its registers, with the same operations."""

    def __init__(self, dut, hart):
        self.dut, self.hart, self.edge = dut, hart, FallingEdge(dut.clk)

    async def access(self, offset, value=None, sel=0xF):
        dut = self.dut
        dut.addr.value = offset
        dut.we.value = value is not None
        dut.dat_w.value = value or 0
        dut.sel.value = sel
        dut.hart.value = self.hart
        dut.stb.value = 1
        await self.edge
        while not dut.bus_taken.value:
            await self.edge
        dut.stb.value = 0
        return int(dut.bus_data.value)

    async def acquire(self):
        assert await self.access(REGS["ACQUIRE"]) == 1

    async def program_row(self, row, words):
        await self.access(REGS["PROGRAM_ADDR"], row)
        for word in words:
            await self.access(REGS["PROGRAM_DATA"], word)

    async def configure(self, index, value):
        await self.access(REGS["CONFIG"] + 4 * index, value)

    async def queue(self, values):
        while await self.status() & TileStatus.INPUT_FULL:
            pass
        whole = len(values) // 4 * 4
        for word in words_of(values[:whole]):
            await self.access(REGS["INPUT"], word)
        for i, value in enumerate(values[whole:]):
            await self.access(REGS["INPUT"], (int(value) & 0xFF) << (8 * i), 1 << i)

    async def process(self):
        await self.access(REGS["PROCESS"], 0)

    async def dequeue(self, count):
        while not await self.status() & TileStatus.RESULT:
            pass
        return [await self.access(REGS["OUTPUT"]) for _ in range(count)]

    async def status(self, index=TileStatusReg.STATUS):
        return await self.access(REGS["STATUS"] + 4 * index)


async def keep_time():
    """The simulator ends when nobody waits for a moment of time."""
    await Timer(1, "sec")


async def start(dut, unit):
    cocotb.start_soon(keep_time())
    dut.rst.value = 1
    dut.cmd_valid.value = 0
    dut.stb.value = 0
    dut.unit.value = unit
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def program(tile, weights):
    for row, values in enumerate(weights):
        if values.any():
            await tile.program_row(row, words_of(values))


async def set_window(tile, row, rows, col, cols, shift):
    await tile.configure(TileConfigReg.ROWS, row | rows << 16)
    await tile.configure(TileConfigReg.COLS, col | cols << 16)
    await tile.configure(TileConfigReg.SHIFT, shift)


def random_window(rng, config):
    row, col = rng.integers(config.rows), 4 * rng.integers(config.cols // 4)
    rows = rng.integers(1, config.rows - row, endpoint=True)
    cols = 4 * rng.integers(1, (config.cols - col) // 4, endpoint=True)
    return int(row), int(rows), int(col), int(cols), int(rng.integers(0, 16))


async def set_constants(tile, config, rng):
    """Write random constants; returns what turns raw results from column ``col`` on into int8."""
    bias = rng.integers(-(1 << 12), 1 << 12, config.cols)
    multiplier = 64 * rng.integers(1 << 25, 1 << 26, config.cols)
    shift = rng.integers(36, 46, config.cols)
    await tile.configure(TileConfigReg.ACTIVATION, 3 | 0x90 << 8 | 0x70 << 16)
    await tile.configure(TileConfigReg.COLUMN, 0)
    for column in range(config.cols):
        await tile.configure(TileConfigReg.BIAS, int(bias[column]) & 0xFFFF_FFFF)
        await tile.configure(TileConfigReg.SCALE, int(multiplier[column] | shift[column]))

    def finish(raw, adc_shift, col):
        here = slice(col, col + len(raw))
        sums = raw.astype(np.int64) << (0 if config.adc_bits == 32 else adc_shift)
        scaled = requantise(wrap_int32(sums + bias[here]), multiplier[here], shift[here])
        return clip_int8(scaled + 3, -0x70, 0x70)

    return finish


def held_weights(weights, config):
    """What the array holds after programming."""
    limit = 1 << (config.weight_bits - 1)
    return np.clip(weights, -limit, limit - 1).astype(np.int8)


async def check_mvms(tile, config, weights, rng):
    """Full windows with extreme and random inputs, then random windows, two patches in flight."""
    full = (0, config.rows, 0, config.cols)
    peak_shift = max(0, int(config.rows).bit_length() + 7 + config.weight_bits - config.adc_bits)
    jobs = [(full + (shift,), None) for shift in (0, peak_shift - 2, 31) if shift >= 0]
    jobs += [(full + (peak_shift,), value) for value in (-128, 127, 0, 1)]
    jobs += [(random_window(rng, config), None) for _ in range(8)]
    held = held_weights(weights, config)
    finish = await set_constants(tile, config, rng) if config.post_lanes else None
    expected = []

    async def check_oldest():
        wanted = expected.pop(0)
        if wanted.dtype == np.int8:
            got = np.array(await tile.dequeue(len(wanted) // 4), np.uint32).view(np.int8)
        else:
            got = unpack(await tile.dequeue(output_word_count(len(wanted), config)), config)
        np.testing.assert_array_equal(got, wanted, err_msg=f"seed {SEED}")

    for i, ((row, rows, col, cols, shift), value) in enumerate(jobs):
        post = finish is not None and i % 3 != 1
        inputs = rng.integers(-128, 128, rows) if value is None else np.full(rows, value)
        await set_window(tile, row, rows, col, cols, shift | (TILE_SHIFT_POST if post else 0))
        await tile.queue(inputs.astype(np.int8))
        await tile.process()
        block = held[row : row + rows, col : col + cols]
        raw = tile_mvm(block, inputs.astype(np.int8), config.adc_bits, shift)
        expected.append(finish(raw, shift, col) if post else raw)
        if len(expected) == 2:
            await check_oldest()
    await check_oldest()
    assert await tile.status() == 0
    assert await tile.status(TileStatusReg.MVMS) == len(jobs)


def random_weights(rng, config):
    weights = rng.integers(-128, 128, (config.rows, config.cols)).astype(np.int8)
    weights[:, 0] = -128
    weights[:, 1] = 127
    weights[PROGRAMMED_ROWS : config.rows - PROGRAMMED_ROWS] = 0
    return weights


@cocotb.test()
@cocotb.parametrize(unit=range(len(CONFIGS)))
async def tight_tiles_match_golden(dut, unit):
    config, rng = CONFIGS[unit], np.random.default_rng(SEED + unit)
    await start(dut, unit)
    tiles = [Tight(dut, i) for i in range(TILES_PER_CFU)]
    weights = [random_weights(rng, config) for _ in tiles]
    for tile, values in zip(tiles, weights, strict=True):
        await program(tile, values)
    for tile, values in zip(tiles, weights, strict=True):
        await check_mvms(tile, config, values, rng)


@cocotb.test()
@cocotb.parametrize(unit=range(len(CONFIGS)))
async def loose_tiles_match_golden(dut, unit):
    config, rng = CONFIGS[unit], np.random.default_rng(SEED + unit + 100)
    await start(dut, unit)
    tile = Loose(dut, hart=unit)
    await tile.acquire()
    weights = random_weights(rng, config)
    await program(tile, weights)
    await check_mvms(tile, config, weights, rng)


@cocotb.test()
async def weights_survive_a_reset_of_the_machine(dut):
    config = CONFIGS[1]
    for _ in range(2):
        await start(dut, 1)
        tile = Tight(dut, 0)
        if not await tile.status(TileStatusReg.MVMS):
            await program(tile, np.eye(8, dtype=np.int8))
        await set_window(tile, 0, 8, 0, 8, 0)
        await tile.queue(np.arange(8, dtype=np.int8))
        await tile.process()
        got = unpack(await tile.dequeue(output_word_count(8, config)), config)
        assert got.tolist() == list(range(8))
