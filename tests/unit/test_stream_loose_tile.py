"""A loose tile that streams, as harts see it; the scratchpad is the test's."""

import random

import numpy as np
import pytest
from simulate import register_access
from stream_bench import Conv
from tightrope.hw.config import TileConfig
from tightrope.hw.coupling.loose import LooseTile
from tightrope.hw.isa import TileConfigReg, TileStatus, TileStatusReg
from tightrope.hw.regs import LOOSE_STREAM_REGS, LOOSE_TILE_REGS, JobStatus
from tightrope.hw.stream.descriptor import JOB_FIELDS, JOB_WORDS, JobError
from tile_bench import random_bytes, run
from tile_stub import StubArray

REGS = {reg.name: reg.offset_bytes for reg in (*LOOSE_TILE_REGS, *LOOSE_STREAM_REGS)}
CONFIG = TileConfig(
    rows=32, cols=16, adc_bits=8, mvm_latency_cycles=20, program_latency_cycles=9
)
SIZE_BYTES = 16 << 10
CONV = Conv(
    in_h=3, in_w=4, channels=5, kernel_h=2, kernel_w=2, pad_top=1, pad_left=1, out_h=3, out_w=4,
    pixel_pitch=5, row_pitch=20, image=33, zero_point=-3, rows=20,
)  # fmt: skip
FIELDS = {"cols": 12, "shift": 5, "destination": 512, "destination_step": 16, "tag": 77}


class StreamBench:
    """The tile, what it streams from, and the jobs that ended."""

    def __init__(self, words=4, seed=0):
        self.words = words
        self.rng = random.Random(seed)
        ports = {"port_bytes": 4 * words, "port_bytes_out": 4 * words}
        self.stub = StubArray(CONFIG, **ports)
        self.dut = LooseTile(
            config=CONFIG,
            array=lambda _, **_ports: self.stub,
            stream_words=words,
            scratchpad_bytes=SIZE_BYTES,
        )
        values = [self.rng.randrange(256) for _ in range(SIZE_BYTES)]
        self.memory = np.array(values, np.uint8)
        self.ended = []
        self.answers = 0
        self.room = True
        """Whether the scratchpad takes requests."""
        for row in range(CONFIG.rows):
            for col in range(0, CONFIG.cols, 4):
                self.stub.model.program(row, col, self.rng.getrandbits(32))

    def run(self, *testbenches):
        async def serve(ctx):
            port = self.dut.memory
            names = ("ready", "valid", "write", "addr", "count", "data")
            signals = [getattr(port, name) for name in names]
            ctx.set(port.ready, 1)
            events = (self.dut.answered, self.dut.ended, self.dut.owner)
            async for _, _, answered, ended, owner, ready, valid, *request in ctx.tick().sample(
                *events, *signals
            ):
                self.answers += answered
                if ready and valid:
                    ctx.set(port.rdata, self._access(*request))
                ctx.set(port.rsp_valid, ready and valid)
                ctx.set(port.ready, self.room)
                if ended:
                    self.ended.append(owner)

        class Served:
            process = staticmethod(serve)

        run(self.dut, [self.stub, Served], *testbenches)

    def _access(self, write, addr, count, data):
        place = slice(4 * addr, 4 * (addr + count))
        if write:
            value = data & ((1 << 32 * count) - 1)
            self.memory[place] = np.frombuffer(value.to_bytes(4 * count, "little"), np.uint8)
            return 0
        return int.from_bytes(self.memory[place].tobytes(), "little")

    async def write(self, ctx, name, value=0, *, index=0, hart=0, sel=0xF):
        """The cycles the write waited."""
        addr = REGS[name] + 4 * index
        access = register_access(ctx, self.dut.bus, addr, write=value, hart=hart, sel=sel)
        return (await access)[1]

    async def read(self, ctx, name, *, index=0, hart=0):
        return (await register_access(ctx, self.dut.bus, REGS[name] + 4 * index, hart=hart))[0]

    async def status(self, ctx, index=TileStatusReg.STATUS):
        return await self.read(ctx, "STATUS", index=index)

    async def push(self, ctx, hart=0, **fields):
        """The cycles that JOB_PUSH waited."""
        job = CONV.job(**FIELDS | fields)
        value, place = 0, 0
        for name, bits in JOB_FIELDS.items():
            value |= job.get(name, 0) << place
            place += bits
        for i in range(JOB_WORDS):
            await self.write(ctx, "JOB", value >> 32 * i & 0xFFFF_FFFF, index=i, hart=hart)
        return await self.write(ctx, "JOB_PUSH", hart=hart)

    async def wait(self, ctx, ended):
        """Until so many jobs have ended; the status then."""
        while (status := await self.read(ctx, "JOB_STATUS")) >> 16 != ended:
            pass
        return status

    def expected(self, **fields):
        job = FIELDS | fields
        after = self.memory.copy()
        for i, patch in enumerate(CONV.patches(self.memory)):
            values = patch.view(np.int8).tolist()
            words = self.stub.model.mvm(values, 0, CONV.rows, 0, job["cols"], job["shift"])
            result = np.array(words, np.uint32).view(np.uint8)
            place = job["destination"] + i * job["destination_step"]
            after[place : place + len(result)] = result
        return after


@pytest.mark.parametrize("words", [1, 4, 16])
def test_a_job_over_the_bus(words):
    bench = StreamBench(words)
    expected = bench.expected()

    async def testbench(ctx):
        assert await bench.read(ctx, "ACQUIRE", hart=5) == 1
        assert await bench.read(ctx, "JOB_STATUS") == JobStatus.ROOM
        assert await bench.push(ctx, hart=5) == 0
        assert await bench.read(ctx, "JOB_STATUS") == JobStatus.ROOM | JobStatus.BUSY
        assert await bench.wait(ctx, 1) == 1 << 16 | JobStatus.ROOM
        assert (await bench.read(ctx, "JOB_ERROR"), await bench.status(ctx)) == (0, 0)
        assert (bench.ended, bench.answers) == ([5], 0)
        assert (bench.memory == expected).all()
        assert await bench.status(ctx, TileStatusReg.MVMS) == 12
        assert await bench.status(ctx, TileStatusReg.STREAM_BYTES_OUT) == 12 * 12
        assert 12 * 20 <= await bench.status(ctx, TileStatusReg.STREAM_BUSY_CYCLES) < 12 * 25

    bench.run(testbench)


def test_only_the_owner_gives_jobs():
    bench = StreamBench()
    before = bench.memory.copy()

    async def testbench(ctx):
        await bench.push(ctx, hart=1)
        assert await bench.status(ctx) == TileStatus.ERROR_OWNER
        assert await bench.read(ctx, "ACQUIRE", hart=2) == 1
        await bench.write(ctx, "CONFIG", index=TileConfigReg.RESET, hart=2)
        await bench.write(ctx, "JOB_ERROR", hart=1)
        assert await bench.status(ctx) == TileStatus.ERROR_OWNER
        await bench.push(ctx, hart=1)
        assert await bench.read(ctx, "JOB_STATUS", hart=1) == JobStatus.ROOM
        # Nor did it leave anything in the descriptor.
        await bench.write(ctx, "JOB_PUSH", hart=2)
        await bench.wait(ctx, 1)
        assert await bench.read(ctx, "JOB_ERROR") == JobError.EMPTY
        assert (bench.memory == before).all()

    bench.run(testbench)


def test_what_the_owner_may_not_do_while_there_is_a_job():
    bench = StreamBench()
    expected = bench.expected()

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        bench.room = False
        await bench.push(ctx)
        for name in ("RELEASE", "PROCESS", "INPUT", "PROGRAM_ADDR", "PROGRAM_DATA", "CONFIG"):
            assert await bench.write(ctx, name, 3) == 0
        assert await bench.read(ctx, "OUTPUT") == 0
        assert await bench.read(ctx, "ACQUIRE") == 1
        assert await bench.read(ctx, "ACQUIRE", hart=1) == 0
        assert await bench.status(ctx) & ~TileStatus.BUSY == TileStatus.ERROR_BUSY
        bench.room = True
        await bench.wait(ctx, 1)
        assert (bench.memory == expected).all()
        assert await bench.status(ctx) == TileStatus.ERROR_BUSY
        await bench.write(ctx, "CONFIG", index=TileConfigReg.RESET)
        assert await bench.status(ctx) == 0
        assert await bench.status(ctx, TileStatusReg.PROGRAM_WRITES) == 0
        await bench.write(ctx, "RELEASE")
        assert await bench.read(ctx, "ACQUIRE", hart=1) == 1

    bench.run(testbench)


def test_a_push_without_room_is_an_error():
    bench = StreamBench()

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        bench.room = False
        await bench.push(ctx, tag=1)
        await ctx.tick().repeat(20)
        await bench.push(ctx, tag=2)
        assert await bench.read(ctx, "JOB_STATUS") == JobStatus.BUSY
        await bench.push(ctx, tag=3)
        assert await bench.status(ctx) & ~TileStatus.BUSY == TileStatus.ERROR_RANGE
        bench.room = True
        await bench.wait(ctx, 2)
        await ctx.tick().repeat(400)
        assert await bench.read(ctx, "JOB_STATUS") == 2 << 16 | JobStatus.ROOM

    bench.run(testbench)


def test_errors_stay_until_they_are_cleared_and_jobs_go_on():
    bench = StreamBench()
    expected = bench.expected()

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        await bench.push(ctx, cols=20, tag=500)
        await bench.wait(ctx, 1)
        await bench.push(ctx)
        status = await bench.wait(ctx, 2)
        assert status == 2 << 16 | JobStatus.ROOM | JobStatus.FAILED
        assert await bench.read(ctx, "JOB_ERROR") == 500 << 16 | JobError.WINDOW
        await bench.write(ctx, "JOB_ERROR")
        assert await bench.read(ctx, "JOB_ERROR") == 0
        assert await bench.read(ctx, "JOB_STATUS") == 2 << 16 | JobStatus.ROOM
        assert (bench.memory == expected).all()

    bench.run(testbench)


def test_the_tile_is_used_over_the_bus_before_and_after_a_job():
    bench = StreamBench()
    inputs = random_bytes(bench.rng, 24)
    wanted = bench.stub.model.mvm(inputs, 4, 24, 0, 16, 3)
    expected = bench.expected()

    async def mvm(ctx):
        await bench.write(ctx, "CONFIG", 4 | 24 << 16, index=TileConfigReg.ROWS)
        await bench.write(ctx, "CONFIG", 16 << 16, index=TileConfigReg.COLS)
        await bench.write(ctx, "CONFIG", 3, index=TileConfigReg.SHIFT)
        for i in range(0, 24, 4):
            await bench.write(ctx, "INPUT", sum((v & 0xFF) << 8 * k for k, v in
                                                enumerate(inputs[i : i + 4])))  # fmt: skip
        await bench.write(ctx, "PROCESS")

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        for turn in range(2):
            await mvm(ctx)
            # Not while a result is to come, nor while it is there.
            for state in (0, TileStatus.RESULT):
                while await bench.status(ctx) & TileStatus.RESULT != state:
                    pass
                assert await bench.read(ctx, "JOB_STATUS") == turn << 16
                await bench.write(ctx, "JOB_PUSH")
                assert await bench.status(ctx) & TileStatus.ERROR_RANGE
                await bench.write(ctx, "CONFIG", index=TileConfigReg.SHIFT)
            assert [await bench.read(ctx, "OUTPUT") for _ in range(4)] == wanted
            assert await bench.status(ctx) == TileStatus.ERROR_RANGE
            await bench.read(ctx, "OUTPUT")
            assert await bench.status(ctx) & TileStatus.ERROR_EMPTY
            await bench.write(ctx, "CONFIG", index=TileConfigReg.RESET)
            # What is queued and not handed over is dropped.
            await bench.write(ctx, "INPUT", 0x01010101)
            await bench.push(ctx)
            await bench.wait(ctx, turn + 1)
            assert await bench.status(ctx) == 0
            assert (bench.memory == expected).all()

    bench.run(testbench)


def test_a_push_waits_for_weights_that_wait_for_the_array():
    bench = StreamBench()

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        await bench.push(ctx, rows=0)
        await bench.wait(ctx, 1)
        for col in range(0, 12, 4):
            await bench.write(ctx, "PROGRAM_ADDR", 5 | col << 16)
            await bench.write(ctx, "PROGRAM_DATA", 0x01010101)
        assert await bench.write(ctx, "JOB_PUSH") > 0
        assert (bench.stub.model.weights[5, :12] == 1).all()

    bench.run(testbench)


@pytest.mark.parametrize("name", ["JOB", "JOB_PUSH"])
def test_registers_without_a_value_read_as_zero(name):
    bench = StreamBench()

    async def testbench(ctx):
        await bench.read(ctx, "ACQUIRE")
        await bench.write(ctx, "JOB", 5)
        assert await bench.read(ctx, name) == 0
        assert await bench.status(ctx) == 0

    bench.run(testbench)
