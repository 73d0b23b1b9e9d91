"""What a run left in memory: outputs, counters, log; and whether they are what they must be."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from .activations import pixel_view
from .errors import ImageError
from .image import GUARD_BYTE, GUARD_BYTES, Buffer, Image
from .layout import COUNTER_WORDS, IMAGE_ADDR, MACHINE_COUNTER_WORDS, TILE_COUNTER_WORDS

__all__ = [
    "Mismatch",
    "RunResults",
    "check_guards",
    "check_outputs",
    "read_layer_counters",
    "read_log",
    "read_machine_counters",
    "read_output",
    "read_results",
    "read_tile_counters",
    "touched_bytes",
]

Memory = bytes | bytearray | memoryview | np.ndarray
"""Main memory from ``layout.IMAGE_ADDR`` on; arrays are uint8."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mismatch:
    """An output that is not what the reference says."""

    step: int
    name: str
    count: int
    """Elements that differ."""
    size: int
    """Elements compared."""
    index: tuple[int, int, int]
    """(y, x, channel) of the first that differs."""
    expected: int
    actual: int

    def __str__(self) -> str:
        y, x, channel = self.index
        return (
            f"step {self.step} ({self.name}): {self.count} of {self.size} outputs differ, first at "
            f"y={y} x={x} channel={channel}: {self.actual}, not {self.expected}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResults:
    """Everything the firmware wrote."""

    outputs: tuple[np.ndarray, ...]
    """Of each step, (h, w, c) int8."""
    layer_counters: np.ndarray
    """(descriptors, harts, HartCounter) uint32."""
    tile_counters: np.ndarray
    """(descriptors, tiles, TileStatusReg) uint32; tight tiles hart by hart, then loose ones."""
    machine_counters: np.ndarray
    """(descriptors, MachineCounter) uint32; a little of what lies between descriptors included."""
    log: str
    guard_errors: tuple[str, ...]
    """A sentence for each buffer next to which something was written."""


def read_results(image: Image, memory: Memory) -> RunResults:
    """All of a run's results; raises ImageError if ``memory`` ends before they do."""
    return RunResults(
        outputs=tuple(read_output(image, memory, step) for step in range(len(image.outputs))),
        layer_counters=read_layer_counters(image, memory),
        tile_counters=read_tile_counters(image, memory),
        machine_counters=read_machine_counters(image, memory),
        log=read_log(image, memory),
        guard_errors=check_guards(image, memory),
    )


def read_output(image: Image, memory: Memory, step: int) -> np.ndarray:
    """A step's output, (h, w, c) int8, a copy."""
    buffer = image.outputs[step]
    pixels = pixel_view(_span(memory, buffer), buffer)
    return pixels.copy().view(np.int8).reshape(buffer.shape)


def read_layer_counters(image: Image, memory: Memory) -> np.ndarray:
    """(descriptors, harts, HartCounter) uint32: events during each descriptor."""
    shape = (image.layer_count, image.config.harts, COUNTER_WORDS)
    return _words(memory, image.layer_counters_addr, shape)


def read_tile_counters(image: Image, memory: Memory) -> np.ndarray:
    """(descriptors, tiles, TileStatusReg) uint32: events during each descriptor."""
    shape = (image.layer_count, image.tile_count, TILE_COUNTER_WORDS)
    return _words(memory, image.tile_counters_addr, shape)


def read_machine_counters(image: Image, memory: Memory) -> np.ndarray:
    """(descriptors, MachineCounter) uint32: events from before each descriptor to after it."""
    return _words(memory, image.machine_counters_addr, (image.layer_count, MACHINE_COUNTER_WORDS))


def read_log(image: Image, memory: Memory) -> str:
    """The firmware's log; bytes that are not UTF-8 are shown as escapes."""
    length = int(_words(memory, image.log_addr, (1,))[0])
    if length > image.log_bytes:
        raise ImageError(f"the log's length must be up to {image.log_bytes}, not {length}")
    return _bytes(memory, image.log_addr + 4, length).tobytes().decode(errors="backslashreplace")


def check_guards(image: Image, memory: Memory) -> tuple[str, ...]:
    """A sentence for each activation with a guard byte around it that is no longer what it was."""
    named = [(f"input {name!r}", buffer) for name, buffer in image.inputs.items()]
    named += [
        (f"the output of step {step} ({name})", buffer)
        for step, (name, buffer) in enumerate(zip(image.step_names, image.outputs, strict=True))
    ]
    spans: dict[int, list[tuple[str, Buffer]]] = {}
    for what, buffer in named:
        spans.setdefault(buffer.span_addr, []).append((what, buffer))
    found: list[str] = []
    for span_addr, members in spans.items():
        span = _span(memory, members[0][1]).copy()
        for _, buffer in members:
            pixel_view(span, buffer)[:] = GUARD_BYTE
        wrong = np.flatnonzero(span != GUARD_BYTE)
        if wrong.size:
            addr = span_addr + int(wrong[0])
            what, nearest = min(members, key=lambda member: abs(member[1].addr - addr))
            found.append(
                f"{wrong.size} guard bytes of {what} were overwritten, first at {addr:#x}, "
                f"{addr - nearest.addr} bytes from its start"
            )
    return tuple(found)


def touched_bytes(image: Image, memory: Memory) -> int:
    """Bytes from the beginning of the memory for activations to the last one that was written.

    Equals ``image.activation_bytes``, which was planned. Written is what is no longer a guard; as
    outputs may end with that very byte, one of the last GUARD_BYTES of a buffer stands for all.
    """
    begin, end = image.activations
    written = _bytes(memory, begin, end - begin) != GUARD_BYTE
    places = np.flatnonzero(written)
    last = int(places[-1]) + 1 if places.size else 0
    for buffer in (*image.outputs, *image.inputs.values()):
        first = max(buffer.addr, buffer.end_addr - GUARD_BYTES)
        if written[first - begin : buffer.end_addr - begin].any():
            last = max(last, buffer.end_addr - begin)
    return last


def check_outputs(
    image: Image, memory: Memory, expected: Sequence[np.ndarray | None]
) -> tuple[Mismatch, ...]:
    """The steps whose output differs from ``expected`` ((h, w, c) int8; None is not checked)."""
    if len(expected) != len(image.outputs):
        raise ImageError(
            f"there must be {len(image.outputs)} expected outputs, not {len(expected)}"
        )
    found: list[Mismatch] = []
    for step, wanted in enumerate(expected):
        if wanted is None:
            continue
        actual = read_output(image, memory, step)
        if wanted.shape != actual.shape or wanted.dtype != np.int8:
            raise ImageError(
                f"step {step} must be expected as int8 {actual.shape}, "
                f"not {wanted.dtype} {wanted.shape}"
            )
        wrong = np.argwhere(actual != wanted)
        if len(wrong):
            y, x, channel = (int(place) for place in wrong[0])
            found.append(
                Mismatch(
                    step=step,
                    name=image.step_names[step],
                    count=len(wrong),
                    size=actual.size,
                    index=(y, x, channel),
                    expected=int(wanted[y, x, channel]),
                    actual=int(actual[y, x, channel]),
                )
            )
    return tuple(found)


def _bytes(memory: Memory, addr: int, count: int) -> np.ndarray:
    raw = memory if isinstance(memory, np.ndarray) else np.frombuffer(memory, np.uint8)
    begin = addr - IMAGE_ADDR
    if raw.dtype != np.uint8 or begin < 0 or begin + count > raw.size:
        raise ImageError(
            f"memory must hold {count} bytes at {addr:#x}, not {raw.size} elements of {raw.dtype}"
        )
    return raw[begin : begin + count]


def _span(memory: Memory, buffer: Buffer) -> np.ndarray:
    return _bytes(memory, buffer.span_addr, buffer.span_end_addr - buffer.span_addr)


def _words(memory: Memory, addr: int, shape: tuple[int, ...]) -> np.ndarray:
    raw = _bytes(memory, addr, 4 * int(np.prod(shape)))
    return raw.copy().view("<u4").astype(np.uint32).reshape(shape)
