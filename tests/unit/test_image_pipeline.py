"""Pipelines: layers that belong to harts, several inputs on their way."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from host_firmware import run_image
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim import golden
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.layout import Balance, Body, ExitStatus
from tightrope.sim.image.pipeline import Pipeline
from tightrope.sim.image.results import check_guards, check_outputs
from tightrope.sim.image.steps import Step, expected_outputs
from tightrope.sim.mapping import plan_layer, single_layer_groups
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

CONFIG = ClusterConfig(
    harts=4, tight_tiles_per_hart=1, loose_tiles=1, tile=TileConfig(rows=64, cols=64)
)
SIZE = (4, 3)


def alone(layer, hart, body):
    """A plan that gives the whole layer to one hart."""
    single = dataclasses.replace(CONFIG, harts=1)
    groups = single_layer_groups(layer, single, body) if body is not Body.DOT4 else ()
    split = TightSplit.CHANNELS if body is Body.TIGHT else None
    plan = plan_layer(layer, single, body, Balance.STATIC, groups=groups)
    count = len(plan.chunks)
    return dataclasses.replace(
        plan,
        split=split,
        groups=tuple(group._replace(hart=hart) for group in groups),
        hart_first=tuple(0 if h <= hart else count for h in range(CONFIG.harts + 1)),
    )


def random_network(rng, harts):
    """Layers of a small network with a residual connection over all of it, and their plans."""
    tight = set()
    parts = []
    for place, hart in enumerate(harts):
        op = (LayerOp.CONV, LayerOp.CLIP, LayerOp.ADD)[min(place, rng.integers(3))]
        body = Body.DOT4
        if op is LayerOp.CONV and hart not in tight:
            body = (Body.DOT4, Body.TIGHT)[rng.integers(2)]
            tight |= {hart} if body is Body.TIGHT else set()
        layer = Layer(
            name=f"{place}", op=op, source_op="", in_shape=(*SIZE, 8), out_shape=(*SIZE, 8),
            inputs=2 if op is LayerOp.ADD else 1,
        )  # fmt: skip
        sources = [place - 1 if place else "x"]
        if op is LayerOp.ADD:
            sources.append(int(rng.integers(place)))
        parts.append((golden.random_quant_layer(layer, rng), alone(layer, hart, body), sources))
    return parts


def steps_for(parts, inputs):
    return [
        Step(
            qlayer=qlayer,
            plan=plan,
            inputs=tuple(
                f"x{n}" if source == "x" else n * len(parts) + source for source in sources
            ),
        )
        for n in range(inputs)
        for qlayer, plan, sources in parts
    ]


@pytest.mark.parametrize("shared", [False, True])
@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1), inputs=st.integers(1, 7))
def test_random_pipelines(shared, seed, inputs):
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(1, CONFIG.harts + 1))
    harts = sorted([*range(stages), *rng.integers(stages, size=4).tolist()])
    parts = random_network(rng, harts)
    steps = steps_for(parts, inputs)
    arrays = {f"x{n}": rng.integers(-128, 128, (*SIZE, 8), np.int8) for n in range(inputs)}
    last = {len(parts) * (n + 1) - 1 for n in range(inputs)}
    image = build_image(
        CONFIG, steps, arrays, keep=last if shared else None,
        pipeline=Pipeline(harts=tuple(harts), inputs=inputs),
    )  # fmt: skip
    status, message, memory = run_image(image, CONFIG)
    assert status == ExitStatus.OK, message
    expected = expected_outputs(CONFIG, steps, arrays)
    if shared:
        expected = [array if i in last else None for i, array in enumerate(expected)]
    assert not check_outputs(image, memory, expected)
    assert not check_guards(image, memory)


def refuse(message, steps, pipeline, inputs=1):
    arrays = {f"x{n}": np.zeros((*SIZE, 8), np.int8) for n in range(inputs)}
    with pytest.raises(ImageError, match=message):
        build_image(CONFIG, steps, arrays, pipeline=pipeline)


def test_refused():
    parts = random_network(np.random.default_rng(1), [0, 1])
    steps = steps_for(parts, 1)
    refuse("in order", steps, Pipeline(harts=(1, 0), inputs=1))
    refuse("in order", steps, Pipeline(harts=(0, 2), inputs=1))
    refuse("product", steps, Pipeline(harts=(0, 1), inputs=2))
    refuse("those of hart 0", steps, Pipeline(harts=(0, 0), inputs=1))
    groups = parts[0][1].groups
    if not groups:
        parts[0] = (parts[0][0], alone(parts[0][0].layer, 0, Body.TIGHT), parts[0][2])
        groups = parts[0][1].groups
    turned = tuple(group._replace(reprogram=True) for group in groups)
    plan = dataclasses.replace(parts[0][1], groups=turned)
    parts[0] = (parts[0][0], plan, parts[0][2])
    refuse("stay on their tiles", steps_for(parts, 1), Pipeline(harts=(0, 1), inputs=1))
