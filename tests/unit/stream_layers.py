"""Layers that stream, and what can go wrong with them: for the host and for RTL."""

import dataclasses

import numpy as np
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.hw.memmap import MAIN_MEMORY, SCRATCHPAD
from tightrope.sim.golden import random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR, LAYER, Balance, Body, size_bytes
from tightrope.sim.image.steps import chain_steps, independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.workload.layers import Layer, LayerOp


def plan_stream(layer, config, balance):
    groups = single_layer_groups(layer, config, Body.STREAM)
    return plan_layer(layer, config, Body.STREAM, balance, groups=groups)


def pointwise(side, in_c, out_c):
    return Layer(name="pointwise", op=LayerOp.CONV, source_op="Conv",
                 in_shape=(side, side, in_c), out_shape=(side, side, out_c))  # fmt: skip


def patch_layer(image, index, **fields):
    """The image with other fields of a descriptor, and no end of memory that forbids one."""
    data = bytearray(image.data)
    end = _field(HEADER, "memory_end_addr")
    data[end : end + 4] = (MAIN_MEMORY.base_addr + MAIN_MEMORY.size_bytes).to_bytes(4, "little")
    layers_addr = int.from_bytes(data[_field(HEADER, "layers_addr") :][:4], "little")
    base = layers_addr - IMAGE_ADDR + index * size_bytes(LAYER)
    for name, value in fields.items():
        at = base + _field(LAYER, name)
        data[at : at + 4] = (value % 2**32).to_bytes(4, "little")
    return dataclasses.replace(image, data=bytes(data))


def _field(struct, name):
    return 4 * [field for field, _ in struct].index(name)


def image_of(config, layer):
    rng = np.random.default_rng(5)
    cases = [(random_quant_layer(layer, rng), plan_stream(layer, config, Balance.STATIC))]
    steps, inputs = independent_steps(cases, [random_inputs(layer, rng)])
    return build_image(config, steps, inputs)


STREAM_MACHINE = ClusterConfig(
    harts=2,
    tight_tiles_per_hart=0,
    loose_tiles=3,
    tile=TileConfig(rows=64, cols=32, adc_bits=12, post_lanes=4),
    memory=MemoryConfig(size_bytes=1 << 22),
    scratchpad=ScratchpadConfig(size_bytes=1 << 15),
    stream_ports=2,
    dma_bytes_per_cycle=16,
)
STREAM_LAYER = pointwise(9, 24, 32)
_BYTES = stream_geometry(
    STREAM_LAYER, STREAM_MACHINE, plan_stream(STREAM_LAYER, STREAM_MACHINE, Balance.STATIC)
).stream_bytes
SCRATCHPAD_END = SCRATCHPAD.base_addr + STREAM_MACHINE.scratchpad.size_bytes
OUT_OF_MEMORY = MAIN_MEMORY.base_addr + STREAM_MACHINE.memory.size_bytes
FAILURES = {
    # Kernel rows that follow each other, in an image that goes on: the end is not far.
    "source": (
        {"in_c": 1, "in_h": 1 << 12, "stream_addr": SCRATCHPAD_END - STREAM_MACHINE.harts * _BYTES},
        "a job of loose tile 1 failed: an input would be read outside of the scratchpad.",
    ),
    "destination": (
        {"stream_addr": SCRATCHPAD_END - 64},
        "a job of loose tile 0 failed: a result would be written outside of the scratchpad.",
    ),
    "window": (
        {"adc_shift": 32},
        "a job of loose tile 1 failed: its window is outside of the array, or its shift",
    ),
    "empty": ({"in_h": 0}, "a job of loose tile 0 failed: the image, a loop or the number"),
    "memory": (
        {"in_addr": OUT_OF_MEMORY},
        "a DMA block of hart 0 failed: it reaches outside of main memory.",
    ),
    "alignment": (
        {"out_pitch": 33},
        "a DMA block of hart 1 failed: an address, a pitch or its width is not",
    ),
    "scratchpad": (
        {"stream_addr": SCRATCHPAD_END - 64},
        "a DMA block of hart 0 failed: it reaches outside of the scratchpad.",
    ),
}


def mixed_steps(seed, length=12):
    """Steps of a chain in which streamed, loose and digital layers read each other's output."""
    rng = np.random.default_rng(seed)
    shape, layers = (7, 9, 16), []
    for _ in range(length):
        body = (Body.STREAM, Body.STREAM, Body.LOOSE, Body.DOT4)[rng.integers(4)]
        side = 2 * int(rng.integers(0, 2)) + 1
        out_c = int(rng.choice([8, 12, 16, 19]))
        layer = Layer(
            name="conv", op=LayerOp.CONV, source_op="Conv", in_shape=shape,
            out_shape=(*shape[:2], out_c), kernel=(side, side), pads=(side // 2,) * 4,
        )  # fmt: skip
        balance = list(Balance)[rng.integers(2)]
        groups = ()
        if body is not Body.DOT4:
            groups = single_layer_groups(layer, STREAM_MACHINE, body)
        plan = plan_layer(layer, STREAM_MACHINE, body, balance, groups=groups)
        layers.append((random_quant_layer(layer, rng), plan))
        shape = layer.out_shape
    x = rng.integers(-128, 128, (7, 9, 16), dtype=np.int8)
    return chain_steps(layers, x)
