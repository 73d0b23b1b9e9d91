"""The image format: every structure the host writes and the firmware reads, once, as data.

All fields are 32-bit little-endian words. ``sim.image.header`` turns this into ``image_layout.h``.
Addresses are absolute byte addresses in main memory (the cached view).
"""

import enum

from tightrope.hw.isa import TileStatusReg
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.hw.regs import HartCounter, MachineCounter

MAGIC = 0x31495254
"""'TRI1' in memory order."""
VERSION = 4
END_MARK = 0x31444E45
"""'END1' in memory order. An image's last word is this, exclusive-or ``content_crc32``."""

FIRMWARE_ADDR = MAIN_MEMORY.base_addr
FIRMWARE_BYTES = 0x1_4000
"""Code, data and bss of the firmware."""
STACK_ADDR = FIRMWARE_ADDR + FIRMWARE_BYTES
STACK_BYTES = 0x1000
"""Per hart, a round of the data cache; eight of them follow the firmware. Networks use 840."""
STACK_HOT_BYTES = 768
"""Below the top of a stack: what kernels keep there while they run."""
IMAGE_ADDR = STACK_ADDR + 8 * STACK_BYTES
"""Where the image header lies; everything else is found from it."""


class Op(enum.IntEnum):
    """What a layer does. Values are never reused."""

    CONV = 0
    """Convolution of groups=1; a dense layer is a 1x1 convolution of one pixel."""
    DWCONV = 1
    MAXPOOL = 2
    AVGPOOL = 3
    GLOBAL_AVGPOOL = 4
    ADD = 5
    CLIP = 6
    """Requantise and clamp elementwise (ReLU, Clip, a change of scale)."""
    PROGRAM = 7
    """Program the tiles' weights (every block of the layer's group table)."""
    PIPELINE = 8
    """A network for several inputs: each hart runs some of its layers, on an input after the other.

    In beat t hart h runs its layers for input t - h; a barrier between beats. Its body is STREAM if
    that of one of its layers is."""


class Body(enum.IntEnum):
    """How a CONV computes its products."""

    DOT4 = 0
    TIGHT = 1
    LOOSE = 2
    SCALAR = 3
    """Plain C, the reference."""
    STREAM = 4
    """Loose tiles that read and write the scratchpad by themselves."""


class Balance(enum.IntEnum):
    """How chunks reach harts."""

    STATIC = 0
    """Hart h takes chunks hart_first[h] .. hart_first[h + 1] - 1."""
    STEAL = 1
    """The same; but a hart that has done its own goes on with what the next harts have not begun.

    The next chunk of hart h is that of a counter of its own, by fetch-and-add."""


class ExitStatus(enum.IntEnum):
    """What the firmware writes to HOST.EXIT."""

    OK = 0
    TRAP = 1
    """A trap or a bus error; the HOST.FAULT_* registers say which."""
    BAD_IMAGE = 2
    TILE_ERROR = 3
    """A tile reported a TileStatus error; the log says which."""


HEADER = (
    ("magic", "MAGIC"),
    ("version", "VERSION"),
    ("image_bytes", "size of everything from the header on that the host wrote, end mark included"),
    ("config_hash", "first 32 bits of the configuration's hash; must match the machine"),
    ("hart_count", "harts the chunk tables were made for; must match the machine"),
    ("layer_count", "layers, run in order with a barrier between them"),
    ("layers_addr", "array of LAYER"),
    ("layer_counters_addr", "uint32 [layer_count][hart_count][HartCounter]: written by firmware"),
    ("tile_counters_addr", "uint32 [layer_count][tile_count][TileStatusReg]: written by firmware"),
    ("tile_count", "hart_count * tight tiles per hart (hart-major), then the loose tiles"),
    ("log_addr", "text buffer: one length word, then bytes"),
    ("log_bytes", "capacity of the text"),
    ("memory_end_addr", "first address past everything the run may touch"),
    ("tight_tiles_per_hart", "must match the machine"),
    ("loose_tiles", "must match the machine"),
    ("machine_counters_addr", "uint32 [layer_count][MachineCounter]: written by firmware"),
    ("layers_done", "layers that have ended: written by firmware, for whoever watches"),
    ("content_crc32", "CRC-32 of the image as long as this field and the end mark are 0"),
)

LAYER = (
    ("op", "Op"),
    ("body", "Body"),
    ("balance", "Balance"),
    ("in_addr", "int8 NHWC input, pixel (y, x) at in_addr + (y * in_w + x) * in_pitch"),
    ("in_h", ""),
    ("in_w", ""),
    ("in_c", "channels read"),
    ("in_pitch", "bytes from a pixel to the next"),
    ("in2_addr", "second input of ADD; same shape"),
    ("in2_pitch", ""),
    ("out_addr", "int8 NHWC output"),
    ("out_h", ""),
    ("out_w", ""),
    ("out_c", "channels written"),
    ("out_pitch", "bytes from a pixel to the next"),
    ("kernel_h", ""),
    ("kernel_w", ""),
    ("stride_h", ""),
    ("stride_w", ""),
    ("pad_top", ""),
    ("pad_left", "bottom and right padding follow from the shapes"),
    ("in_zero_point", "int8 value that means 0; also the padding of CONV and DWCONV"),
    ("in2_zero_point", ""),
    ("out_zero_point", ""),
    ("act_min", "clamp after adding out_zero_point, -128 .. 127"),
    ("act_max", ""),
    ("weights_addr", "CONV: int8 [out_c][weight_pitch]; DWCONV: int8 [kernel_h*kernel_w][out_c]"),
    ("weight_pitch", "CONV: at least kernel_h*kernel_w*in_c, a multiple of 4, zero-filled"),
    ("bias_addr", "int32 [out_c], -in_zero_point * sum(w) already added"),
    ("scale_addr", "uint32 [out_c], multiplier | shift; pools: [count - 1] (CLIP: one)"),
    ("add_multiplier_a", "ADD: int32, |m| < 2**21"),
    ("add_multiplier_b", "ADD: int32, |m| < 2**21"),
    ("add_shift", "ADD: 0 .. 30, common to both"),
    ("chunks_addr", "array of CHUNK"),
    ("chunk_count", ""),
    ("hart_first_addr", "uint32 [hart_count + 1]"),
    ("groups_addr", "array of GROUP; tile bodies and PROGRAM"),
    ("group_count", ""),
    ("adc_shift", "the tile's SHIFT; a dequeued value counts 2**adc_shift (0 if ideal)"),
    ("partial_addr", "int32 [out_h*out_w][partial_pitch/4]: partial sums of reprogrammed groups"),
    ("partial_pitch", "bytes, a multiple of 4"),
    ("scratch_addr", "hart h uses scratch_addr + h * scratch_bytes .. (patches; DWCONV: window)"),
    ("scratch_bytes", "per hart, a multiple of 32; at least 4 * weight_pitch + 64 for CONV"),
    ("count_include_pad", "AVGPOOL: 1 if padding counts in the divisor"),
    ("post", "tile bodies: 1 if the tiles requantise (every group is one block)"),
    ("tile_harts", "TIGHT: bit h: hart h has tiles with the weights; others use weights_addr"),
    ("stream_addr", "STREAM: hart h uses scratchpad stream_addr + h * stream_bytes .., absolute"),
    ("stream_bytes", "per hart, a multiple of 64"),
    ("band_pixels", "STREAM: output pixels of a job at the most"),
    ("stages_addr", "PIPELINE: uint32 [hart_count + 1], hart h runs layers stages[h] .."),
    ("stage_layers_addr", "PIPELINE: array of LAYER [inputs][stages[hart_count]]"),
    ("pipeline_inputs", "PIPELINE: inputs of the network"),
)

CHUNK = (
    ("pixel_begin", "first output pixel (row-major)"),
    ("pixel_end", "one past the last"),
    ("begin", "first channel (digital) or group (tile bodies)"),
    ("end", "one past the last"),
    ("body", "Body: the layer's, or DOT4 for what of it is not on tiles"),
)

GROUP = (
    ("channel_begin", "first output channel"),
    ("channel_count", "real output channels; the blocks hold this rounded up to 4"),
    ("block_addr", "array of BLOCK that together cover all rows of the weight matrix, in order"),
    ("block_count", ""),
    ("reprogram", "1: blocks share a tile and are programmed in turn, partial sums in memory"),
    ("hart", "the hart that owns a tight group; for PROGRAM, the hart that programs it"),
)

BLOCK = (
    ("tile", "tight: index on the hart's port; loose: index of the shared tile"),
    ("row_begin", "window in the array"),
    ("row_count", ""),
    ("col_begin", "a multiple of 4"),
    ("col_count", "a multiple of 4"),
    ("k_begin", "first element of the flattened patch (kernel_h, kernel_w, in_c) for row_begin"),
    ("weights_addr", "int8 [row_count][col_count], rows = patch elements, columns = channels"),
    ("layer_addr", "PROGRAM: the LAYER with post whose constants the tile is given too; 0: none"),
)

STRUCTS = {"header": HEADER, "layer": LAYER, "chunk": CHUNK, "group": GROUP, "block": BLOCK}

COUNTER_WORDS = len(HartCounter)
MACHINE_COUNTER_WORDS = len(MachineCounter)
TILE_COUNTER_WORDS = len(TileStatusReg)


def size_bytes(struct) -> int:
    """Size of one structure of :data:`STRUCTS`."""
    return 4 * len(struct)
