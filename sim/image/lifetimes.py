"""Where activations lie when memory is used again: as soon as nobody reads one any more."""

import dataclasses
from collections.abc import Sequence

from tightrope.hw.headers import DCACHE_BYTES

__all__ = ["ALIGN_BYTES", "Span", "place_spans"]

ALIGN_BYTES = 64
"""Spans begin at multiples of it, two lines of the data cache."""
PHASES = 3
"""Places in a round of the data cache where spans begin: two that are read together, as the inputs
of ADD are, begin at different ones."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of memory that is needed from one step to another."""

    size_bytes: int
    first: int
    """The step that writes it; -1: it is there before the first."""
    last: int
    """The last step that reads it (or writes it, if nobody reads)."""
    beside: tuple[int, ...] = ()
    """Other spans that are read together with it."""


def place_spans(spans: Sequence[Span]) -> tuple[list[int], int]:
    """Offsets of ``spans`` in one stretch of memory, and its size in bytes.

    Spans that are needed at the same time don't overlap. The largest are placed first, each at the
    lowest place where it fits: not always optimal, but within a few per cent for CNNs, and as the
    lifetimes of a plain chain end soon, it is what ping-pong buffers would be.
    """
    phases = _phases(spans)
    offsets = [0] * len(spans)
    placed: list[int] = []
    order = sorted(range(len(spans)), key=lambda i: (-spans[i].size_bytes, spans[i].first))
    for index in order:
        rivals = sorted(
            (offsets[other], offsets[other] + spans[other].size_bytes)
            for other in placed
            if _together(spans[index], spans[other])
        )
        offsets[index] = _lowest(spans[index].size_bytes, phases[index], rivals)
        placed.append(index)
    ends = (offset + span.size_bytes for offset, span in zip(offsets, spans, strict=True))
    return offsets, max(ends, default=0)


def _together(a: Span, b: Span) -> bool:
    return a.first <= b.last and b.first <= a.last


def _lowest(size_bytes: int, phase_bytes: int, rivals: Sequence[tuple[int, int]]) -> int:
    offset = phase_bytes
    for begin, end in rivals:
        if offset + size_bytes <= begin:
            break
        if end > offset:
            offset = end + (phase_bytes - end) % DCACHE_BYTES
    return offset


def _phases(spans: Sequence[Span]) -> list[int]:
    """Bytes past a multiple of the cache's size, different for spans that are read together."""
    chosen: dict[int, int] = {}
    for index, span in enumerate(spans):
        taken = {chosen[other] for other in span.beside if other in chosen}
        chosen[index] = min((n for n in range(PHASES) if n not in taken), default=0)
    step = DCACHE_BYTES // PHASES // ALIGN_BYTES * ALIGN_BYTES
    return [chosen[index] * step for index in range(len(spans))]
