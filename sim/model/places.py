"""Where in the data cache the parts of a layer lie, in the image of the layer alone.

In a network they lie elsewhere, but as close to each other or as far apart in the mean.
"""

from typing import NamedTuple

from tightrope.sim.image.arena import SCRATCH_PHASE_BYTES, WEIGHTS_PHASE_BYTES
from tightrope.sim.image.image import GUARD_BYTES
from tightrope.sim.image.layout import BLOCK, CHUNK, STACK_HOT_BYTES, size_bytes
from tightrope.sim.image.storage import ACTIVATION_STEP_BYTES
from tightrope.sim.image.tables import hot_bytes, pitch_of_patch
from tightrope.sim.mapping.plan import DIGITAL_BODIES, LayerPlan
from tightrope.sim.mapping.split import round_up
from tightrope.sim.workload.layers import Layer, LayerOp

from .work import CACHE_BYTES

__all__ = ["Places", "places_of"]

ALIGN_BYTES = 64


class Places(NamedTuple):
    """Byte addresses modulo the cache's size."""

    chunks: int
    bias: int
    scales: int
    blocks: int
    """Of the first group's first block; all blocks follow each other, then come the groups."""
    groups: int
    input: int = GUARD_BYTES
    second_input: int = ACTIVATION_STEP_BYTES + GUARD_BYTES
    weights: int = WEIGHTS_PHASE_BYTES
    scratch: int = SCRATCH_PHASE_BYTES


def places_of(layer: Layer, plan: LayerPlan) -> Places:
    """What ``sim.image`` makes of a layer alone."""
    out_h, out_w, out_c = layer.out_shape
    end = layer.inputs * ACTIVATION_STEP_BYTES
    end += round_up(2 * GUARD_BYTES + out_h * out_w * out_c, ALIGN_BYTES)
    if layer.has_weights and any(plan.body_of(chunk) in DIGITAL_BODIES for chunk in plan.chunks):
        if layer.op is LayerOp.DWCONV:
            size = layer.patch * out_c
        else:
            size = round_up(out_c // layer.groups, 4) * pitch_of_patch(layer.patch)
        end = WEIGHTS_PHASE_BYTES + size
    hot = hot_bytes(plan, out_c)
    begin = round_up(end, 4) % CACHE_BYTES
    if hot <= CACHE_BYTES - STACK_HOT_BYTES < begin + hot:
        begin = 0
    bias = begin + size_bytes(CHUNK) * len(plan.chunks) + 4 * len(plan.hart_first)
    scales = bias + (4 * out_c // layer.groups if layer.has_weights else 0)
    blocks = scales + 4 * out_c // layer.groups
    groups = blocks + size_bytes(BLOCK) * sum(len(group.blocks) for group in plan.groups)
    return Places(chunks=begin, bias=bias, scales=scales, blocks=blocks, groups=groups)
