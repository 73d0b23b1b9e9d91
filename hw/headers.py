"""The machine as firmware sees it: generates ``cluster_regs.h`` and ``link.ld``."""

from . import isa, memmap, regs
from .dma.descriptor import BLOCK_FIELDS, BLOCK_WORDS, Direction, DmaError
from .isa import AccOp, CfuOp, DotOp, TileConfigReg, TileStatus, TileStatusReg
from .regs import Event, HartCounter, JobStatus, MachineCounter
from .stream.descriptor import JOB_FIELDS, JOB_POST, JOB_WORDS, JobError

__all__ = ["cluster_regs_header", "linker_script"]

HART_COUNT_MAX = 8
TIGHT_TILES_PER_HART_MAX = 16
LOOSE_TILE_COUNT_MAX = 64

CFU_ENABLE_CSR = 0xBC0
CFU_ENABLE_MASK = 1 << 31
"""The CFU is off at reset: without this bit a custom instruction traps as illegal."""

DCACHE_BYTES = 4096
DCACHE_LINE_BYTES = 32
DCACHE_FLUSH_INSTRUCTION = 0x500F


def _define(name, value, doc=""):
    text = f"0x{value:X}" if value >= 16 else str(value)
    summary = doc.strip().split("\n")[0]
    return f"#define {name} {text}" + (f" /* {summary} */" if summary else "")


def _region(region):
    name = region.name.upper()
    yield _define(f"{name}_BASE_ADDR", region.base_addr)
    yield _define(f"{name}_SIZE_BYTES", region.size_bytes)
    if region.stride_bytes:
        yield _define(f"{name}_STRIDE_BYTES", region.stride_bytes)


def _registers(prefix, table):
    for reg in table:
        doc = f"{reg.access}: {reg.doc}"
        yield _define(f"{prefix}_{reg.name}_OFFSET_BYTES", reg.offset_bytes, doc)
        if reg.count > 1:
            yield _define(f"{prefix}_{reg.name}_COUNT", reg.count)


def _members(prefix, enumeration, suffix=""):
    for member in enumeration:
        yield _define(f"{prefix}_{member.name}{suffix}", int(member))


def _sections():
    yield "Address map: byte addresses."
    for region in (
        memmap.SCRATCHPAD,
        memmap.MAIN_MEMORY,
        memmap.HOST,
        memmap.LOOSE_TILE,
        memmap.HART_LOCAL,
        memmap.SYNC,
    ):
        yield from _region(region)
    yield _define("UNCACHED_MASK", memmap.UNCACHED_BIT, "A memory past the data cache.")

    yield "Registers."
    yield from _registers("HART_LOCAL", regs.HART_LOCAL_REGS)
    yield from _registers("SYNC", regs.SYNC_REGS)
    yield from _registers("HOST", regs.HOST_REGS)
    yield from _registers("LOOSE_TILE", regs.LOOSE_TILE_REGS)
    yield from _registers("LOOSE_TILE", regs.LOOSE_STREAM_REGS)

    yield "Indices of HART_LOCAL_COUNTER."
    yield from _members("HART_COUNTER", HartCounter)
    yield _define("HART_COUNTER_COUNT", len(HartCounter))

    yield "Indices of HOST_COUNTER."
    yield from _members("MACHINE_COUNTER", MachineCounter)
    yield _define("MACHINE_COUNTER_COUNT", len(MachineCounter))

    yield "Bits of HART_LOCAL_EVENT_PENDING and HART_LOCAL_EVENT_MASK."
    yield from _members("EVENT", Event, "_MASK")

    yield "Streaming jobs and DMA blocks: status and error registers."
    yield from _members("JOB_STATUS", JobStatus, "_MASK")
    yield _define("JOB_STATUS_ENDED_SHIFT", 16, "Jobs that ended, modulo 2**16.")
    yield from _members("JOB_ERROR", JobError)
    yield _define("JOB_POST_MASK", JOB_POST, "In stream_job_t.shift: results are int8.")
    yield from _members("DMA", Direction)
    yield from _members("DMA_ERROR", DmaError)

    yield "Custom instructions."
    yield _define("CFU_OPCODE", isa.CUSTOM_OPCODE, "RISC-V custom-0.")
    yield _define("CFU_ACCUMULATOR_COUNT", isa.ACCUMULATOR_COUNT)
    yield from _members("CFU_OP", CfuOp)
    yield from _members("CFU_DOT", DotOp)
    yield from _members("CFU_ACC", AccOp)
    yield _define("CFU_ENABLE_CSR", CFU_ENABLE_CSR)
    yield _define("CFU_ENABLE_MASK", CFU_ENABLE_MASK)

    yield "Tiles: configuration and status registers, the same for both couplings."
    yield from _members("TILE_CONFIG", TileConfigReg)
    yield _define("TILE_SHIFT_POST_MASK", isa.TILE_SHIFT_POST, "In SHIFT: results are int8.")
    yield from _members("TILE_STATUS", TileStatusReg)
    yield _define("TILE_STATUS_COUNT", len(TileStatusReg))
    yield from _members("TILE_STATUS", TileStatus, "_MASK")
    errors = sum(bit for bit in TileStatus if bit.name.startswith("ERROR"))
    yield _define("TILE_STATUS_ERRORS_MASK", errors)

    yield "Limits of any machine, and the core."
    yield _define("HART_COUNT_MAX", HART_COUNT_MAX)
    yield _define("TIGHT_TILES_PER_HART_MAX", TIGHT_TILES_PER_HART_MAX)
    yield _define("LOOSE_TILE_COUNT_MAX", LOOSE_TILE_COUNT_MAX)
    yield _define("TILE_DIM_MAX", 512, "Rows or columns of a tile.")
    yield _define("DCACHE_BYTES", DCACHE_BYTES)
    yield _define("DCACHE_LINE_BYTES", DCACHE_LINE_BYTES)
    yield _define("DCACHE_FLUSH_INSTRUCTION", DCACHE_FLUSH_INSTRUCTION)


def _structs():
    """The descriptors as C structures, for C only."""
    yield "\n#ifndef __ASSEMBLER__"
    for name, fields, words in (
        ("stream_job_t", JOB_FIELDS, JOB_WORDS),
        ("dma_block_t", BLOCK_FIELDS, BLOCK_WORDS),
    ):
        yield "typedef struct {"
        for field, bits in fields.items():
            yield f"    uint{bits}_t {field};"
        yield f"}} {name};"
        yield f'_Static_assert(sizeof({name}) == {4 * words}, "{name}");'
    yield "#endif"


def cluster_regs_header() -> str:
    """Text of ``cluster_regs.h``; the same for every machine, so one firmware serves all.

    Numbers carry no suffix, so that assembly can include it too.
    """
    lines = [
        "/* Generated by hw/headers.py. */",
        "#ifndef CLUSTER_REGS_H",
        "#define CLUSTER_REGS_H",
        "#ifndef __ASSEMBLER__",
        "#include <stdint.h>",
        "#endif",
    ]
    for line in _sections():
        lines.append(line if line.startswith("#") else f"\n/* {line} */")
    return "\n".join([*lines, *_structs(), "", "#endif", ""])


def linker_script(
    *,
    base_addr: int,
    size_bytes: int,
    text_order: tuple[str, ...] = (),
    tables_phase_bytes: int = 0,
    bss_phase_bytes: int = 0,
) -> str:
    """Text of ``link.ld``: everything in one block that starts with the reset vector.

    ``text_order`` names functions (``*`` is a wildcard) that come first, side by side, so that they
    don't displace each other from the instruction cache. The phases, multiples of a line, say where
    in a round of the data cache read-only tables and variables begin, however long the code is.

    Initialised data is refused: a run may restart the firmware without loading it anew.
    """
    first = " ".join(f"*(.text.{name})" for name in text_order)
    return f"""/* Generated by hw/headers.py. */
OUTPUT_ARCH(riscv)
ENTRY(_start)
MEMORY {{ firmware (rwx) : ORIGIN = 0x{base_addr:X}, LENGTH = 0x{size_bytes:X} }}
SECTIONS
{{
  .text : {{ KEEP(*(.init)) {first} *(.text .text.*) }} > firmware
  .rodata {_phased(tables_phase_bytes)} : {{ *(.rodata .rodata.* .srodata .srodata.*) }} > firmware
  .data : ALIGN(4) {{ *(.data .data.* .sdata .sdata.*) }} > firmware
  .bss {_phased(bss_phase_bytes)} (NOLOAD) :
  {{
    __bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    __bss_end = .;
  }} > firmware
  /DISCARD/ : {{ *(.eh_frame*) *(.comment) *(.note*) *(.riscv.attributes) }}
  ASSERT(SIZEOF(.data) == 0, "firmware must not have initialised data")
}}
"""


def _phased(phase_bytes: int) -> str:
    """The next address that lies ``phase_bytes`` past a round of the data cache."""
    return f"ALIGN(. - 0x{phase_bytes:X}, 0x{DCACHE_BYTES:X}) + 0x{phase_bytes:X}"
