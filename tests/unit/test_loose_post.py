import random

import pytest
from post_bench import PostModel
from simulate import register_access
from tightrope.hw.config import TileConfig
from tightrope.hw.coupling.loose import LooseTile
from tightrope.hw.isa import TILE_SHIFT_POST, TileConfigReg, TileStatus
from tightrope.hw.regs import LOOSE_TILE_REGS
from tile_bench import random_bytes, run
from tile_stub import StubArray, pack

REGS = {reg.name: reg.offset_bytes for reg in LOOSE_TILE_REGS}


@pytest.mark.parametrize("adc_bits", [8, 32])
@pytest.mark.parametrize("stream_words", [0, 1, 4, 16])
@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_a_result_is_read_to_its_end_once_status_shows_it(lanes, stream_words, adc_bits):
    config = TileConfig(
        rows=8, cols=48, adc_bits=adc_bits, mvm_latency_cycles=30, post_lanes=lanes
    )
    rng = random.Random(lanes)
    stubs = []

    def make_array(config, **ports):
        stubs.append(StubArray(config, **ports))
        return stubs[0]

    dut = LooseTile(
        config=config,
        array=make_array,
        stream_words=stream_words,
        scratchpad_bytes=1 << 14 if stream_words else 0,
    )
    port_bytes = 4 * max(stream_words, 1)
    waits = []

    async def access(ctx, name, value=None, index=0):
        addr = REGS[name] + 4 * index
        result, waited = await register_access(ctx, dut.bus, addr, write=value)
        waits.append(waited)
        return result

    async def testbench(ctx):
        array = stubs[0].model
        for row in range(8):
            for col in range(0, 48, 4):
                array.program(row, col, rng.getrandbits(32))
        model = PostModel(array, rng)
        assert await access(ctx, "ACQUIRE") == 1
        for index, value in model.writes():
            await access(ctx, "CONFIG", value, index)
        for post in (TILE_SHIFT_POST, 0, TILE_SHIFT_POST):
            patch = random_bytes(rng, 8)
            for index, value in (
                (TileConfigReg.ROWS, 8 << 16),
                (TileConfigReg.COLS, 4 | 44 << 16),
                (TileConfigReg.SHIFT, 3 | post),
            ):
                await access(ctx, "CONFIG", value, index)
            for word in pack(patch, 1):
                await access(ctx, "INPUT", word)
            await access(ctx, "PROCESS", 0)
            while not await access(ctx, "STATUS") & TileStatus.RESULT:
                pass
            assert not any(waits)
            for word in model.mvm(patch, 0, 8, 4, 44, 3 | post):
                assert await access(ctx, "OUTPUT") == word
            assert max(waits) <= (port_bytes // lanes if post else 0)
            waits.clear()
            assert await access(ctx, "STATUS") == 0
        assert await access(ctx, "OUTPUT") == 0
        assert await access(ctx, "STATUS") == TileStatus.ERROR_EMPTY

    run(dut, stubs, testbench)
