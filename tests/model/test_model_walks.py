import struct

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.hw.headers import DCACHE_BYTES
from tightrope.sim.calibrate.layers import conv_layer, dense_layer
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.golden.random_layers import random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR, LAYER, Body
from tightrope.sim.image.steps import independent_steps
from tightrope.sim.image.tables import pitch_of_patch
from tightrope.sim.mapping.plan import Block, TightSplit
from tightrope.sim.model.cache_lines import direct_mapped_misses, miss_mask
from tightrope.sim.model.features import chunk_works
from tightrope.sim.model.input_lines import lines_of_patches
from tightrope.sim.model.kernel_tile import aligned_pixels, queue_loops
from tightrope.sim.model.pixels import classes_of
from tightrope.sim.model.places import places_of
from tightrope.sim.model.stream_walk import bands_misses
from tightrope.sim.model.sums_walk import sums_misses
from tightrope.sim.model.tile_runs import READ, runs_of
from tightrope.sim.model.work import SETS
from tightrope.sim.workload.layers import LayerOp

SEED = 7


def descriptor_of(case):
    """The fields of the last descriptor in the image of a layer alone."""
    rng = np.random.default_rng(SEED)
    qlayer = random_quant_layer(case.layer, rng, weight_bits=8)
    steps, inputs = independent_steps([(qlayer, plan_case(case))], [random_inputs(case.layer, rng)])
    data = build_image(case.machine, steps, inputs).data
    header = dict(zip([name for name, _ in HEADER],
                      struct.unpack_from(f"<{len(HEADER)}I", data), strict=True))  # fmt: skip
    place = header["layers_addr"] - IMAGE_ADDR + (header["layer_count"] - 1) * 4 * len(LAYER)
    values = struct.unpack_from(f"<{len(LAYER)}I", data, place)
    return dict(zip([name for name, _ in LAYER], values, strict=True))


@pytest.mark.parametrize(
    ("layer", "body", "split", "harts"),
    [
        (conv_layer(9, 40, 24, 3, 1, 1), Body.TIGHT, TightSplit.REPLICATE, 4),
        (conv_layer(6, 64, 72), Body.TIGHT, TightSplit.CHANNELS, 2),
        (conv_layer(5, 300, 36), Body.LOOSE, None, 8),
        (dense_layer(100, 33), Body.DOT4, None, 3),
        (conv_layer(8, 64, 64), Body.DOT4, None, 1),
        (conv_layer(6, 10, 10, 3, 1, 1, op=LayerOp.DWCONV), Body.DOT4, None, 2),
        (conv_layer(12, 32, 32, 2, 2, 0, op=LayerOp.AVGPOOL), Body.DOT4, None, 4),
        (conv_layer(7, 160, 160, op=LayerOp.GLOBAL_AVGPOOL), Body.DOT4, None, 8),
    ],
)
def test_places_are_those_of_the_image(layer, body, split, harts):
    machine = ClusterConfig(harts=harts, loose_tiles=4)
    case = Case(layer=layer, machine=machine, body=body, split=split)
    fields, places = descriptor_of(case), places_of(layer, plan_case(case))
    found = {"input": "in_addr", "scales": "scale_addr", "scratch": "scratch_addr"}
    if layer.has_weights:
        found["bias"] = "bias_addr"
    if layer.has_weights and body is Body.DOT4:
        found["weights"] = "weights_addr"
    if body is not Body.DOT4:
        found["groups"] = "groups_addr"
    for name, field in found.items():
        assert getattr(places, name) % DCACHE_BYTES == fields[field] % DCACHE_BYTES, name


def test_a_direct_mapped_cache_misses_what_a_plain_one_does():
    rng = np.random.default_rng(SEED)
    lines = rng.integers(0, 3 * SETS, 2000)
    held: dict[int, int] = {}
    expected = []
    for line in lines.tolist():
        expected.append(held.get(line % SETS) != line)
        held[line % SETS] = line
    assert miss_mask(lines).tolist() == expected
    assert direct_mapped_misses(lines, 0) == sum(expected)
    assert direct_mapped_misses(lines, 300) == sum(expected[300:])


@pytest.mark.parametrize("shape", [(9, 5, 8, 3, 1, 1), (14, 3, 32, 7, 2, 3), (8, 6, 9, 2, 3, 0)])
def test_classes_of_pixels_cover_all_taps_inside(shape):
    layer = conv_layer(*shape)
    (in_h, in_w, _), (out_h, out_w, _) = layer.in_shape, layer.out_shape
    for begin, end in ((0, layer.pixels), (1, layer.pixels - 2), (3, 4)):
        taps = 0
        for pixel in range(begin, end):
            y, x = divmod(pixel, out_w)
            top, left = (place * layer.stride[0] - layer.pads[0] for place in (y, x))
            taps += sum(
                0 <= top + ky < in_h and 0 <= left + kx < in_w
                for ky in range(layer.kernel[0]) for kx in range(layer.kernel[1])
            )  # fmt: skip
        found = classes_of(layer, begin, end)
        assert sum(count for _, count in found) == end - begin
        assert sum(count * where.taps for where, count in found) == taps
    assert out_h * out_w == layer.pixels


def test_runs_of_a_block_are_counted_by_their_alignment():
    # 5 channels: rows of 15 bytes, of pixels 5 bytes apart in rows of 45.
    layer = conv_layer(9, 5, 8, 3)
    block = Block(tile=0, row_begin=0, row_count=45, col_begin=0, col_count=8, k_begin=0)
    loops = queue_loops(layer, 0, 1, block)
    # At 0, 45 and 90 bytes from the input's beginning.
    assert loops["run"] == 3 and loops["unaligned_run"] == 2
    assert loops["queue8"] == 1 and loops["queue_unaligned"] == 2
    assert loops["tail_byte"] == 14 and loops["queue_tail"] == 3
    # 7 bytes are a word, a half and a byte.
    assert loops["tail_write"] == 9
    assert loops["fill"] == 0


@pytest.mark.parametrize("shape", [(9, 5, 8, 3, 1, 1), (8, 1, 8, 3, 1, 1), (7, 6, 9, 5, 2, 2)])
def test_gathering_writes_every_byte_of_a_patch_once(shape):
    layer = conv_layer(*shape)
    plan = plan_case(Case(layer=layer, machine=ClusterConfig(harts=1)))
    (work,) = chunk_works(layer, plan, ClusterConfig(harts=1))
    loops = work.loops
    written = 16 * loops["gather_16"] + 4 * (loops["gather_word"] + loops["gather_four"])
    written += loops["gather_byte"] + 4 * loops["gather_fill_word"] + loops["gather_fill_byte"]
    assert written == layer.pixels * pitch_of_patch(layer.patch)


def test_runs_of_a_slice_are_its_bytes_in_order():
    layer = conv_layer(8, 6, 8, 5, 2, 2)
    begin, count = 11, 120
    for where, _ in classes_of(layer, 0, layer.pixels):
        runs = runs_of(where, 5, 6, begin, count)
        assert sum(size for _, size in runs) == count
        inside = sum(size for kind, size in runs if kind in READ)
        taps = {
            (k // 30, k % 30 // 6) for k in range(begin, begin + count)
            if where.ky[0] <= k // 30 < where.ky[1] and where.kx[0] <= k % 30 // 6 < where.kx[1]
        }  # fmt: skip
        assert 6 * (len(taps) - 2) < inside <= 6 * len(taps)


def test_sums_miss_each_line_of_results_once_if_nothing_meets():
    missed = sums_misses(0, 64, 512, blocks=1, area_bytes=672, pixel_bytes=16, element_bytes=1,
                         channels=16, aligned=(True,), pixels=40)  # fmt: skip
    # 640 bytes of results; 64 of biases and as many of scales; three lines of stack and one more.
    assert missed == (4 + 4, 20)


def test_bands_miss_more_where_tables_meet_the_stack():
    for posted in (False, True):
        apart, meeting = (
            bands_misses(chunk, chunk + 20, chunk + 44, 2, 8, posted=posted, is_first=True)
            for chunk in (512, 2168)
        )
        assert meeting > apart + 8


def test_padding_is_filled_and_not_read():
    layer = conv_layer(8, 16, 8, 3, 1, 1)
    block = Block(tile=0, row_begin=0, row_count=144, col_begin=0, col_count=8, k_begin=0)
    corner = queue_loops(layer, 0, 1, block)
    # A row above, and 16 bytes left of the other two.
    assert corner["fill"] == 3 and corner["queue_fill"] == 6 + 2 * 2
    assert corner["run"] == 2 and corner["queue32"] == 2
    inside = queue_loops(layer, 9, 10, block)
    assert inside["fill"] == 0 and inside["run"] == 3


def test_outputs_at_words_are_counted():
    layer = conv_layer(4, 8, 6)
    aligned = sum((pixel * 6 + 4) % 4 == 0 for pixel in range(3, 14))
    assert aligned_pixels(layer, 3, 14, 4) == aligned


def test_lines_of_patches_are_those_of_the_bytes_inside():
    rng = np.random.default_rng(SEED)
    layer = conv_layer(7, 20, 8, 3, 2, 1)
    in_h, in_w, channels = layer.in_shape
    k_begin, count = 25, 110
    pixels = rng.permutation(layer.pixels)[:6]
    found = lines_of_patches(layer.in_shape, layer.out_shape[1], layer.kernel, layer.stride,
                             layer.pads[:2], k_begin, count, pixels)  # fmt: skip
    for pixel, lines in zip(pixels.tolist(), found, strict=True):
        top, left = (2 * place - 1 for place in divmod(pixel, layer.out_shape[1]))
        wanted = set()
        for k in range(k_begin, k_begin + count):
            (ky, kx), c = divmod(k // channels, 3), k % channels
            if 0 <= top + ky < in_h and 0 <= left + kx < in_w:
                wanted.add((64 + ((top + ky) * in_w + left + kx) * channels + c) // 32)
        assert wanted <= set(lines.tolist())
