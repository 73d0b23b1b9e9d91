"""What a streaming job is: its descriptor, and how it ends. For software too: no Amaranth."""

import enum

__all__ = ["JOB_FIELDS", "JOB_POST", "JOB_WORDS", "JobError"]

_ADDRESS = 32
_NUMBER = 16

JOB_FIELDS = {
    # Words 0 to 4: addresses and steps in bytes, modulo 2**32.
    "source": _ADDRESS,
    "column_step": _ADDRESS,
    "row_step": _ADDRESS,
    "pixel_step": _ADDRESS,
    "line_step": _ADDRESS,
    # Words 5 to 9: positions in the input image, and steps of them, modulo 2**16.
    "in_h": _NUMBER,
    "in_w": _NUMBER,
    "y": _NUMBER,
    "x": _NUMBER,
    "row_y": _NUMBER,
    "line_y": _NUMBER,
    "column_x": _NUMBER,
    "row_x": _NUMBER,
    "pixel_x": _NUMBER,
    "line_x": _NUMBER,
    # Words 10 to 12: the loops, each with where its first round begins.
    "channels": _NUMBER,
    "channel": _NUMBER,
    "kernel_w": _NUMBER,
    "kernel_x": _NUMBER,
    "out_w": _NUMBER,
    "out_x": _NUMBER,
    # Words 13 to 15: the window, as the registers of a tile have it, and small numbers.
    "row": 16,
    "rows": 16,
    "col": 16,
    "cols": 16,
    "shift": 8,
    "zero_point": 8,
    "tag": 16,
    # Words 16 to 18: how many MVMs, and where their results go.
    "count": 32,
    "destination": _ADDRESS,
    "destination_step": _ADDRESS,
}
"""Names and bits, the first in the low bits of word 0.

A job is ``count`` MVMs with one window, over the pixels of a convolution's output in row-major
order.

The input of an MVM is a *slice* of its pixel's patch, which is flattened in the order (kernel row,
kernel column, channel): it begins at one place of that order, the same for each MVM, and is
``rows`` bytes long. Where the kernel lies outside of the image, a byte is ``zero_point`` and memory
is not read. So a layer that is larger than the array is one job per block of the array, and one
that is divided among tiles a job per tile and some of its pixels.

The host, which can multiply, gives what each loop adds. For a patch that begins at (ky, kx, c) of
the kernel, output pixels from (oy, ox) on, strides (sh, sw), dilations (dh, dw), an image at
``image`` with ``pixel_pitch`` and ``row_pitch`` bytes from one pixel and row to the next:

    y, x                y = oy * sh - pad_top + ky * dh; x = ox * sw - pad_left + kx * dw
    source              image + y * row_pitch + x * pixel_pitch: channel 0 there, also if it is
                        outside of the image
    channels, channel   bytes that are read of each pixel; c
    kernel_w, kernel_x  kernel columns; kx
    out_w, out_x        pixels in a line of the output; ox
    column_x            dw: to the next kernel column
    row_y, row_x        dh and -(kernel_w - 1) * dw: from the last column to the next row's first
    pixel_x             sw: to the next output pixel
    line_y, line_x      sh and -(out_w - 1) * sw: from the last pixel to the next line's first
    ..._step            the same as a distance in bytes: y times row_pitch + x times pixel_pitch

A position is taken for inside if it is, modulo 2**16, below ``in_h`` and ``in_w``.

    row, rows, col, cols, shift    as in TileConfigReg ROWS, COLS and SHIFT, but JOB_POST instead of
                                   TILE_SHIFT_POST
    count                          MVMs
    destination, destination_step  of the first result, and from each to the next; multiples of 4
    tag                            comes back with the job's end

Words 0 to 18 of a descriptor are these fields, the first in the low bits.
"""

JOB_WORDS = sum(JOB_FIELDS.values()) // 32

JOB_POST = 1 << 7
"""In ``shift``: results are int8, see TILE_SHIFT_POST. Only for a tile with post-processing, whose
column constants and activation must not change before the job's end."""


class JobError(enum.IntEnum):
    """How a job ended. If several apply, the lowest one."""

    NONE = 0
    """All results are in memory."""
    EMPTY = 1
    """``in_h``, ``in_w``, ``channels``, ``kernel_w``, ``out_w`` or ``count`` is 0."""
    START = 2
    """``channel``, ``kernel_x`` or ``out_x`` is not below its loop's number."""
    WINDOW = 3
    """A window outside of the array, empty, or with columns that are not multiples of four; a shift
    above 31, or JOB_POST and no post-processing."""
    ALIGNMENT = 4
    """``destination`` or ``destination_step`` is not a multiple of four."""
    DESTINATION = 5
    """A result would be written outside of the memory. Those before it are written."""
    SOURCE = 6
    """A byte would be read outside of the memory. The results before its MVM's are written."""
