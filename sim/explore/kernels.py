"""Layers written as text.

- ``conv:HxWxC:N:KHxKW[:sS][:pP][:gG]``: N output channels, stride S, padding P, G groups
- ``dwconv:HxWxC:KHxKW[:sS][:pP]``, ``maxpool`` and ``avgpool`` the same
- ``dense:C:N``, ``gap:HxWxC`` (global average), ``add:HxWxC``, ``clip:HxWxC``

S and P may be pairs: ``s2x1`` is 2 for the height and 1 for the width.
"""

import re

from tightrope.sim.operations import OPERATIONS
from tightrope.sim.workload.layers import Layer, LayerOp

from .errors import ExploreError

__all__ = ["is_kernel", "parse_kernel"]

_OPS = {
    "conv": LayerOp.CONV,
    "dwconv": LayerOp.DWCONV,
    "dense": LayerOp.DENSE,
    "maxpool": LayerOp.MAXPOOL,
    "avgpool": LayerOp.AVGPOOL,
    "gap": LayerOp.GLOBAL_AVGPOOL,
    "add": LayerOp.ADD,
    "clip": LayerOp.CLIP,
}
_MAX_SIZE = 1 << 16


def is_kernel(text: str) -> bool:
    """Whether a text means a kernel and not a file."""
    return text.split(":", 1)[0] in _OPS and ":" in text


def parse_kernel(text: str) -> Layer:
    """The layer that a text describes; raises ExploreError with the rule that it breaks."""
    parts = text.split(":")
    op = _OPS.get(parts[0])
    if op is None:
        raise ExploreError(f"kernel {text!r} must begin with one of {', '.join(_OPS)}")
    fields = _Fields(text, parts[1:])
    if op is LayerOp.DENSE:
        in_shape = (1, 1, fields.numbers("input channels", 1)[0])
    else:
        height, width, channels = fields.numbers("input size HxWxC", 3)
        in_shape = (height, width, channels)
    out_c = in_shape[2]
    if op in (LayerOp.CONV, LayerOp.DENSE):
        out_c = fields.numbers("output channels", 1)[0]
    kernel, stride, pad, groups = (1, 1), (1, 1), (0, 0), 1
    if op in (LayerOp.CONV, LayerOp.DWCONV, LayerOp.MAXPOOL, LayerOp.AVGPOOL):
        kernel = _pair(fields.numbers("kernel size KHxKW", 2))
        stride = fields.option("s", (1, 1), 1)
        pad = fields.option("p", (0, 0), 0)
    elif op is LayerOp.GLOBAL_AVGPOOL:
        kernel = in_shape[:2]
    if op is LayerOp.CONV:
        groups = fields.option("g", (1, 1), 1)[0]
    fields.finish()
    if in_shape[2] % groups or out_c % groups:
        raise ExploreError(f"kernel {text!r}: {groups} groups must divide both channel counts")
    return Layer(
        name=text,
        op=op,
        source_op=parts[0],
        in_shape=in_shape,
        out_shape=(*_out_size(text, in_shape, kernel, stride, pad), out_c),
        kernel=kernel,
        stride=stride,
        pads=(*pad, *pad),
        groups=groups,
        inputs=OPERATIONS[op].inputs,
    )


class _Fields:
    """The parts of a text after its operator, taken one by one."""

    def __init__(self, text: str, parts: list[str]) -> None:
        self._text = text
        self._parts = parts

    def numbers(self, what: str, count: int) -> list[int]:
        if not self._parts:
            raise ExploreError(f"kernel {self._text!r} lacks its {what}")
        return self._parse(self._parts.pop(0), what, count, 1)

    def option(self, letter: str, default: tuple[int, int], low: int) -> tuple[int, int]:
        for index, part in enumerate(self._parts):
            if part.startswith(letter):
                del self._parts[index]
                body = part[1:] if "x" in part else f"{part[1:]}x{part[1:]}"
                return _pair(self._parse(body, f"option {part!r}", 2, low))
        return default

    def finish(self) -> None:
        if self._parts:
            raise ExploreError(f"kernel {self._text!r}: {self._parts[0]!r} means nothing here")

    def _parse(self, part: str, what: str, count: int, low: int) -> list[int]:
        if not re.fullmatch(r"[0-9]{1,6}(x[0-9]{1,6})*", part):
            raise ExploreError(f"kernel {self._text!r}: {what} can't be {part!r}")
        found = [int(number) for number in part.split("x")]
        if len(found) != count or not all(low <= number <= _MAX_SIZE for number in found):
            raise ExploreError(
                f"kernel {self._text!r}: {what} must be {count} number(s) from {low} to "
                f"{_MAX_SIZE}, not {part!r}"
            )
        return found


def _pair(numbers: list[int]) -> tuple[int, int]:
    return numbers[0], numbers[1]


def _out_size(
    text: str,
    in_shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
) -> tuple[int, int]:
    if any(before >= size for before, size in zip(pad, kernel, strict=True) if before):
        raise ExploreError(f"kernel {text!r}: padding must be smaller than the kernel")
    room = [size + 2 * before - k for size, before, k in zip(in_shape, pad, kernel, strict=False)]
    if min(room) < 0:
        raise ExploreError(f"kernel {text!r} is larger than its padded input")
    return room[0] // stride[0] + 1, room[1] // stride[1] + 1
