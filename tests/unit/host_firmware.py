"""The firmware's kernels as a native library: builds it once, and runs images in it."""

import ctypes
import functools
import mmap
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.image import layout
from tightrope.sim.image.firmware import write_headers
from tightrope.sim.image.image import Image

SW = Path(__file__).resolve().parents[2] / "sw"
FLAGS = ("-std=gnu11", "-O1", "-g", "-shared", "-fPIC", "-fno-strict-aliasing", "-DHOST_BUILD",
         "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined")  # fmt: skip
"""The sanitiser also finds what a real hart would trap on: words that are not aligned."""


class Machine(ctypes.Structure):
    """``host_machine_t``."""

    _fields_ = [
        *((name, ctypes.c_uint32) for name in (
            "hart_count", "tight_tiles_per_hart", "tight_harts", "loose_tiles", "rows", "cols",
            "weight_bits", "adc_bits", "post_lanes", "config_hash", "memory_bytes",
            "scratchpad_bytes",
        )),
        ("seed", ctypes.c_uint64),
    ]  # fmt: skip


@functools.cache
def host_library() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp(prefix="host-firmware-"))
    write_headers(folder)
    kernels = sorted((SW / "kernels").glob("*.c")) + sorted((SW / "host").glob("*.c"))
    names = ("check.c", "counters.c", "log.c", "stream_report.c", "whole.c")
    runtime = [SW / "runtime" / name for name in names]
    includes = [folder, SW / "include", SW / "runtime", SW / "host"]
    library = folder / "libkernels.so"
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *FLAGS, *(f"-I{path}" for path in includes),
         *map(str, [*kernels, *runtime]), "-o", str(library)],
        check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(library))
    loaded.host_message.restype = ctypes.c_char_p
    loaded.host_requantise.argtypes = (ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint32)
    return loaded


def run_image(image: Image, config: ClusterConfig, seed: int = 0) -> tuple[int, str, np.ndarray]:
    """Runs an image; returns the exit status, what the host has to say, and memory
    from IMAGE_ADDR on, as sim.cosim does."""
    size = image.memory_end - MAIN_MEMORY.base_addr
    # Page-aligned, so that addresses keep their alignment.
    raw = mmap.mmap(-1, size)
    memory = np.frombuffer(raw, np.uint8)
    begin = layout.IMAGE_ADDR - MAIN_MEMORY.base_addr
    memory[begin : begin + len(image.data)] = np.frombuffer(image.data, np.uint8)
    machine = Machine(
        hart_count=config.harts,
        tight_tiles_per_hart=config.tight_tiles_per_hart,
        tight_harts=config.tiled_harts,
        loose_tiles=config.loose_tiles,
        rows=config.tile.rows,
        cols=config.tile.cols,
        weight_bits=config.tile.weight_bits,
        adc_bits=config.tile.adc_bits,
        post_lanes=config.tile.post_lanes,
        config_hash=int(config.hash[:8], 16),
        memory_bytes=config.memory.size_bytes,
        scratchpad_bytes=config.scratchpad.size_bytes,
        seed=seed,
    )
    library = host_library()
    pointer = ctypes.c_void_p(memory.ctypes.data)
    status = library.host_run(ctypes.byref(machine), pointer)
    return status, library.host_message().decode(), memory[begin:]
