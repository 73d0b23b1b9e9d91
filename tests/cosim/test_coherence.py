"""Data caches are not coherent: what one layer leaves in memory must be what the next one reads."""

import dataclasses
import itertools
import struct

import numpy as np
import pytest
from cosim_jobs import make_job, run_firmware, system_firmware
from cosim_machines import MACHINES, machine_id
from tightrope.sim.golden.random_layers import random_quant_layer
from tightrope.sim.image.activations import pixel_view
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR, LAYER, Balance, Body, size_bytes
from tightrope.sim.image.results import check_guards
from tightrope.sim.image.steps import chain_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.workload.layers import Layer, LayerOp

LAYER_COUNT = 8
HEADER_NAMES, LAYER_NAMES = ([name for name, _ in struct] for struct in (HEADER, LAYER))


def steps_with_changing_owners(machine, rng):
    """Each layer's shares of the image go to other harts than the layer's before."""
    layers = []
    for index in range(LAYER_COUNT):
        layer = Layer(
            name=f"dwconv {index}", op=LayerOp.DWCONV, source_op="Conv", in_shape=(6, 8, 12),
            out_shape=(6, 8, 12), kernel=(3, 3), pads=(1, 1, 1, 1),
        )  # fmt: skip
        plan = plan_layer(layer, machine, Body.DOT4, Balance.STATIC)
        shares = [plan.chunks[a:b] for a, b in itertools.pairwise(plan.hart_first)]
        shares = shares[index % machine.harts :] + shares[: index % machine.harts]
        edges = np.cumsum([0, *(len(share) for share in shares)])
        plan = dataclasses.replace(
            plan,
            chunks=tuple(chunk for share in shares for chunk in share),
            hart_first=tuple(int(edge) for edge in edges),
        )
        layers.append((random_quant_layer(layer, rng), plan))
    return chain_steps(layers, rng.integers(-128, 128, (6, 8, 12), dtype=np.int8))


def with_two_buffers(image):
    """The image with layers that take turns to read and write the buffers of layer 0."""
    data = bytearray(image.data)

    def word_place(layer_idx, field):
        place = 4 * HEADER_NAMES.index("layers_addr")
        (layers_addr,) = struct.unpack_from("<I", data, place)
        at = layers_addr - IMAGE_ADDR + layer_idx * size_bytes(LAYER)
        return at + 4 * LAYER_NAMES.index(field)

    buffers = (image.inputs["x"].addr, image.outputs[0].addr)
    for index in range(LAYER_COUNT):
        struct.pack_into("<I", data, word_place(index, "in_addr"), buffers[index % 2])
        struct.pack_into("<I", data, word_place(index, "out_addr"), buffers[1 - index % 2])
    return dataclasses.replace(image, data=bytes(data))


@pytest.mark.parametrize("machine", MACHINES[1:], ids=machine_id)
def test_buffers_that_are_used_again_hold_what_other_harts_wrote(machine):
    job = make_job(
        "two buffers", machine, *steps_with_changing_owners(machine, np.random.default_rng(1))
    )
    (run,) = run_firmware(machine, [with_two_buffers(job.image)], system_firmware())
    run.check()
    for buffer, wanted in (
        (job.image.inputs["x"], job.expected[-1]),
        (job.image.outputs[0], job.expected[-2]),
    ):
        span = run.memory[buffer.span_addr - IMAGE_ADDR : buffer.span_end_addr - IMAGE_ADDR]
        actual = pixel_view(span, buffer).view(np.int8).reshape(buffer.shape)
        assert (actual == wanted).all()
    assert check_guards(job.image, run.memory) == ()
