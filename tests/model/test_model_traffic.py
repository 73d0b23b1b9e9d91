"""What a streamed layer moves, by the model, against counts made element by element."""

import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.calibrate.stream_cases import stream_machine
from tightrope.sim.energy.energy import energy_of
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.explore.kernels import parse_kernel
from tightrope.sim.golden import random_geometry
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.stream import load_bytes, loaded_bytes
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.cost import Cost
from tightrope.sim.model.predict import predict_layer
from tightrope.sim.model.tile_counters import tile_counters
from tightrope.sim.model.traffic import hart_beats, shared_traffic
from tightrope.sim.workload.layers import LayerOp

SHAPE = {"max_size": 9, "max_kernel": 4, "max_stride": 3, "max_channels": 40}


def streamed(layer, machine):
    return plan_case(Case(layer=layer, machine=machine, body=Body.STREAM))


def positions(layer, pixel):
    """(index in the kernel, input y, input x) of what lies inside of the image."""
    out_y, out_x = divmod(pixel, layer.out_shape[1])
    for index in range(layer.kernel[0] * layer.kernel[1]):
        y = out_y * layer.stride[0] - layer.pads[0] + index // layer.kernel[1]
        x = out_x * layer.stride[1] - layer.pads[1] + index % layer.kernel[1]
        if 0 <= y < layer.in_shape[0] and 0 <= x < layer.in_shape[1]:
            yield index, y, x


@pytest.mark.parametrize("seed", range(20))
def test_streamers_read_each_element_that_is_not_padding(seed):
    layer = random_geometry(LayerOp.CONV, np.random.default_rng(seed), **SHAPE)
    machine = stream_machine(1, loose_tiles=32, tile=TileConfig(rows=64, cols=32))
    plan = streamed(layer, machine)
    expected = [0] * machine.loose_tiles
    channels = range(layer.in_shape[2])
    for chunk in plan.chunks:
        for pixel in range(chunk.pixel_begin, chunk.pixel_end):
            places = [len(channels) * index for index, _, _ in positions(layer, pixel)]
            read = {place + c for place in places for c in channels}
            for group in plan.groups[chunk.begin : chunk.end]:
                for block in group.blocks:
                    rows = range(block.k_begin, block.k_begin + block.row_count)
                    expected[block.tile] += len(read.intersection(rows))
    tiles = tile_counters(layer, plan, machine)
    assert [tile[TileStatusReg.STREAM_BYTES_IN] for tile in tiles] == expected, f"seed {seed}"
    written = sum(tile[TileStatusReg.STREAM_BYTES_OUT] for tile in tiles)
    assert written == 4 * sum(tile[TileStatusReg.COLS_USED] for tile in tiles)


@pytest.mark.parametrize("seed", range(20))
def test_a_load_holds_all_that_a_band_reads(seed):
    rng = np.random.default_rng(seed)
    layer = random_geometry(LayerOp.CONV, rng, **SHAPE)
    _, width, channels = layer.in_shape
    begin, end = np.sort(rng.choice(layer.pixels + 1, 2, replace=False)).tolist()
    places = [y * width + x for p in range(begin, end) for _, y, x in positions(layer, p)]
    needed = channels * (max(places) + 1 - min(places)) if places else 0
    loaded = loaded_bytes(layer, (begin, end))
    assert loaded % 4 == 0 and loaded >= needed, f"seed {seed}"
    assert loaded <= load_bytes(layer, (begin, end), channels), f"seed {seed}"
    if layer.kernel == (1, 1) and places:
        # From the first word of them to the last.
        first, last = channels * min(places) // 4, (channels * (max(places) + 1) - 1) // 4
        assert loaded == 4 * (last + 1 - first), f"seed {seed}"


def test_a_posted_layer_moves_what_one_counts_by_hand():
    machine, layer = stream_machine(1), conv_layer(20, 64, 128)
    plan = streamed(layer, machine)
    tiles = tile_counters(layer, plan, machine)
    found = shared_traffic(layer, plan, machine, tiles, 1000)
    assert (found.dma_load_bytes, found.dma_store_bytes) == (400 * 64, 400 * 128)
    assert found.memory_beats == 1000 + 400 * (64 + 128) / machine.memory.bytes_per_cycle
    # The engine fills and empties it, the tile reads and writes it.
    assert found.scratchpad_bytes == 2 * 400 * (64 + 128)


def test_raw_results_are_lines_of_the_scratchpad():
    machine, layer = stream_machine(1, tile=TileConfig()), conv_layer(20, 64, 128)
    plan = streamed(layer, machine)
    results = 400 * 128 * 4
    lines = results / 32
    hart = Cost(stores=50_000, dcache_fills=lines + 100, scratch_fills=lines)
    width = machine.memory.bytes_per_cycle
    tiles = tile_counters(layer, plan, machine)
    found = shared_traffic(layer, plan, machine, tiles, hart_beats(hart, width))
    assert (found.dma_load_bytes, found.dma_store_bytes) == (400 * 64, 0)
    assert found.scratchpad_bytes == 2 * 400 * 64 + 2 * results
    assert found.memory_beats == 50_000 + (400 * 64 + 100 * 32) / width


@pytest.mark.parametrize(("bytes_per_cycle", "joined"), [(4, 0), (8, 20), (16, 30), (32, 35)])
def test_stores_to_neighbouring_words_share_beats(bytes_per_cycle, joined):
    hart = Cost(stores=100, joined_stores=40, icache_fills=1, dcache_fills=1)
    beats = hart_beats(hart, bytes_per_cycle)
    assert beats == 100 - joined + 2 * 32 / bytes_per_cycle
    assert hart_beats(Cost(stores=10, joined_stores=40), 32) == 0


def test_a_group_that_is_not_resident_is_written_by_each_chunk():
    machine = dataclasses.replace(ClusterConfig(harts=3), tile=TileConfig(rows=64, cols=16))
    dense = parse_kernel("dense:130:24")
    plan = plan_case(Case(layer=dense, machine=machine, body=Body.TIGHT))
    assert all(group.reprogram for group in plan.groups)
    tiles = tile_counters(dense, plan, machine)
    written = sum(tile[TileStatusReg.PROGRAM_WRITES] for tile in tiles)
    expected = sum(
        block.row_count * block.col_count / 4
        for chunk in plan.chunks
        for group in plan.groups[chunk.begin : chunk.end]
        for block in group.blocks
    )
    assert written == pytest.approx(expected)


def test_streaming_pays_for_scratchpad_and_engine():
    machine, layer = stream_machine(4), conv_layer(16, 64, 64)
    costs = {name: 1.0 for name in ("layer", "hart", "chunk", "group", "tile", "band", "job",
                                    "store", "constants")}  # fmt: skip
    kernels = {"conv_stream": {"compute": costs, "seen": costs}}
    calibration = dataclasses.replace(load_calibration(), kernels=kernels)
    profile = load_profile("gf22")
    found = predict_layer(layer, streamed(layer, machine), machine, calibration).counters
    spent = energy_of(found, machine, profile)
    moved = 2 * 256 * 64
    assert spent.dma_pj == pytest.approx(moved * profile.dma_pj_per_byte)
    assert spent.scratchpad_pj == pytest.approx(2 * moved * profile.scratchpad_pj_per_byte)
    assert spent.memory_pj >= moved * profile.memory_pj_per_byte
