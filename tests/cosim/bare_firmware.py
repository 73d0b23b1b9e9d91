"""Small programs instead of the firmware: built with its flags, its start-up and its handlers."""

import dataclasses
import struct
from collections.abc import Sequence
from pathlib import Path

from tightrope.sim.image.firmware import (
    _FLAGS,  # the very flags that the firmware is built with
    FirmwareFiles,
    _run,
    write_headers,
)
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR, MAGIC

__all__ = ["RESULTS_ADDR", "BareImage", "build_program", "orders"]

HERE = Path(__file__).parent / "firmware"
SW = Path(__file__).resolve().parents[2] / "sw"
RUNTIME = ("crt0.S", "events.c", "log.c", "trap.c")

RESULTS_ADDR = IMAGE_ADDR + 0x1000
"""As in ``bare.h``."""
LOG_ADDR = IMAGE_ADDR + 0x1_0000
LOG_BYTES = 0x4000
MEMORY_END = LOG_ADDR + 4 + LOG_BYTES


@dataclasses.dataclass(frozen=True)
class BareImage:
    """A header that says where the log is, and orders for the program."""

    data: bytes
    memory_end: int = MEMORY_END


def orders(*words: int) -> BareImage:
    """An image with ``words`` behind its header."""
    header = dict.fromkeys((name for name, _ in HEADER), 0)
    header |= {"magic": MAGIC, "log_addr": LOG_ADDR, "log_bytes": LOG_BYTES}
    every: Sequence[int] = (*header.values(), *words)
    return BareImage(struct.pack(f"<{len(every)}I", *every))


def build_program(name: str, folder: Path) -> FirmwareFiles:
    """Builds ``firmware/<name>.c`` with the runtime's start-up, trap handler and log."""
    write_headers(folder)
    elf, binary = folder / f"{name}.elf", folder / f"{name}.bin"
    includes = [f"-I{path}" for path in (folder, SW / "include", SW / "runtime", HERE)]
    code = [HERE / f"{name}.c", *(SW / "runtime" / file for file in RUNTIME)]
    script = str(folder / "link.ld")
    _run("cc", *_FLAGS, *includes, "-T", script, *map(str, code), "-o", str(elf))
    _run("objcopy", "-O", "binary", str(elf), str(binary))
    return FirmwareFiles(bin=binary, elf=elf)
