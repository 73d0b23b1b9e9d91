"""Good images of one small machine, and ways to spoil words of them."""

import dataclasses
import struct

import numpy as np
from cosim_machines import MACHINES
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.golden.random_layers import random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import IMAGE_ADDR, STRUCTS, Balance, Body, size_bytes
from tightrope.sim.image.pipeline import Pipeline
from tightrope.sim.image.steps import Step, independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import reprogrammed_groups, single_layer_groups
from tightrope.sim.network.pipeline import single_hart_plan
from tightrope.sim.workload.layers import Layer, LayerOp

MACHINE = MACHINES[2]
MAIN_MEMORY_END = MAIN_MEMORY.base_addr + MAIN_MEMORY.size_bytes
"""Of all that a machine could have; the next is that of this one."""
MEMORY_END = MAIN_MEMORY.base_addr + MACHINE.memory.size_bytes
LAYER = Layer(
    name="conv",
    op=LayerOp.CONV,
    source_op="Conv",
    in_shape=(2, 3, 16),
    out_shape=(2, 3, 8),
)
PROGRAM, CONV = 0, 1
"""Descriptors of a layer on tiles."""


def make_image(body, groups_of=single_layer_groups):
    rng = np.random.default_rng(1)
    groups = groups_of(LAYER, MACHINE, body) if body in (Body.TIGHT, Body.LOOSE) else ()
    plan = plan_layer(LAYER, MACHINE, body, Balance.STATIC, groups=groups)
    qlayer = random_quant_layer(LAYER, rng, weight_bits=4)
    steps, inputs = independent_steps([(qlayer, plan)], [random_inputs(LAYER, rng)])
    return build_image(MACHINE, steps, inputs)


def make_pipeline():
    """The layer on hart 0, another on hart 1, for two inputs."""
    rng = np.random.default_rng(2)
    second = dataclasses.replace(LAYER, in_shape=LAYER.out_shape)
    parts = [
        (random_quant_layer(layer, rng), single_hart_plan(layer, MACHINE, hart, None, ()))
        for hart, layer in enumerate((LAYER, second))
    ]
    steps = [
        Step(qlayer=qlayer, plan=plan, inputs=(2 * n if place else f"x{n}",))
        for n in range(2)
        for place, (qlayer, plan) in enumerate(parts)
    ]
    inputs = {f"x{n}": random_inputs(LAYER, rng)[0] for n in range(2)}
    return build_image(MACHINE, steps, inputs, pipeline=Pipeline(harts=(0, 1), inputs=2))


DIGITAL, TIGHT, LOOSE = (make_image(body) for body in (Body.DOT4, Body.TIGHT, Body.LOOSE))
TURNS = make_image(Body.TIGHT, reprogrammed_groups)
PIPELINE = make_pipeline()


def word(image, addr):
    return struct.unpack_from("<I", image.data, addr - IMAGE_ADDR)[0]


def field_addr(kind, field, base, index=0):
    names = [name for name, _ in STRUCTS[kind]]
    return base + index * size_bytes(STRUCTS[kind]) + 4 * names.index(field)


def header_addr(field):
    return field_addr("header", field, IMAGE_ADDR)


def layer_addr(image, index, field):
    return field_addr("layer", field, word(image, header_addr("layers_addr")), index)


def group_addr(image, layer, field):
    return field_addr("group", field, word(image, layer_addr(image, layer, "groups_addr")))


def block_addr(image, layer, field):
    return field_addr("block", field, word(image, group_addr(image, layer, "block_addr")))


def chunk_addr(image, layer, field, index=0):
    return field_addr("chunk", field, word(image, layer_addr(image, layer, "chunks_addr")), index)


def stage_addr(field, index=0):
    """Of a layer in the pipeline: that of hart 0, then hart 1, for each input."""
    base = word(PIPELINE, layer_addr(PIPELINE, 0, "stage_layers_addr"))
    return field_addr("layer", field, base, index)


def patched(image, changes):
    """The image with other words at the addresses of ``changes``."""
    data = bytearray(image.data)
    for addr, value in changes.items():
        struct.pack_into("<I", data, addr - IMAGE_ADDR, value)
    return dataclasses.replace(image, data=bytes(data))


def cut(count):
    """The first bytes of an image; without the last ones if negative."""
    return dataclasses.replace(DIGITAL, data=DIGITAL.data[:count])


def without_end(image):
    """The image, with no end of memory that forbids an address."""
    return patched(image, {header_addr("memory_end_addr"): MAIN_MEMORY_END})


def header(**fields):
    return patched(DIGITAL, {header_addr(name): value for name, value in fields.items()})


def layer(image, index, **fields):
    return patched(image, {layer_addr(image, index, name): value for name, value in fields.items()})


def chunk(image, index, **fields):
    """The image with other words in the first chunk of a layer."""
    return patched(
        image, {chunk_addr(image, index, name): value for name, value in fields.items()}
    )


def stage(index, **fields):
    """The pipeline with other words in one of its layers."""
    return patched(PIPELINE, {stage_addr(name, index): value for name, value in fields.items()})


def stages(*first):
    """The pipeline with another table of who runs which layers."""
    base = word(PIPELINE, layer_addr(PIPELINE, 0, "stages_addr"))
    return patched(PIPELINE, {base + 4 * hart: value for hart, value in enumerate(first)})
