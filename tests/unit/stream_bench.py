"""A streamer, its tile with a stub array and its memory in pysim; what a job should do."""

import dataclasses
import random

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator
from post_bench import PostModel
from tightrope.hw.isa import TILE_SHIFT_POST, TileStatusReg
from tightrope.hw.stream.job import JOB_POST, JobError, StreamJob
from tightrope.hw.stream.streamer import TileStreamer
from tightrope.hw.tile.ports import PortWidths
from tightrope.hw.tile.tile import Tile
from tile_stub import StubArray

SIZE_BYTES = 1 << 15
ADDR_WIDTH = 14
GUARD = 0xA5


@dataclasses.dataclass(kw_only=True)
class Conv:
    """A convolution, its input in memory, a slice of its patches, and where in it a job begins."""

    in_h: int
    in_w: int
    channels: int
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    out_h: int
    out_w: int
    pixel_pitch: int
    row_pitch: int
    image: int = 0
    zero_point: int = 0
    first: int = 0
    """Byte of the flattened patch with which the slice begins."""
    rows: int
    first_pixel: int = 0

    def patches(self, memory):
        """The inputs of the MVM of each output pixel, ``(out_h * out_w, rows) uint8``."""
        y = np.arange(self.out_h)[:, None] * self.stride_h - self.pad_top
        y = y + np.arange(self.kernel_h) * self.dilation_h
        x = np.arange(self.out_w)[:, None] * self.stride_w - self.pad_left
        x = x + np.arange(self.kernel_w) * self.dilation_w
        y, x = y[:, None, :, None, None], x[None, :, None, :, None]
        inside = (y >= 0) & (y < self.in_h) & (x >= 0) & (x < self.in_w)
        addr = self.image + y * self.row_pitch + x * self.pixel_pitch + np.arange(self.channels)
        addr = np.where(inside, addr, 0) % len(memory)
        values = np.where(inside, memory[addr], self.zero_point & 0xFF)
        flat = values.reshape(self.out_h * self.out_w, -1)
        return flat[:, self.first : self.first + self.rows].astype(np.uint8)

    def job(self, **fields):
        """The descriptor, as a host would make it; ``fields`` are the others, or replace some."""
        ky, rest = divmod(self.first, self.kernel_w * self.channels)
        kx, channel = divmod(rest, self.channels)
        oy, ox = divmod(self.first_pixel, self.out_w)
        y = oy * self.stride_h - self.pad_top + ky * self.dilation_h
        x = ox * self.stride_w - self.pad_left + kx * self.dilation_w
        places = {
            "column": (0, self.dilation_w),
            "row": (self.dilation_h, -(self.kernel_w - 1) * self.dilation_w),
            "pixel": (0, self.stride_w),
            "line": (self.stride_h, -(self.out_w - 1) * self.stride_w),
        }
        job = {
            "source": self.image + y * self.row_pitch + x * self.pixel_pitch,
            "y": y, "x": x, "in_h": self.in_h, "in_w": self.in_w,
            "channels": self.channels, "channel": channel,
            "kernel_w": self.kernel_w, "kernel_x": kx, "out_w": self.out_w, "out_x": ox,
            "rows": self.rows, "zero_point": self.zero_point,
            "count": self.out_h * self.out_w - self.first_pixel,
        }  # fmt: skip
        for name, (dy, dx) in places.items():
            job |= {f"{name}_y": dy, f"{name}_x": dx}
            job[f"{name}_step"] = dy * self.row_pitch + dx * self.pixel_pitch
        job |= fields
        widths = {name: field.shape for name, field in StreamJob}
        return {name: job[name] % (1 << widths[name]) for name in widths if name in job}


class _Top(wiring.Component):
    """A streamer and its tile, whose registers a host may write while there is no job."""

    def __init__(self, tile, streamer):
        self.tile, self.streamer = tile, streamer
        memory = streamer.memory.signature
        config = {"config_en": In(1), "config_index": In(3), "config_data": In(32)}
        super().__init__({"job": In(stream.Signature(StreamJob)), "memory": Out(memory), **config})

    def elaborate(self, platform):
        m = Module()
        m.submodules.tile, m.submodules.streamer = tile, streamer = self.tile, self.streamer
        connect(m, flipped(self.job), streamer.job)
        connect(m, streamer.memory, flipped(self.memory))
        connect_tile(m, streamer, tile)
        with m.If(self.config_en):
            m.d.comb += [
                tile.config_en.eq(1),
                tile.config_index.eq(self.config_index),
                tile.config_data.eq(self.config_data),
            ]
        return m


def connect_tile(m, streamer, tile):
    connect(m, streamer.queue, tile.queue)
    connect(m, streamer.process, tile.process)
    connect(m, tile.dequeue, streamer.dequeue)
    for name in ("drop", "config_en", "config_index", "config_data"):
        m.d.comb += getattr(tile, name).eq(getattr(streamer, name))
    for name in ("dequeue_words", "dequeue_last"):
        m.d.comb += getattr(streamer, name).eq(getattr(tile, name))


class StreamBench:
    """``ready_ratio`` of the cycles the memory takes a request."""

    def __init__(self, config, words, *, seed=0, ready_ratio=1.0, extra_cycles=0):
        self.config, self.words = config, words
        self.rng = random.Random(seed)
        ports = PortWidths(port_bytes=4 * words, port_bytes_out=4 * words).of_array(config)
        self.stub = StubArray(config, extra_cycles, seed, **ports.keywords)
        self.tile = Tile(
            config=config,
            array=lambda _, **_ports: self.stub,
            port_bytes=4 * words,
            port_bytes_out=4 * words,
        )
        self.streamer = TileStreamer(
            config=config, words=words, size_bytes=SIZE_BYTES, addr_width=ADDR_WIDTH
        )
        self.dut = _Top(self.tile, self.streamer)
        self.memory = np.full(SIZE_BYTES, GUARD, np.uint8)
        self.starts = []
        """The cycles in which MVMs started."""
        self.ends = []
        """Tag, error and cycle of each job's end."""
        self.unfinished = False
        """The tile has bytes of an MVM that was not started."""
        self.writes = 0
        """Write requests that the memory took."""
        self.counters = {}
        """Those of the streamer at the end."""
        self._ready_ratio = ready_ratio
        for row in range(config.rows):
            for col in range(0, config.cols, 4):
                self.stub.model.program(row, col, self.rng.getrandbits(32))
        self.post = PostModel(self.stub.model, self.rng) if config.post_lanes else None

    def fill(self, first, count):
        self.memory[first : first + count] = [self.rng.randrange(256) for _ in range(count)]

    def expected(self, conv, job):
        """What the job should write: an address and the bytes of each result, in order."""
        patches = conv.patches(self.memory)[conv.first_pixel :][: job["count"]]
        window = (job.get("row", 0), job["rows"], job.get("col", 0), job["cols"])
        results = []
        model, shift = self.stub.model, job.get("shift", 0)
        if shift & JOB_POST:
            model, shift = self.post, shift ^ JOB_POST | TILE_SHIFT_POST
        for i, patch in enumerate(patches):
            words = model.mvm(patch.view(np.int8).tolist(), *window, shift)
            place = (job["destination"] + i * job["destination_step"]) % (1 << 32)
            results.append((place, np.array(words, np.uint32).view(np.uint8)))
        return results

    async def _serve(self, ctx):
        """The memory: as WideRequest demands, and no more than that."""
        port = self.dut.memory
        names = ("valid", "ready", "write", "addr", "count", "data", "mask")
        waiting = None
        async for _, _, *values in ctx.tick().sample(*(getattr(port, name) for name in names)):
            valid, ready, *request = values
            if not request[0]:
                request[3:] = [0, 0]  # what a read would write is nobody's business
            assert waiting is None or (valid and request == waiting)
            waiting = request if valid and not ready else None
            taken = valid and ready
            ctx.set(port.rsp_valid, taken)
            ctx.set(port.rdata, self._access(*request) if taken else self._noise())
            if self._ready_ratio < 1:
                ctx.set(port.ready, self.rng.random() < self._ready_ratio)

    def _noise(self):
        return self.rng.getrandbits(32 * self.words)

    def _access(self, write, addr, count, data, mask):
        assert 1 <= count <= self.words
        assert 4 * (addr + count) <= SIZE_BYTES
        place = slice(4 * addr, 4 * (addr + count))
        if write:
            assert mask & ((1 << 4 * count) - 1) == (1 << 4 * count) - 1
            self.writes += 1
            value = data & ((1 << 32 * count) - 1)
            self.memory[place] = np.frombuffer(value.to_bytes(4 * count, "little"), np.uint8)
            return self._noise()
        known = int.from_bytes(self.memory[place].tobytes(), "little")
        return known | self._noise() >> 32 * count << 32 * count

    async def _watch(self, ctx):
        streamer = self.streamer
        signals = (self.stub.bus.start_en, streamer.done, streamer.done_tag, streamer.done_error)
        job, tile, memory = self.dut.job, self.tile, self.dut.memory
        queued = tile.queue.valid & tile.queue.ready
        activity = queued | tile.process.valid | tile.drop | streamer.config_en | memory.valid
        empties = tile.drop | (tile.process.valid & tile.process.ready)
        states = (streamer.busy, job.valid & job.ready, activity, queued, empties)
        cycle = jobs = 0
        async for _, _, start, done, tag, error, *state in ctx.tick().sample(*signals, *states):
            busy, given, active, queued, emptied = state
            cycle += 1
            assert busy or (jobs == 0 and not active and not self.unfinished)
            jobs += given - done
            self.unfinished = (self.unfinished or queued) and not emptied
            if start:
                self.starts.append(cycle)
            if done:
                self.ends.append((tag, JobError(error), cycle))

    def run(self, jobs, *, limit_cycles=20_000):
        """Give the jobs as soon as they are taken and wait for the end of all."""

        async def testbench(ctx):
            ctx.set(self.dut.memory.ready, self._ready_ratio == 1)
            port = self.dut.job
            for index, value in self.post.writes() if self.post else ():
                ctx.set(self.dut.config_en, 1)
                ctx.set(self.dut.config_index, index)
                ctx.set(self.dut.config_data, value)
                await ctx.tick()
            ctx.set(self.dut.config_en, 0)
            for job in jobs:
                ctx.set(port.payload, job)
                ctx.set(port.valid, 1)
                while not (await ctx.tick().sample(port.ready))[2]:
                    pass
            ctx.set(port.valid, 0)
            while len(self.ends) < len(jobs) or ctx.get(self.streamer.busy):
                await ctx.tick()
            await ctx.tick().repeat(5)
            ctx.set(self.tile.status_index, TileStatusReg.STATUS)
            assert ctx.get(self.tile.status_data) == 0
            for name in ("bytes_in", "bytes_out", "conflict_cycles", "busy_cycles"):
                self.counters[name] = ctx.get(getattr(self.streamer, name))

        async def give_up(ctx):
            await ctx.delay(limit_cycles * 1e-6)
            raise AssertionError(f"not finished after {limit_cycles} cycles")

        sim = Simulator(self.dut)
        sim.add_clock(1e-6)
        for process in (self.stub.process, self._serve, self._watch):
            sim.add_process(process)
        sim.add_testbench(testbench)
        sim.add_testbench(give_up, background=True)
        sim.run()
