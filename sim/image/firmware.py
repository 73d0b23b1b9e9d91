"""Builds the firmware (one binary for every machine) and names its program counters."""

import dataclasses
import hashlib
import importlib.metadata
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tightrope.hw.headers import cluster_regs_header, linker_script
from tightrope.sim.image import layout
from tightrope.sim.image.header import image_layout_header, kernel_table_header

__all__ = ["FirmwareError", "FirmwareFiles", "build_firmware", "symbolise", "write_headers"]

_SW = Path(__file__).resolve().parents[2] / "sw"
_SOURCE_FOLDERS = ("include", "runtime", "kernels")
_FLAGS = (
    *("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m"),
    *("-std=gnu11", "-O3", "-ffreestanding", "-fno-builtin", "-fno-strict-aliasing"),
    *("-Wall", "-Wextra", "-Werror", "-fno-sanitize=all", "-fno-stack-protector"),
    *("-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-pic"),
    *("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-nostdlib", "-static"),
)

_TEXT_ORDER = (
    "words_copy", "conv_dot4_s8", "run_panel", "dot_4x4", "dot_1x4",
    "dwconv_dot4_s8", "run_3x3_*", "run_strip", "window_add", "main",
    "loose_status*", "loose_queue_pixels", "loose_queue_unaligned",
    # A round of the cache later, run_blocks lies over run_block, which it never runs with.
    "run_block", "loose_program", "conv_loose_s8",
    "loose_accumulate", "event_wait", "loose_configure", "loose_queue", "loose_queue_bytes",
    "loose_queue_fill", "loose_finish", "loose_acquire", "loose_release",
    "run_blocks", "tight_queue", "tight_queue_bytes", "tight_configure", "tight_finish",
    "tight_accumulate", "tight_queue_fill", "tight_queue_pixels", "tight_program",
    "conv_tight_s8", "run_group", "loose_post_patches",
    "tight_post", "tight_post_*", "tight_*", "loose_post*", "loose_*",
)  # fmt: skip
"""What runs together in inner loops, with less than the instruction cache from one end to the other
for each body; what layers seldom need of a body at its far end."""
_TABLES_PHASE_BYTES = 0x860
_BSS_PHASE_BYTES = 0xE60
"""Places in a round of the data cache. Any would do; but as they stay, code that no layer runs may
grow without changing what layers' tables meet there, and so what was measured of them."""


class FirmwareError(RuntimeError):
    """The firmware does not compile; the message is the compiler's."""


@dataclasses.dataclass(frozen=True)
class FirmwareFiles:
    """A built firmware."""

    bin: Path
    """What is loaded at ``layout.FIRMWARE_ADDR``."""
    elf: Path
    """The same with symbols."""


def write_headers(folder: Path) -> None:
    """Write the generated headers and the linker script."""
    script = linker_script(
        base_addr=layout.FIRMWARE_ADDR,
        size_bytes=layout.FIRMWARE_BYTES,
        text_order=_TEXT_ORDER,
        tables_phase_bytes=_TABLES_PHASE_BYTES,
        bss_phase_bytes=_BSS_PHASE_BYTES,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cluster_regs.h").write_text(cluster_regs_header())
    (folder / "image_layout.h").write_text(image_layout_header())
    (folder / "kernel_table.h").write_text(kernel_table_header())
    (folder / "link.ld").write_text(script)


def _sources() -> list[Path]:
    return sorted(
        path
        for folder in _SOURCE_FOLDERS
        for path in (_SW / folder).iterdir()
        if path.suffix in (".c", ".S", ".h", ".inc")
    )


def _content_hash(headers: Path) -> str:
    digest = hashlib.sha256(repr(_FLAGS).encode())
    digest.update(importlib.metadata.version("ziglang").encode())
    for path in [*_sources(), *sorted(headers.iterdir())]:
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "ziglang", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FirmwareError(done.stderr.strip())


def _compile(folder: Path) -> None:
    elf = str(folder / "firmware.elf")
    code = [str(path) for path in _sources() if path.suffix in (".c", ".S")]
    includes = [f"-I{folder}", f"-I{_SW / 'include'}", f"-I{_SW / 'runtime'}"]
    # Source paths would otherwise get into the ELF and make builds differ between checkouts.
    _run("cc", *_FLAGS, f"-ffile-prefix-map={_SW}=sw", *includes, "-T", str(folder / "link.ld"),
         *code, "-o", elf)  # fmt: skip
    _run("objcopy", "-O", "binary", elf, str(folder / "firmware.bin"))


def build_firmware(out_dir: Path) -> FirmwareFiles:
    """Build the firmware under ``out_dir``, or find it there if nothing it is made of changed.

    Raises
    ------
    FirmwareError
        If it does not compile.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out_dir, prefix="firmware-tmp-"))
    try:
        write_headers(scratch)
        folder = out_dir / f"firmware-{_content_hash(scratch)}"
        if not folder.exists():
            _compile(scratch)
            try:
                # Appears complete or not at all, whoever else builds the same.
                os.rename(scratch, folder)
            except OSError:
                if not folder.exists():
                    raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return FirmwareFiles(bin=folder / "firmware.bin", elf=folder / "firmware.elf")


def _functions(elf: Path) -> list[tuple[int, str]]:
    """(address, name) of every named place in the code, sorted."""
    data = elf.read_bytes()
    section_offset, count = (
        struct.unpack_from("<I", data, 32)[0],
        struct.unpack_from("<H", data, 48)[0],
    )
    headers = [struct.unpack_from("<10I", data, section_offset + 40 * i) for i in range(count)]
    found = []
    for header in headers:
        if header[1] != 2:  # SHT_SYMTAB
            continue
        names_offset = headers[header[6]][4]
        for offset in range(header[4], header[4] + header[5], 16):
            name, value, _, info, _, section = struct.unpack_from("<IIIBBH", data, offset)
            executable = section < count and headers[section][2] & 4
            if executable and info & 15 in (0, 2):  # STT_NOTYPE (assembly), STT_FUNC
                end = data.index(0, names_offset + name)
                text = data[names_offset + name : end].decode()
                if text and not text.startswith((".", "$")):
                    found.append((value, text))
    return sorted(found)


def symbolise(pc: int, elf: Path) -> str:
    """Say where a program counter is, as ``function+0x12``; for messages about hangs."""
    best = [(addr, name) for addr, name in _functions(elf) if addr <= pc]
    inside = layout.FIRMWARE_ADDR <= pc < layout.FIRMWARE_ADDR + layout.FIRMWARE_BYTES
    if not best or not inside:
        return f"0x{pc:08x}"
    addr, name = best[-1]
    return f"{name}+0x{pc - addr:x}"
