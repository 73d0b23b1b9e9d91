"""The custom instructions: custom-0, R-type, ``funct3`` the operation, ``funct7`` its argument.

On the CFU port ``function_id[2:0]`` is funct3 and ``function_id[9:3]`` is funct7. Tile operations
carry the tile number in ``funct7[6:3]``, to which AccOp.TILE_BASE adds, so that the same code can
serve any tile, and a small argument in ``funct7[2:0]``. The digital
operations, DOT and ACC, are families: ``funct7[6:4]`` chooses (DotOp, AccOp), ``funct7[3:0]`` is
the argument.

The digital state of a hart: accumulators ``acc[0..15]``, in rows of four (row r is acc[4r .. 4r+3],
column i belongs to channel i); four channels ``{scale, bias}``; one activation
``{zero_point, min, max}``; a pipeline of requantisations that ends in a register of four packed
bytes. A *scale* is a word: a multiplier, a multiple of 64, in bits 31:6 and a shift, 32 to 62, in
bits 5:0, see requantise() in docs/architecture.md.
"""

import enum

__all__ = [
    "CUSTOM_OPCODE",
    "TILE_SHIFT_POST",
    "AccOp",
    "CfuOp",
    "DotOp",
    "TileConfigReg",
    "TileStatusReg",
]

CUSTOM_OPCODE = 0x0B
"""RISC-V custom-0."""

ACCUMULATOR_COUNT = 16
"""32-bit accumulators of a hart, in rows of four."""


class CfuOp(enum.IntEnum):
    """funct3 of each operation. Values are never reused."""

    DOT = 0
    """Products of int8: a DotOp."""
    ACC = 1
    """Accumulators and what becomes of them: an AccOp."""
    CM_QUEUE = 2
    """Append funct7[2:0] + 1 bytes of {rs2, rs1} (rs1 first) to the tile's input. rd = 0."""
    CM_PROCESS = 3
    """Start an MVM on the queued input with the configured window; returns at once. rd = 0."""
    CM_DEQUEUE = 4
    """rd = the next four bytes of the oldest result; waits for that result."""
    CM_INITIALIZE = 5
    """Program four weights (bytes of rs2) at row rs1[15:0], columns rs1[31:16] .. +3. rd = 0."""
    CM_CONFIG = 6
    """Write rs1 to the tile's TileConfigReg funct7[2:0]. rd = 0."""
    CM_STATUS = 7
    """rd = the tile's TileStatusReg: number rs1."""


class DotOp(enum.IntEnum):
    """``funct7[6:4]`` of CfuOp.DOT. Values are never reused."""

    DOT4 = 0
    """acc[funct7[3:0]] += sum of four products rs1.b[i] * rs2.b[i]; rd = the new value."""
    MAC4 = 1
    """acc[4 * funct7[1:0] + i] += rs1.b[i] * rs2.b[i] for i in 0 .. 3; rd = 0."""


class AccOp(enum.IntEnum):
    """``funct7[6:4]`` of CfuOp.ACC. Values are never reused."""

    SWAP = 0
    """rd = acc[funct7[3:0]]; acc[funct7[3:0]] = rs1."""
    CHANNEL = 1
    """Channel funct7[1:0] = {scale rs1, bias rs2}. rd = 0."""
    ACTIVATION = 2
    """The activation: zero_point rs1.b[0], min rs1.b[1], max rs1.b[2], all int8. Waits for all
    requantisations that were started. rd = 0."""
    BIAS_ROW = 3
    """acc[4 * funct7[1:0] + i] = bias of channel i, for i in 0 .. 3. rd = 0."""
    OUT_ROW = 4
    """Requantise row funct7[1:0], each with its channel's scale, column 0 first; then as BIAS_ROW.
    Returns at once, rd = 0; the next digital operation waits until the row has been read."""
    REQUANTISE = 5
    """Requantise rs1 with the scale rs2. Returns at once, rd = 0."""
    TAKE = 6
    """rd = the last four requantised bytes, the oldest in the lowest; waits for all that were
    started."""
    TILE_BASE = 7
    """From now on rs1[3:0] is added, modulo 16, to the tile number of tile operations; 0 at reset.
    rd = 0."""


class TileConfigReg(enum.IntEnum):
    """Writable registers of a tile, the same for both couplings."""

    ROWS = 0
    """First row of the window in bits 15:0, number of rows in 31:16."""
    COLS = 1
    """First column in bits 15:0, number of columns in 31:16. Both multiples of four."""
    SHIFT = 2
    """ADC full scale in bits 4:0: the sum is divided by 2**SHIFT. Bit 8, TILE_SHIFT_POST, for a
    tile with post-processing: results are int8, a byte for each column, see the registers below."""
    RESET = 3
    """Any write drops queued input, pending MVMs and results, and clears the errors."""
    COLUMN = 4
    """The column of the array that BIAS and SCALE write. This and the following: only with
    post-processing, and they must not change what an MVM needs that was handed over with it."""
    BIAS = 5
    """The bias of that column, int32."""
    SCALE = 6
    """The scale of that column; COLUMN then moves on by one."""
    ACTIVATION = 7
    """As of AccOp.ACTIVATION, for all columns: zero_point in bits 7:0, min 15:8, max 23:16."""


TILE_SHIFT_POST = 1 << 8
"""In TileConfigReg.SHIFT: an MVM that is handed over gives, for each column, clip(requantise(
(y << SHIFT) + bias, scale) + zero_point, min, max), with y as the converter gives it, and not
shifted if the converter is ideal."""


class TileStatusReg(enum.IntEnum):
    """Readable registers of a tile, the same for both couplings."""

    STATUS = 0
    """TileStatus bits."""
    GEOMETRY = 1
    """Rows in bits 15:0, columns in 31:16."""
    MVMS = 2
    """MVMs started since reset (counters are 32 bits and wrap)."""
    BUSY_CYCLES = 3
    """Cycles in which the array computed."""
    BYTES_IN = 4
    """Input bytes queued."""
    BYTES_OUT = 5
    """Output bytes dequeued."""
    ROWS_USED = 6
    """Sum over MVMs of the window's rows."""
    COLS_USED = 7
    """Sum over MVMs of the window's columns."""
    WAIT_CYCLES = 8
    """Cycles in which a requester waited for this tile."""
    PROGRAM_WRITES = 9
    """Programming writes (four weights each)."""
    CELLS_USED = 10
    """Sum over MVMs of rows times columns, in units of 64 cells."""
    STREAM_BYTES_IN = 11
    """Input bytes that the tile's streamer read, without padding. This and the following: 0 if the
    tile doesn't stream."""
    STREAM_BYTES_OUT = 12
    """Result bytes that it wrote."""
    STREAM_CONFLICT_CYCLES = 13
    """Cycles in which a request of it waited."""
    STREAM_BUSY_CYCLES = 14
    """Cycles in which it had a job."""


class TileStatus(enum.IntFlag):
    """Bits of TileStatusReg.STATUS."""

    RESULT = 1
    """A result is waiting."""
    BUSY = 2
    """The array computes or is being programmed."""
    INPUT_FULL = 4
    """A further CM_QUEUE would wait: both input buffers are taken."""
    ERROR_WINDOW = 8
    """A window outside the array or empty; the MVM was not started."""
    ERROR_SHORT = 16
    """An MVM was started with fewer or more bytes queued than the window has rows."""
    ERROR_EMPTY = 32
    """A dequeue with no MVM to wait for; it returned 0."""
    ERROR_OWNER = 64
    """Loose only: an access by a hart that does not hold the tile; it was ignored."""
    ERROR_RANGE = 128
    """A weight, bias or scale outside the array, a queue beyond the window; ignored."""
    ERROR_BUSY = 256
    """Loose only: an access by the owner while the tile's streamer had a job; it was ignored."""
