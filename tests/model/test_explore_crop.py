import numpy as np
import pytest
from tightrope.sim.explore.crop import crop_to_work, crop_window, work
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.kernels import is_kernel, parse_kernel
from tightrope.sim.golden import random_inputs, random_quant_layer, run_layer
from tightrope.sim.workload.layers import LayerOp

KERNELS = (
    "conv:13x11x8:12:3x3:p1",
    "conv:14x14x4:8:5x3:s2:p2x1",
    "conv:7x7x8:8:1x1:s3",
    "dwconv:12x12x8:3x3:s2:p1",
    "maxpool:13x13x4:3x3:s2:p1",
    "add:9x9x4",
)


@pytest.mark.parametrize("text", KERNELS)
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 3), (3, 2)])
def test_cropped_layer_computes_the_corner_of_the_whole(text, rows, cols):
    import dataclasses

    layer = parse_kernel(text)
    rng = np.random.default_rng(3)
    whole = random_quant_layer(layer, rng)
    inputs = random_inputs(layer, rng)
    cut = crop_window(layer, rows, cols)
    assert cut.out_shape == (rows, cols, layer.out_shape[2])
    corner = [array[: cut.in_shape[0], : cut.in_shape[1]] for array in inputs]
    result = run_layer(dataclasses.replace(whole, layer=cut), corner)
    assert np.array_equal(result, run_layer(whole, inputs)[:rows, :cols])


def test_crop_of_more_than_there_is_changes_nothing():
    layer = parse_kernel(KERNELS[0])
    assert crop_window(layer, 99, 99) == layer
    assert crop_to_work(layer, 10**9) == layer


@pytest.mark.parametrize("text", [*KERNELS, "dense:4096:1000", "conv:7x7x512:512:3x3:p1"])
@pytest.mark.parametrize("limit", [1000, 50_000])
def test_crop_to_work_is_near_the_limit(text, limit):
    layer = parse_kernel(text)
    cut = crop_to_work(layer, limit)
    least = work(cut) // (cut.pixels * cut.out_shape[2])
    assert work(cut) <= max(limit, 4 * least * max(1, cut.out_shape[2] // 4))
    assert work(cut) > 0


def test_grammar():
    layer = parse_kernel("conv:56x28x64:32:3x5:s2x1:p1x2:g4")
    assert layer.op is LayerOp.CONV
    assert (layer.in_shape, layer.out_shape) == ((56, 28, 64), (28, 28, 32))
    assert (layer.kernel, layer.stride, layer.pads, layer.groups) == (
        (3, 5),
        (2, 1),
        (1, 2, 1, 2),
        4,
    )
    dense = parse_kernel("dense:512:1000")
    assert (dense.in_shape, dense.out_shape) == ((1, 1, 512), (1, 1, 1000))
    assert parse_kernel("gap:7x7x64").kernel == (7, 7)
    assert parse_kernel("add:7x7x64").inputs == 2
    assert not is_kernel("conv") and not is_kernel("resnet50") and is_kernel("add:1x1x1")


@pytest.mark.parametrize(
    "text",
    [
        "conv:",
        "conv:8x8:4:3x3",
        "conv:8x8x4:4",
        "conv:8x8x4:4:3",
        "conv:8x8x4:4:3x3:s0",
        "conv:8x8x4:4:3x3:p1:p1",
        "conv:8x8x4:4:3x3:q1",
        "conv:8x8x4:6:3x3:g4",
        "conv:8x8x-4:6:3x3",
        "conv:8x8x99999:6:3x3",
        "dense:4",
        "dense:0:4",
        "add:8x8x4:s1",
        "lstm:4",
    ],
)
def test_text_that_is_no_kernel_is_refused(text):
    with pytest.raises(ExploreError, match="kernel"):
        parse_kernel(text)
