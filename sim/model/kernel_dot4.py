"""Loops and cache lines of sw/kernels/conv_dot4.c (and of the plain conv_scalar.c)."""

import collections
import math
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from tightrope.sim.image.layout import Body
from tightrope.sim.image.tables import pitch_of_patch
from tightrope.sim.mapping.plan import DIGITAL_BODIES, Chunk, LayerPlan
from tightrope.sim.workload.layers import Layer

from .dot4_cache import misses_if_weights_stay, misses_in_two_turns, misses_per_block
from .dot4_gather import gather_loops
from .dot4_walk import WALKED_MACS, Ends, misses_of_chunks
from .pixels import classes_in
from .places import Places
from .work import CACHE_BYTES, LINE_BYTES, Features, Work

__all__ = ["DigitalChunks", "digital_chunks", "dot4_work", "least_loops"]

PANEL_BYTES = CACHE_BYTES // 2


class DigitalChunks(NamedTuple):
    """What is known of the digital chunks of a plan before one looks at each."""

    walked: Mapping[Ends, int]
    """Lines that small ones miss on an empty cache."""
    channels: Mapping[tuple[Body, int, int], "_Channels"]
    """By body, first channel, and the one past the last."""
    small_outputs: int
    """Outputs of a small chunk, at the most."""
    pitch: int
    """Bytes from a patch to the next."""
    gathered: bool
    """Patches are not read where they are in the input."""
    parts: dict[Hashable, Work]
    """What is known of chunks of some channels and pixels, but for gathering."""

    classes: Callable[[int, int], Hashable]
    """Of a range of pixels."""

    def key(self, body: Body, chunk: Chunk) -> Hashable:
        """What the work of a chunk depends on. Of a large one, not where its pixels lie, but of
        what class they are; and of its channels how many there are, and where in the cache their
        weights begin."""
        begin, end, first, last, _ = chunk
        pixels: Hashable = (begin, end)
        if self.walked and (pixels, (first, last)) in self.walked:
            return pixels, (first, last)
        if (end - begin) * (last - first) > self.small_outputs:
            pixels = self.classes(begin, end)
        return self.channels[body, first, last], pixels


class _Channels(NamedTuple):
    """What of a chunk's channels its work depends on."""

    count: int
    first_block: int
    """Of channels; or an earlier one whose weights lie at the same lines."""
    cold_ratio: float
    """Of chunks of one body and the same channels, those that a hart takes first."""


def digital_chunks(layer: Layer, plan: LayerPlan, places: Places) -> DigitalChunks:
    """Those of a plan; to walk all small ones together takes little longer than one."""
    pitch = pitch_of_patch(layer.patch)
    small_outputs = WALKED_MACS // layer.patch if layer.groups == 1 else -1
    chunks = [
        (body, chunk)
        for chunk in plan.chunks
        if (body := plan.body_of(chunk)) in DIGITAL_BODIES
    ]
    ends = [
        _ends_of(chunk)
        for _, chunk in chunks
        if _outputs(chunk) <= small_outputs and not _is_two_sided(chunk, pitch)
    ]
    gathered = not _is_patches(layer, pitch)
    round_ = CACHE_BYTES // math.gcd(4 * pitch, CACHE_BYTES)
    alike = collections.Counter((body, chunk.begin, chunk.end) for body, chunk in chunks)
    harts = len(plan.hart_first) - 1
    return DigitalChunks(
        misses_of_chunks(layer, places, pitch, _panel_pixels(pitch), gathered, ends),
        {
            (body, begin, end): _Channels(end - begin, begin // 4 % round_, min(1.0, harts / count))
            for (body, begin, end), count in alike.items()
        },
        small_outputs,
        pitch,
        gathered,
        {},
        classes_in(layer),
    )


def _outputs(chunk: Chunk) -> int:
    return (chunk.pixel_end - chunk.pixel_begin) * (chunk.end - chunk.begin)


def _ends_of(chunk: Chunk) -> Ends:
    return (chunk.pixel_begin, chunk.pixel_end), (chunk.begin, chunk.end)


def _is_two_sided(chunk: Chunk, pitch: int) -> bool:
    """Whether weights pass each panel in two turns."""
    exceed = (chunk.end - chunk.begin) * pitch > CACHE_BYTES
    return exceed and chunk.pixel_end - chunk.pixel_begin > 4 and 4 * pitch <= PANEL_BYTES


def _panel_pixels(pitch: int) -> int:
    return max(4, PANEL_BYTES // pitch // 4 * 4)


def _is_patches(layer: Layer, pitch: int) -> bool:
    """The input is nothing but patches, one after the other."""
    return (
        layer.kernel == (1, 1)
        and layer.stride == (1, 1)
        and layer.in_shape[:2] == layer.out_shape[:2]
        and layer.in_shape[2] == pitch
    )


def _panel_input_lines(layer: Layer, panels: int, pixels: float, channels: int) -> float:
    """Lines of the input that gathering reads: cold in every panel, once within it."""
    out_w = layer.out_shape[1]
    rows = (max(1.0, pixels / out_w) - 1) * layer.stride[0] + layer.kernel[0]
    cols = (min(pixels, out_w) - 1) * layer.stride[1] + layer.kernel[1]
    rows, cols = min(rows, layer.in_shape[0]), min(cols, layer.in_shape[1])
    return panels * rows * cols * channels / LINE_BYTES


def dot4_work(layer: Layer, body: Body, chunk: Chunk, known: DigitalChunks) -> Work:
    """Counts of one chunk, which a digital ``body`` computes."""
    pixels = chunk.pixel_end - chunk.pixel_begin
    channels = known.channels[body, chunk.begin, chunk.end]
    missed = known.walked.get(_ends_of(chunk))
    key = (channels, pixels, missed)
    if key not in known.parts:
        two_sided = _is_two_sided(chunk, known.pitch)
        known.parts[key] = _part(layer, pixels, channels, known.pitch, missed, two_sided)
    part = known.parts[key]
    loops = part.loops
    if known.gathered:
        loops = loops | gather_loops(layer, chunk.pixel_begin, chunk.pixel_end)
    return Work(loops=loops, lines=part.lines, code=part.code)


def least_loops(layer: Layer) -> Features:
    """Rounds of loops that all chunks of a layer have together, at the least; of one group."""
    pitch = pitch_of_patch(layer.patch)
    channels = layer.out_shape[2] // layer.groups
    panels = -(-layer.pixels // _panel_pixels(pitch))
    loops = _inner_loops(layer, layer.pixels, channels) | {
        "panel": panels, "block": panels * -(-channels // 4),
    }  # fmt: skip
    if _is_patches(layer, pitch):
        return loops
    return loops | gather_loops(layer, 0, layer.pixels)


def _inner_loops(layer: Layer, pixels: int, channels: int) -> Features:
    """Loops over products, of a chunk."""
    words = pitch_of_patch(layer.patch) // 4
    blocks = -(-channels // 4)
    fours, ones = pixels // 4 * blocks, pixels % 4 * blocks
    return {
        "four": fours,
        "four_eights": fours * (words >= 8),
        "four_eight": fours * (words // 8),
        "four_unrolled": fours * (words // 4 % 2),
        "four_words": fours * (words % 4 > 0),
        "four_word": fours * (words % 4),
        "one": ones,
        "one_unrolled": ones * (words // 4),
        "one_words": ones * (words % 4 > 0),
        "one_word": ones * (words % 4),
    }


def _part(
    layer: Layer, pixels: int, channels: _Channels, pitch: int, missed: int | None,
    two_sided: bool,
) -> Work:  # fmt: skip
    """Of a chunk all but the loops that gather. It ``missed`` so many lines if it was walked."""
    size = _panel_pixels(pitch)
    panels, blocks = -(-pixels // size), -(-channels.count // 4)
    loops = _inner_loops(layer, pixels, channels.count) | {
        "chunk": 1.0,
        "panel": panels,
        "block": panels * blocks,
        "skipped_block": panels * blocks * two_sided,
        "copy_word": pixels * (pitch // 4) * two_sided,
    }
    parts = (pixels // 4 + pixels % 4) * blocks if layer.out_shape[2] % 4 else 0
    if parts:
        loops |= {"part": parts, "byte_store": pixels * channels.count}
    code: Features = {"code_gather": 0.0 if _is_patches(layer, pitch) else panels}
    if pixels % 4:
        code["code_one"] = blocks
        code["code_part"] = pixels % 4 * blocks if parts else 0.0
    if missed is None:
        lines = _lines(layer, pixels, channels, pitch, two_sided)
    else:
        held = min(channels.count * pitch, CACHE_BYTES) / LINE_BYTES
        lines = {"walked": max(0.0, missed - (1 - channels.cold_ratio) * held)}
    return Work(loops=loops, lines=lines, code=code)


def _lines(
    layer: Layer, pixels: int, channels: _Channels, pitch: int, two_sided: bool
) -> Features:
    """Cache lines of a chunk's panels, of which the last may be smaller."""
    size, direct = _panel_pixels(pitch), _is_patches(layer, pitch)
    panels = -(-pixels // size)
    blocks = -(-channels.count // 4)
    group_in_c = layer.in_shape[2] // layer.groups
    lines: Features = {
        "scales": panels * blocks * 1.0,
        "passes": _passes(layer, pixels, channels, pitch, direct, two_sided),
    }
    if two_sided:
        # The panel, then its copy.
        lines["panel_lines"] = 2 * pixels * pitch / LINE_BYTES
    elif direct and not _weights_stay(layer, pitch) and 4 * blocks * pitch > CACHE_BYTES:
        lines["panel_lines"] = pixels * max(1.0, group_in_c / LINE_BYTES)
    if not direct:
        lines["panel_input"] = _panel_input_lines(layer, panels, min(pixels, size), group_in_c)
    return lines


def _weights_stay(layer: Layer, pitch: int) -> bool:
    """Whether all weights fit in the cache, or nearly."""
    return _layer_blocks(layer) * 4 * pitch <= 2 * CACHE_BYTES


def _layer_blocks(layer: Layer) -> int:
    return -(-layer.out_shape[2] // layer.groups // 4)


def _passes(
    layer: Layer, pixels: int, channels: _Channels, pitch: int, direct: bool, two_sided: bool
) -> float:
    """Lines that weights and patches miss as they pass each other."""
    size = _panel_pixels(pitch)
    panels, rest = divmod(pixels, size)
    blocks = -(-channels.count // 4)
    all_stay = _weights_stay(layer, pitch)
    stays = all_stay or 4 * blocks * pitch <= CACHE_BYTES
    cold = channels.cold_ratio if all_stay else 1.0
    passes = 0.0
    for width, count in ((size, panels), (rest, 1)):
        if not width or not count:
            continue
        # Gathered panels lie all at one place, others wherever the layer has some.
        of_layer = -(-layer.pixels // width)
        shape = (pitch, width, blocks, of_layer if direct else 1, not direct, channels.first_block)
        if two_sided:
            missed = count * misses_in_two_turns(*shape)
        elif stays:
            held = _layer_blocks(layer) if all_stay else blocks
            first, later = misses_if_weights_stay(pitch, width, held, of_layer, not direct)
            # Another chunk has left all weights there, but for a hart's first.
            missed = cold * first + (count - cold) * later
            cold = 0.0
        else:
            missed = count * misses_per_block(*shape)
        passes += blocks * missed
    return passes
