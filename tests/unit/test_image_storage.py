"""Activations that share memory: nothing that is still needed is overwritten."""

import itertools

import hypothesis
import numpy as np
import pytest
from host_firmware import run_image
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig
from tightrope.hw.headers import DCACHE_BYTES
from tightrope.sim import golden
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.layout import Balance, Body, ExitStatus
from tightrope.sim.image.lifetimes import ALIGN_BYTES, Span, place_spans
from tightrope.sim.image.results import check_guards, check_outputs, touched_bytes
from tightrope.sim.image.steps import Step, expected_outputs
from tightrope.sim.mapping import plan_layer
from tightrope.sim.workload.layers import Layer, LayerOp

CONFIG = ClusterConfig(harts=3, tight_tiles_per_hart=0)
SIZE = (5, 4)


def layer_of(op, in_c, out_c):
    inputs = 2 if op is LayerOp.ADD else 1
    kernel = 3 if op in (LayerOp.DWCONV, LayerOp.MAXPOOL) else 1
    pad = kernel // 2
    return Layer(
        name=f"{op.value}", op=op, source_op=op.value, in_shape=(*SIZE, in_c),
        out_shape=(*SIZE, out_c), kernel=(kernel, kernel), pads=(pad,) * 4, inputs=inputs,
    )  # fmt: skip


def step_of(op, rng, inputs, in_c, out_c, **fields):
    layer = layer_of(op, in_c, out_c)
    qlayer = golden.random_quant_layer(layer, rng)
    plan = plan_layer(layer, CONFIG, Body.DOT4, Balance.STATIC)
    return Step(qlayer=qlayer, plan=plan, inputs=inputs, **fields)


def random_graph(rng, count):
    """Steps that read any earlier tensors of fitting channels; some write to parts of joints."""
    tensors = {"x": 4, "y": 8}
    steps = []
    while len(steps) < count:
        name = list(tensors)[rng.integers(len(tensors))]
        channels = tensors[name]
        kind = rng.integers(6)
        if kind == 0:
            others = [other for other, size in tensors.items() if size == channels]
            pair = (name, others[rng.integers(len(others))])
            steps.append(step_of(LayerOp.ADD, rng, pair, channels, channels))
            tensors[len(steps) - 1] = channels
        elif kind == 1:
            joint, parts = f"joint {len(steps)}", [int(part) for part in rng.integers(1, 9, 3)]
            for begin, part in zip(itertools.accumulate([0, *parts]), parts, strict=False):
                fields = {"joint": joint, "joint_channel": begin}
                steps.append(step_of(LayerOp.CONV, rng, (name,), channels, part, **fields))
            tensors[joint] = sum(parts)
        elif kind == 2:
            out_c = int(rng.integers(1, 17))
            steps.append(step_of(LayerOp.CONV, rng, (name,), channels, out_c))
            tensors[len(steps) - 1] = out_c
        else:
            op = (LayerOp.CLIP, LayerOp.DWCONV, LayerOp.MAXPOOL)[kind - 3]
            steps.append(step_of(op, rng, (name,), channels, channels))
            tensors[len(steps) - 1] = channels
    return steps


def run(steps, inputs, keep):
    image = build_image(CONFIG, steps, inputs, keep=keep)
    status, message, memory = run_image(image, CONFIG)
    assert status == ExitStatus.OK, message
    expected = expected_outputs(CONFIG, steps, inputs)
    if keep is not None:
        expected = [array if i in keep else None for i, array in enumerate(expected)]
    mismatches = check_outputs(image, memory, expected)
    assert not mismatches, "\n".join(map(str, mismatches))
    assert not check_guards(image, memory)
    assert touched_bytes(image, memory) == image.activation_bytes
    return image


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_random_graphs(seed):
    rng = np.random.default_rng(seed)
    steps = random_graph(rng, 12)
    inputs = {
        name: rng.integers(-128, 128, (*SIZE, channels), np.int8)
        for name, channels in (("x", 4), ("y", 8))
    }
    keep = {int(rng.integers(len(steps))), len(steps) - 1}
    shared = run(steps, inputs, keep)
    separate = run(steps, inputs, None)
    assert len(shared.data) < len(separate.data)


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(
    spans=st.lists(
        st.tuples(st.integers(1, 300), st.integers(-1, 20), st.integers(0, 6)), max_size=20
    )
)
def test_spans_that_live_together_lie_apart(spans):
    made = [
        Span(
            size_bytes=64 * size, first=first, last=first + length,
            beside=() if i == 0 else (i - 1,),
        )
        for i, (size, first, length) in enumerate(spans)
    ]  # fmt: skip
    offsets, total = place_spans(made)
    for (a, at), (b, bt) in itertools.combinations(zip(made, offsets, strict=True), 2):
        if a.first <= b.last and b.first <= a.last:
            assert at + a.size_bytes <= bt or bt + b.size_bytes <= at
    for at, bt in itertools.pairwise(offsets):
        assert at % DCACHE_BYTES != bt % DCACHE_BYTES
    assert all(offset % ALIGN_BYTES == 0 for offset in offsets)
    assert total == max((o + s.size_bytes for o, s in zip(offsets, made, strict=True)), default=0)


def test_a_chain_needs_two_buffers():
    spans = [Span(size_bytes=8192, first=i, last=i + 1) for i in range(-1, 9)]
    assert place_spans(spans)[1] == 2 * 8192


def test_add_in_place():
    rng = np.random.default_rng(3)
    steps = [
        step_of(LayerOp.CLIP, rng, ("x",), 4, 4),
        step_of(LayerOp.CONV, rng, (0,), 4, 4),
        step_of(LayerOp.ADD, rng, (1, 0), 4, 4),
        step_of(LayerOp.CLIP, rng, (2,), 4, 4),
    ]
    x = rng.integers(-128, 128, (*SIZE, 4), np.int8)
    image = run(steps, {"x": x}, {3})
    assert image.outputs[2].addr == image.outputs[1].addr == image.outputs[3].addr
    image = run(steps, {"x": x}, {1, 3})
    assert image.outputs[2].addr != image.outputs[1].addr


def test_refused():
    rng = np.random.default_rng(4)
    x = np.zeros((*SIZE, 4), np.int8)
    gap = [
        step_of(LayerOp.CONV, rng, ("x",), 4, 4, joint="j", joint_channel=begin)
        for begin in (0, 5)
    ]
    with pytest.raises(ImageError, match="side by side"):
        build_image(CONFIG, gap, {"x": x}, keep={0})
    early = [step_of(LayerOp.CONV, rng, (1,), 4, 4), step_of(LayerOp.CONV, rng, ("x",), 4, 4)]
    for keep in (None, {1}):
        with pytest.raises(ImageError, match="must read an earlier step|nobody has written"):
            build_image(CONFIG, early, {"x": x}, keep=keep)
