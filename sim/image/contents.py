"""Refuses an image's bytes that a machine can't run: the host's part of ``sw/runtime/check.c``.

The firmware looks at every chunk and group as well; only the host knows the size of memory.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.operations import kernel_names

from .errors import ImageError
from .layout import (
    CHUNK,
    COUNTER_WORDS,
    GROUP,
    IMAGE_ADDR,
    LAYER,
    MACHINE_COUNTER_WORDS,
    TILE_COUNTER_WORDS,
    Op,
    size_bytes,
)
from .seal import read_header

__all__ = ["check_contents"]

Fields = Mapping[str, int]

_KERNELS = {(op, body) for op, body, _ in kernel_names()}


def check_contents(data: bytes, config: ClusterConfig) -> None:
    """ImageError, in a sentence, unless ``config`` can run this image, which is whole."""
    header = read_header(data)
    _check_machine(header, config)
    end = header["memory_end_addr"]
    needed, size = end - MAIN_MEMORY.base_addr, config.memory.size_bytes
    if needed > size:
        raise ImageError(f"the image needs {needed} bytes of memory, the machine has {size}")
    if IMAGE_ADDR + len(data) > end:
        raise ImageError(f"the image's {len(data)} bytes must end at {end:#x} at the latest")
    for name, begin, count in _header_tables(header):
        if not _inside(begin, count, IMAGE_ADDR, end):
            raise ImageError(f"the image's {name} must lie between its begin and {end:#x}")
    for name, layer in _layers(data, header):
        _check_layer(name, layer, len(data), end)


def _check_machine(header: Fields, config: ClusterConfig) -> None:
    wanted = {
        "config_hash": int(config.hash[:8], 16),
        "hart_count": config.harts,
        "tight_tiles_per_hart": config.tight_tiles_per_hart,
        "loose_tiles": config.loose_tiles,
        "tile_count": config.harts * config.tight_tiles_per_hart + config.loose_tiles,
    }
    for name, value in wanted.items():
        if header[name] != value:
            raise ImageError(
                f"the image was made for another machine: its {name} is {header[name]:#x}, "
                f"the machine's {value:#x}"
            )


def _header_tables(header: Fields) -> Iterator[tuple[str, int, int]]:
    """(name, address, bytes) of what the header points at."""
    layers = header["layer_count"]
    sizes = {
        "layers": size_bytes(LAYER),
        "layer_counters": 4 * COUNTER_WORDS * header["hart_count"],
        "tile_counters": 4 * TILE_COUNTER_WORDS * header["tile_count"],
        "machine_counters": 4 * MACHINE_COUNTER_WORDS,
    }
    for name, each in sizes.items():
        yield name, header[f"{name}_addr"], layers * each
    yield "log", header["log_addr"], 4 + header["log_bytes"]


def _layers(data: bytes, header: Fields) -> Iterator[tuple[str, Fields]]:
    """Every descriptor; behind a pipeline's, those of its stages."""
    for index, layer in enumerate(_structs(data, header["layers_addr"], header["layer_count"])):
        yield f"layer {index}", layer
        if layer["op"] == Op.PIPELINE:
            edges = _words(data, layer["stages_addr"], header["hart_count"] + 1)
            count = layer["pipeline_inputs"] * edges[-1]
            for place, stage in enumerate(_structs(data, layer["stage_layers_addr"], count)):
                yield f"layer {place} of the pipeline", stage


def _check_layer(name: str, layer: Fields, image_bytes: int, end: int) -> None:
    if layer["op"] == Op.PIPELINE:
        return
    if (layer["op"], layer["body"]) not in _KERNELS:
        raise ImageError(f"{name}: no kernel runs op {layer['op']} with body {layer['body']}")
    for what, begin, count in _constants(layer):
        if count and not _inside(begin, count, IMAGE_ADDR, IMAGE_ADDR + image_bytes):
            raise ImageError(f"{name}: its {what} at {begin:#x} must lie in the image")
    for what, begin, count in _activations(layer):
        if not _inside(begin, count, IMAGE_ADDR, end):
            raise ImageError(f"{name}: its {what} at {begin:#x} must end at {end:#x} at the latest")


def _constants(layer: Fields) -> Iterator[tuple[str, int, int]]:
    """(name, address, bytes) of a descriptor's tables and weights."""
    yield "chunks", layer["chunks_addr"], layer["chunk_count"] * size_bytes(CHUNK)
    yield "groups", layer["groups_addr"], layer["group_count"] * size_bytes(GROUP)
    if layer["weights_addr"]:
        kernel = layer["kernel_h"] * layer["kernel_w"]
        pitch = layer["weight_pitch"] if layer["op"] == Op.CONV else kernel
        yield "weights", layer["weights_addr"], layer["out_c"] * pitch
    if layer["bias_addr"]:
        yield "biases", layer["bias_addr"], 4 * layer["out_c"]


def _activations(layer: Fields) -> Iterator[tuple[str, int, int]]:
    """(name, address, bytes) of what a descriptor reads and writes."""
    if layer["op"] == Op.PROGRAM:
        return
    for what, side in (("input", "in"), ("output", "out")):
        yield what, layer[f"{side}_addr"], _tensor_bytes(layer, side, layer[f"{side}_pitch"])
    if layer["op"] == Op.ADD:
        yield "second input", layer["in2_addr"], _tensor_bytes(layer, "in", layer["in2_pitch"])


def _tensor_bytes(layer: Fields, side: str, pitch: int) -> int:
    pixels = layer[f"{side}_h"] * layer[f"{side}_w"]
    return (pixels - 1) * pitch + layer[f"{side}_c"] if pixels else 0


def _inside(begin: int, count: int, first: int, end: int) -> bool:
    return first <= begin and begin + count <= end


def _structs(data: bytes, addr: int, count: int) -> list[dict[str, int]]:
    """``count`` descriptors; ImageError if they don't lie in the image."""
    names = [name for name, _ in LAYER]
    words = np.array(_words(data, addr, count * len(names)), np.int64).reshape(count, len(names))
    return [dict(zip(names, row, strict=True)) for row in words.tolist()]


def _words(data: bytes, addr: int, count: int) -> list[int]:
    begin = addr - IMAGE_ADDR
    if begin < 0 or addr % 4 or begin + 4 * count > len(data):
        raise ImageError(f"the image's {len(data)} bytes must hold {count} words at {addr:#x}")
    return np.frombuffer(data, "<u4", count, begin).tolist()
