"""Activations in memory, between guard bytes, and how a layer finds its input among them."""

import numpy as np
from tightrope.sim.workload.layers import Layer

from .arena import ALIGN_BYTES, Arena
from .errors import ImageError
from .image import GUARD_BYTE, GUARD_BYTES, Buffer

__all__ = ["input_pitch", "pixel_view", "put_activation"]


def put_activation(
    arena: Arena,
    shape: tuple[int, int, int],
    pitch: int | None = None,
    content: np.ndarray | None = None,
) -> Buffer:
    """A buffer for ``shape`` (h, w, c), all guard bytes except ``content`` ((h, w, c) int8)."""
    height, width, channels = shape
    pitch = channels if pitch is None else pitch
    if pitch < channels:
        raise ImageError(f"a pitch must be at least the {channels} channels, not {pitch!r}")
    span_addr = arena.align(ALIGN_BYTES)
    total = 2 * GUARD_BYTES + height * width * pitch
    raw = np.full(total + -total % ALIGN_BYTES, GUARD_BYTE, np.uint8)
    buffer = Buffer(
        addr=span_addr + GUARD_BYTES,
        shape=shape,
        pitch=pitch,
        span_addr=span_addr,
        span_end_addr=span_addr + raw.size,
    )
    if content is not None:
        pixel_view(raw, buffer)[:] = content.view(np.uint8).reshape(-1, channels)
    arena.put(raw)
    return buffer


def pixel_view(span: np.ndarray, buffer: Buffer) -> np.ndarray:
    """The channels of each pixel, (h * w, c), as a view of the buffer's ``span`` (bytes)."""
    height, width, channels = buffer.shape
    # The last pixel of a part of a joint may lie less than a pitch before the span's end.
    pixels = span[buffer.addr - buffer.span_addr : buffer.end_addr - buffer.span_addr]
    if pixels.size != buffer.end_addr - buffer.addr:
        raise ImageError(f"a buffer of {buffer.shape} at {buffer.addr:#x} leaves its span")
    return np.lib.stride_tricks.as_strided(
        pixels, (height * width, channels), (buffer.pitch, 1), writeable=span.flags.writeable
    )


def input_pitch(layer: Layer, buffer: Buffer) -> int:
    """The pitch at which ``layer`` reads ``buffer``.

    Another shape of as many elements is fine (a dense layer after an image) if the pixels lie
    without gaps. Raises ImageError otherwise.
    """
    if buffer.shape == layer.in_shape:
        return buffer.pitch
    if np.prod(buffer.shape) == np.prod(layer.in_shape) and buffer.pitch == buffer.shape[2]:
        return layer.in_shape[2]
    raise ImageError(
        f"layer {layer.name} reads {layer.in_shape}, which is not {buffer.shape} "
        f"at a pitch of {buffer.pitch}"
    )
