"""Loops and cache lines of sw/kernels/conv_dot4.c (and of the plain conv_scalar.c)."""

from tightrope.sim.image.tables import pitch_of_patch
from tightrope.sim.workload.layers import Layer

from .cache_lines import inside_ratio, pitch_is_aligned
from .dot4_cache import misses_if_weights_stay, misses_in_two_turns, misses_per_block
from .work import CACHE_BYTES, LINE_BYTES, Features, Work

__all__ = ["dot4_work"]

PANEL_BYTES = CACHE_BYTES // 2
COLD_SHARE = 0.25
"""Of chunks that are a hart's first, where several are stolen by each."""


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


def dot4_work(layer: Layer, pixels: int, channels: int, fixed: bool) -> Work:
    """Counts of one chunk; ``fixed``: each hart has its share, rather than what is left."""
    group_in_c = layer.in_shape[2] // layer.groups
    pitch = pitch_of_patch(layer.patch)
    words = pitch // 4
    direct = _is_patches(layer, pitch)
    two_sided = channels * pitch > CACHE_BYTES and pixels > 4 and 4 * pitch <= PANEL_BYTES
    size = max(4, PANEL_BYTES // pitch // 4 * 4)
    panels = -(-pixels // size)
    fours = pixels // size * (size // 4) + pixels % size // 4
    ones = pixels % 4
    blocks = -(-channels // 4)
    loops = {
        "chunk": 1.0,
        "panel": panels,
        "pixel": pixels,
        "block": panels * blocks,
        "four": fours * blocks,
        "four_eight": fours * blocks * (words // 8),
        "four_unrolled": fours * blocks * (words // 4 % 2),
        "four_word": fours * blocks * (words % 4),
        "one": ones * blocks,
        "one_unrolled": ones * blocks * (words // 4),
        "one_word": ones * blocks * (words % 4),
        "skipped_block": panels * blocks * two_sided,
        "copy_word": pixels * words * two_sided,
        "byte_store": pixels * channels if layer.out_shape[2] % 4 else 0.0,
    }
    pixels_of_panel = min(pixels, size)
    lines: Features = {"scales": panels * blocks * 1.0}
    layer_blocks = -(-layer.out_shape[2] // layer.groups // 4)
    all_stay = 4 * layer_blocks * pitch <= 2 * CACHE_BYTES
    if two_sided:
        misses = misses_in_two_turns(pitch, pixels_of_panel, blocks, panels, not direct)
        lines["passes"] = panels * blocks * misses
        # The panel, then its copy.
        lines["panel_lines"] = 2 * pixels * pitch / LINE_BYTES
    elif all_stay or 4 * blocks * pitch <= CACHE_BYTES:
        held = layer_blocks if all_stay else blocks
        layer_panels = -(-layer.pixels // pixels_of_panel)
        first, later = misses_if_weights_stay(
            pitch, pixels_of_panel, held, layer_panels, not direct
        )
        # Another chunk has left all weights there, but for a hart's first.
        cold = COLD_SHARE if all_stay and not fixed else 1.0
        lines["passes"] = blocks * (cold * first + (panels - cold) * later)
    else:
        misses = misses_per_block(pitch, pixels_of_panel, blocks, panels, not direct)
        lines["passes"] = panels * blocks * misses
        if direct:
            lines["panel_lines"] = pixels * max(1.0, group_in_c / LINE_BYTES)
    if not direct:
        lines["panel_input"] = _panel_input_lines(layer, panels, pixels_of_panel, group_in_c)
    if not direct:
        loops |= _gather_loops(layer, pixels, group_in_c)
    return Work(loops=loops, lines=lines)


def _gather_loops(layer: Layer, pixels: int, channels: int) -> Features:
    kernel_h, kernel_w = layer.kernel
    inside = inside_ratio(layer)
    total = pixels * layer.patch
    adjacent = layer.in_shape[2] == channels
    runs = pixels * kernel_h * (1 if adjacent else kernel_w) * inside
    # Source and destination of a run are aligned alike, or not.
    by_words = (channels % 4 == 0 and pitch_is_aligned(layer)) or layer.in_shape[:2] == (1, 1)
    return {
        "gather_row": pixels * kernel_h,
        "gather_run": runs,
        "gather_word": total * inside / 4 if by_words else 0.0,
        "gather_byte": 0.0 if by_words else total * inside,
        "gather_fill": total * (1 - inside) / 4,
    }
