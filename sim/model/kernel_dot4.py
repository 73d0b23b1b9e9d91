"""Loops and cache lines of sw/kernels/conv_dot4.c (and of the plain conv_scalar.c)."""

import collections
import math
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from tightrope.sim.image.layout import Body
from tightrope.sim.image.tables import pitch_of_patch
from tightrope.sim.mapping.plan import DIGITAL_BODIES, Chunk, LayerPlan
from tightrope.sim.workload.layers import Layer

from .dot4_cache import misses_if_weights_stay, misses_in_two_turns, misses_per_block
from .dot4_walk import WALKED_MACS, Ends, misses_of_chunks
from .pixels import classes_of
from .places import Places
from .work import CACHE_BYTES, LINE_BYTES, Features, Work

__all__ = ["DigitalChunks", "digital_chunks", "dot4_work"]

PANEL_BYTES = CACHE_BYTES // 2


class DigitalChunks(NamedTuple):
    """What is known of the digital chunks of a plan before one looks at each."""

    walked: Mapping[Ends, int]
    """Lines that small ones miss on an empty cache."""
    cold_ratio: Mapping[tuple[Body, int, int], float]
    """Of chunks of one body and the same channels, those that a hart takes first."""
    small_outputs: int
    """Outputs of a small chunk, at the most."""
    pitch: int
    """Bytes from a patch to the next."""

    def key(self, layer: Layer, body: Body, chunk: Chunk) -> Hashable:
        """What the work of a chunk depends on. Of a large one, not where its pixels lie, but of
        what class they are; and of its channels how many there are, and where in the cache their
        weights begin."""
        ends = _ends_of(chunk)
        if ends in self.walked:
            return ends
        pixels: Hashable = ends[0]
        if _outputs(chunk) > self.small_outputs:
            pixels = classes_of(layer, *ends[0])
        cold = self.cold_ratio[body, chunk.begin, chunk.end]
        first = _first_block(chunk, self.pitch)
        return (chunk.end - chunk.begin, first, cold, pixels)


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
    alike = collections.Counter((body, chunk.begin, chunk.end) for body, chunk in chunks)
    harts = len(plan.hart_first) - 1
    return DigitalChunks(
        misses_of_chunks(layer, places, pitch, _panel_pixels(pitch), gathered, ends),
        {key: min(1.0, harts / count) for key, count in alike.items()},
        small_outputs,
        pitch,
    )


def _first_block(chunk: Chunk, pitch: int) -> int:
    """The first block of channels; or an earlier one whose weights lie at the same lines."""
    return chunk.begin // 4 % (CACHE_BYTES // math.gcd(4 * pitch, CACHE_BYTES))


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
    pixels, channels = chunk.pixel_end - chunk.pixel_begin, chunk.end - chunk.begin
    group_in_c = layer.in_shape[2] // layer.groups
    pitch = known.pitch
    words = pitch // 4
    direct = _is_patches(layer, pitch)
    two_sided = _is_two_sided(chunk, pitch)
    size = _panel_pixels(pitch)
    panels = -(-pixels // size)
    fours = pixels // size * (size // 4) + pixels % size // 4
    ones = pixels % 4
    blocks = -(-channels // 4)
    loops = {
        "chunk": 1.0,
        "panel": panels,
        "block": panels * blocks,
        "four": fours * blocks,
        "four_eights": fours * blocks * (words >= 8),
        "four_eight": fours * blocks * (words // 8),
        "four_unrolled": fours * blocks * (words // 4 % 2),
        "four_words": fours * blocks * (words % 4 > 0),
        "four_word": fours * blocks * (words % 4),
        "one": ones * blocks,
        "one_unrolled": ones * blocks * (words // 4),
        "one_words": ones * blocks * (words % 4 > 0),
        "one_word": ones * blocks * (words % 4),
        "skipped_block": panels * blocks * two_sided,
        "copy_word": pixels * words * two_sided,
    }
    if layer.out_shape[2] % 4:
        loops |= {"part": (fours + ones) * blocks, "byte_store": pixels * channels}
    lines = _lines(layer, body, chunk, known, size, direct, two_sided)
    code: Features = {"code_gather": 0.0 if direct else panels}
    if ones:
        code["code_one"] = blocks
        code["code_part"] = ones * blocks if layer.out_shape[2] % 4 else 0.0
    if not direct:
        loops |= _gather_loops(layer, chunk, group_in_c)
    return Work(loops=loops, lines=lines, code=code)


def _lines(
    layer: Layer, body: Body, chunk: Chunk, known: DigitalChunks, size: int, direct: bool,
    two_sided: bool,
) -> Features:  # fmt: skip
    """Cache lines of panels of ``size`` pixels, and of a smaller last one."""
    pixels, channels = chunk.pixel_end - chunk.pixel_begin, chunk.end - chunk.begin
    pitch, cold_ratio = known.pitch, known.cold_ratio[body, chunk.begin, chunk.end]
    missed = known.walked.get(_ends_of(chunk))
    if missed is not None:
        warm = (1 - cold_ratio) * min(channels * pitch, CACHE_BYTES) / LINE_BYTES
        return {"walked": max(0.0, missed - warm)}
    panels, rest = divmod(pixels, size)
    blocks = -(-channels // 4)
    group_in_c = layer.in_shape[2] // layer.groups
    lines: Features = {
        "scales": (panels + (rest > 0)) * blocks * 1.0,
        "passes": _passes(layer, chunk, cold_ratio, pitch, size, direct, two_sided),
    }
    if two_sided:
        # The panel, then its copy.
        lines["panel_lines"] = 2 * pixels * pitch / LINE_BYTES
    elif direct and not _weights_stay(layer, pitch) and 4 * blocks * pitch > CACHE_BYTES:
        lines["panel_lines"] = pixels * max(1.0, group_in_c / LINE_BYTES)
    if not direct:
        lines["panel_input"] = _panel_input_lines(
            layer, panels + (rest > 0), min(pixels, size), group_in_c
        )
    return lines


def _weights_stay(layer: Layer, pitch: int) -> bool:
    """Whether all weights fit in the cache, or nearly."""
    return _layer_blocks(layer) * 4 * pitch <= 2 * CACHE_BYTES


def _layer_blocks(layer: Layer) -> int:
    return -(-layer.out_shape[2] // layer.groups // 4)


def _passes(
    layer: Layer, chunk: Chunk, cold_ratio: float, pitch: int, size: int, direct: bool,
    two_sided: bool,
) -> float:  # fmt: skip
    """Lines that weights and patches miss as they pass each other."""
    panels, rest = divmod(chunk.pixel_end - chunk.pixel_begin, size)
    blocks = -(-(chunk.end - chunk.begin) // 4)
    all_stay = _weights_stay(layer, pitch)
    stays = all_stay or 4 * blocks * pitch <= CACHE_BYTES
    cold = cold_ratio if all_stay else 1.0
    passes = 0.0
    for width, count in ((size, panels), (rest, 1)):
        if not width or not count:
            continue
        # Gathered panels lie all at one place, others wherever the layer has some.
        of_layer = -(-layer.pixels // width)
        shape = (pitch, width, blocks, of_layer if direct else 1, not direct,
                 _first_block(chunk, pitch))
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


def _gather_loops(layer: Layer, chunk: Chunk, channels: int) -> Features:
    loops: Features = {
        "gather_pixel": float(chunk.pixel_end - chunk.pixel_begin), "gather_row": 0.0,
        "gather_run": 0.0, "gather_16": 0.0, "gather_word": 0.0, "gather_four": 0.0,
        "gather_tail": 0.0, "gather_byte": 0.0, "gather_fill": 0.0, "gather_fill_word": 0.0,
        "gather_fill_byte": 0.0,
    }  # fmt: skip
    kernel_h, kernel_w = layer.kernel
    row_bytes = kernel_w * channels
    adjacent = layer.in_shape[2] == channels
    for where, count in classes_of(layer, chunk.pixel_begin, chunk.pixel_end):
        loops["gather_row"] += count * kernel_h
        _add_fill(loops, count, kernel_h * row_bytes, pitch_of_patch(layer.patch) - layer.patch)
        for ky in (*range(where.ky[0]), *range(where.ky[1], kernel_h)):
            _add_fill(loops, count, ky * row_bytes, row_bytes)
        for ky in range(*where.ky):
            begin, end = (ky * row_bytes + x * channels for x in where.kx)
            _add_fill(loops, count, ky * row_bytes, begin - ky * row_bytes)
            _add_fill(loops, count, end, (ky + 1) * row_bytes - end)
            runs = 1 if adjacent else where.cols
            size = (end - begin) // max(1, runs)
            source = where.phase + ky * where.row_step + where.kx[0] * channels
            _add_runs(loops, count * runs, source % 4 == 0 and begin % 4 == 0, size)
    return loops


def _add_fill(loops: Features, count: int, begin: int, size: int) -> None:
    """``count`` times ``size`` bytes of zeros from a panel's byte ``begin`` on."""
    head = min(size, -begin % 4)
    loops["gather_fill"] += count * (size > 0)
    loops["gather_fill_word"] += count * ((size - head) // 4)
    loops["gather_fill_byte"] += count * (head + (size - head) % 4)


def _add_runs(loops: Features, count: int, aligned: bool, size: int) -> None:
    """``count`` runs of ``size`` bytes; ``aligned``: both source and destination are."""
    loops["gather_run"] += count
    if aligned:
        loops["gather_16"] += count * (size // 16)
        loops["gather_word"] += count * (size % 16 // 4)
    else:
        loops["gather_four"] += count * (size // 4)
    loops["gather_tail"] += count * (size % 4 > 0)
    loops["gather_byte"] += count * (size % 4)
