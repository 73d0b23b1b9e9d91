"""A pipeline of two layers that stream, each on its own hart and tile: for the host and for RTL."""

import dataclasses

import numpy as np
from stream_layers import STREAM_MACHINE, pointwise
from tightrope.sim.golden import random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import Body
from tightrope.sim.image.pipeline import Pipeline
from tightrope.sim.image.steps import Step, expected_outputs
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.network.pipeline import single_hart_plan

FIRST, SECOND = pointwise(9, 24, 32), pointwise(9, 32, 12)
"""The first needs more of the scratchpad: its hart would reach into the part of the other."""


def on_tile(layer, tile):
    """The layer's groups if it has one tile to itself."""
    alone = dataclasses.replace(STREAM_MACHINE, harts=1, loose_tiles=1, stream_ports=1)
    groups = single_layer_groups(layer, alone, Body.STREAM)
    return [
        group._replace(blocks=tuple(block._replace(tile=tile) for block in group.blocks))
        for group in groups
    ]


def pipeline_image(seed, inputs=3, body=Body.STREAM):
    """The image, and what each step must output; ``body`` None: no tiles."""
    rng = np.random.default_rng(seed)
    parts = []
    for hart, layer in enumerate((FIRST, SECOND)):
        groups = on_tile(layer, hart) if body is not None else ()
        plan = single_hart_plan(layer, STREAM_MACHINE, hart, body, groups)
        parts.append((random_quant_layer(layer, rng), plan))
    steps = [
        Step(qlayer=qlayer, plan=plan, inputs=(2 * n if place else f"x{n}",))
        for n in range(inputs)
        for place, (qlayer, plan) in enumerate(parts)
    ]
    arrays = {f"x{n}": rng.integers(-128, 128, FIRST.in_shape, np.int8) for n in range(inputs)}
    image = build_image(
        STREAM_MACHINE, steps, arrays, pipeline=Pipeline(harts=(0, 1), inputs=inputs)
    )
    return image, expected_outputs(STREAM_MACHINE, steps, arrays)
