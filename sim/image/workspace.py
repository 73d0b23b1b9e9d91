"""Memory past the image: scratch of each hart and partial sums, shared by all layers."""

from collections.abc import Sequence

from tightrope.hw.headers import DCACHE_BYTES
from tightrope.sim.mapping.split import round_up

from .arena import ALIGN_BYTES, SCRATCH_PHASE_BYTES
from .steps import Step
from .tables import weight_pitch, window_bytes

__all__ = ["place_workspace"]

SCRATCH_MARGIN_BYTES = 64
"""Per hart, beyond four patches or one accumulator per output channel."""
SCRATCH_MIN_BYTES = DCACHE_BYTES // 2 + DCACHE_BYTES
"""Per hart: as many patches as may stay in half the data cache, anywhere in a round of it."""


def place_workspace(
    image_end_addr: int, computing: Sequence[tuple[Step, dict[str, int]]], hart_count: int
) -> int:
    """Completes the descriptors of ``computing``, in place; returns the end of memory."""
    layers = [step.qlayer.layer for step, _ in computing]
    channels = [round_up(layer.out_shape[2], 4) for layer in layers]
    pitches = [weight_pitch(step.qlayer) for step, _ in computing]
    windows = [window_bytes(layer) for layer in layers]
    useful = max(4 * max(pitches + channels), SCRATCH_MIN_BYTES, *windows)
    # The same place in every hart's data cache, clear of the stack's.
    scratch_bytes = round_up(useful + SCRATCH_MARGIN_BYTES, DCACHE_BYTES)
    scratch_addr = round_up(image_end_addr, DCACHE_BYTES) + SCRATCH_PHASE_BYTES
    partial_addr = scratch_addr + hart_count * scratch_bytes
    partial_bytes = 0
    for (step, fields), width in zip(computing, channels, strict=True):
        fields |= {"scratch_addr": scratch_addr, "scratch_bytes": scratch_bytes}
        if any(group.reprogram for group in step.plan.groups):
            fields |= {"partial_addr": partial_addr, "partial_pitch": 4 * width}
            partial_bytes = max(partial_bytes, step.qlayer.layer.pixels * 4 * width)
    return partial_addr + round_up(partial_bytes, ALIGN_BYTES)
