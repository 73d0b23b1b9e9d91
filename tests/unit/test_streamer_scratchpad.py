import random

import crossbar_bench
import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect
from amaranth.sim import Simulator
from stream_bench import Conv, connect_tile
from tightrope.hw.config import TileConfig
from tightrope.hw.stream.streamer import TileStreamer
from tightrope.hw.tile.tile import Tile
from tile_stub import StubArray

CONFIG = TileConfig(rows=128, cols=64, adc_bits=8, mvm_latency_cycles=20)
SIZE_BYTES = 4 * crossbar_bench.SIZE_WORDS
IMAGE_BYTES = 384
RESULTS = [1024, 2048]


class Top(wiring.Component):
    """Streamers and their tiles at the scratchpad; a hart's lane is the last requester."""

    def __init__(self, words):
        self.memory = crossbar_bench.Bench(words=[*words, 1], banks=16)
        self.stubs = [
            StubArray(CONFIG, 0, i, port_bytes=4 * count, port_bytes_out=4 * count)
            for i, count in enumerate(words)
        ]
        self.tiles = [
            Tile(
                config=CONFIG,
                array=lambda _, stub=stub, **_ports: stub,
                port_bytes=4 * count,
                port_bytes_out=4 * count,
            )
            for stub, count in zip(self.stubs, words, strict=True)
        ]
        self.streamers = [
            TileStreamer(
                config=CONFIG,
                words=count,
                size_bytes=SIZE_BYTES,
                addr_width=crossbar_bench.ADDR_WIDTH,
            )
            for count in words
        ]
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        for i, (tile, streamer) in enumerate(zip(self.tiles, self.streamers, strict=True)):
            m.submodules[f"tile_{i}"] = tile
            m.submodules[f"streamer_{i}"] = streamer
            connect_tile(m, streamer, tile)
            connect(m, streamer.memory, self.memory.ports[i])
        return m


async def access(ctx, lane, addr, data=None):
    """Write a word, or read one."""
    ctx.set(lane.valid, 1)
    ctx.set(lane.write, data is not None)
    ctx.set(lane.addr, addr)
    ctx.set(lane.data, data or 0)
    ctx.set(lane.mask, 0xF)
    while not (await ctx.tick().sample(lane.ready))[2]:
        pass
    ctx.set(lane.valid, 0)
    return ctx.get(lane.rdata)


def test_streamers_and_a_hart_share_a_scratchpad():
    rng = random.Random(1)
    words = [16, 4]
    top = Top(words)
    image = np.array([rng.randrange(256) for _ in range(IMAGE_BYTES)], np.uint8)
    jobs, expected = [], np.zeros(SIZE_BYTES, np.uint8)
    expected[:IMAGE_BYTES] = image
    for i, stub in enumerate(top.stubs):
        for row in range(CONFIG.rows):
            for col in range(0, CONFIG.cols, 4):
                stub.model.program(row, col, rng.getrandbits(32))
        conv = Conv(
            in_h=3, in_w=4, channels=14 + i, kernel_h=3, kernel_w=3, pad_top=1, pad_left=1,
            out_h=2, out_w=4, pixel_pitch=14 + 3 * i, row_pitch=4 * (14 + 3 * i),
            image=101 + i, zero_point=5, first=3, rows=120,
        )  # fmt: skip
        place = RESULTS[i]
        jobs.append(conv.job(cols=60, shift=6, destination=place, destination_step=60))
        for k, patch in enumerate(conv.patches(expected)):
            words_out = stub.model.mvm(patch.view(np.int8).tolist(), 0, 120, 0, 60, 6)
            expected[place + 60 * k :][:60] = np.array(words_out, np.uint32).view(np.uint8)

    async def testbench(ctx):
        lane = top.memory.ports[len(words)]
        for addr, word in enumerate(image.view(np.uint32).tolist()):
            await access(ctx, lane, addr, word)
        for streamer, job in zip(top.streamers, jobs, strict=True):
            ctx.set(streamer.job.payload, job)
            ctx.set(streamer.job.valid, 1)
        await ctx.tick()
        for streamer in top.streamers:
            ctx.set(streamer.job.valid, 0)
        cycles = 0
        while any(ctx.get(streamer.busy) for streamer in top.streamers):
            # A hart that reads all the time.
            await access(ctx, lane, rng.randrange(SIZE_BYTES // 4))
            cycles += 1
            assert cycles < 1000
        for place in RESULTS:
            near = range(place // 4 - 8, (place + 8 * 60) // 4 + 8)
            for addr in near:
                word = await access(ctx, lane, addr)
                assert word == expected.view(np.uint32)[addr]

    sim = Simulator(top)
    sim.add_clock(1e-6)
    for stub in top.stubs:
        sim.add_process(stub.process)
    sim.add_testbench(testbench)
    sim.run()
