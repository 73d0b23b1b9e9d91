"""Misses of walks that read the same lines in every round, and in between other ones.

Of the same lines, how many a round misses is known once. What comes in between costs its own
misses, and one where it stands between two reads of a set of which the second would have hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from .work import SETS

__all__ = ["Between", "Fixed", "misses_of_rounds"]


@dataclass(frozen=True)
class Fixed:
    """Lines that every round reads in the same order."""

    reads: np.ndarray
    """(SETS,) of each set, in a round."""
    begins: np.ndarray
    """(SETS,) where those of each set begin in ``missed``."""
    before: np.ndarray
    """(gaps, SETS) reads of each set before each gap."""
    missed: np.ndarray
    """(reads,) uint8: whether each misses in a round that is not the first, if nothing comes in
    between; set after set."""
    lines: int
    """Different ones."""

    @classmethod
    def of(cls, segments: Sequence[Sequence[int]]) -> Self:
        """Lines before the first gap, from there to the second, and so on."""
        lines = np.array([line for segment in segments for line in segment])
        sets = lines.astype(np.uint8) % SETS
        order = sets.argsort(kind="stable")
        reads = np.bincount(sets, minlength=SETS)
        ends = np.cumsum(reads)
        begins = ends - reads
        found = lines[order]
        previous = np.roll(found, 1)
        # Round after round: a set's last line is there before its first one.
        used = reads > 0
        previous[begins[used]] = found[ends[used] - 1]
        edges = np.cumsum([len(segment) for segment in segments[:-1]])
        before = [np.bincount(sets[:edge], minlength=SETS) for edge in edges]
        return cls(
            reads=reads,
            begins=begins,
            before=np.array(before),
            missed=(found != previous).astype(np.uint8),
            lines=len(set(lines.tolist())),
        )

    @property
    def hits_of_first(self) -> int:
        """Reads that the first round misses beyond what others do, if nothing comes in between."""
        return int((1 - self.missed[self.begins[self.reads > 0]]).sum())


@dataclass(frozen=True)
class Between:
    """What some walks read in the gaps: no line that is fixed. Arrays of (reads,), ordered by
    walk, then by set, then by time."""

    walks: np.ndarray
    sets: np.ndarray
    rounds: np.ndarray
    gaps: np.ndarray
    opens: np.ndarray
    """Whether it is the first of its set, in its walk."""
    differs: np.ndarray
    """Whether it is another line than the one before."""
    rounds_of: np.ndarray
    """(walks,)"""
    warm: np.ndarray
    """(walks,) rounds that are not counted."""

    @classmethod
    def of(
        cls, lines: np.ndarray, gaps: np.ndarray, rounds_of: Sequence[int], warm: Sequence[int]
    ) -> Self:
        """``lines`` (rounds, reads) of all walks one after the other; ``gaps`` (reads,) in which
        they are read."""
        lengths = np.array(rounds_of)
        walk = np.arange(len(lengths)).repeat(lengths)
        rounds = np.arange(len(lines)) - (np.cumsum(lengths) - lengths).repeat(lengths)
        keys = (walk * SETS).astype(np.uint16)[:, None] + (lines % SETS).astype(np.uint16)
        order = keys.ravel().argsort(kind="stable")
        keys, found = keys.ravel()[order], lines.ravel()[order]
        in_round, gap = np.divmod(order, lines.shape[1])
        differs, opens = np.ones(len(order), bool), np.ones(len(order), bool)
        opens[1:] = keys[1:] != keys[:-1]
        differs[1:] = found[1:] != found[:-1]
        return cls(
            walks=walk[in_round],
            sets=keys % SETS,
            rounds=rounds[in_round],
            gaps=gaps[gap],
            opens=opens,
            differs=differs,
            rounds_of=lengths,
            warm=np.array(warm),
        )


def misses_of_rounds(fixed: Fixed, between: Between) -> np.ndarray:
    """(walks,) misses of each walk on an empty cache, but for those of its warm rounds."""
    reads = fixed.reads[between.sets]
    done = fixed.before[between.gaps, between.sets]
    # Reads of the set, in all rounds, that have come before: the same for all between two of them.
    place = between.rounds * reads + done
    opens = between.opens.copy()
    opens[1:] |= place[1:] != place[:-1]
    warm = between.warm[between.walks]
    own = (opens | between.differs) & (between.rounds >= warm)
    # The read that comes next misses in any case. Of an empty cache, so does the first.
    wraps = done == reads
    closes = between.rounds + wraps
    closed = opens & (place > 0) & (closes >= warm) & (closes < between.rounds_of[between.walks])
    closed &= reads > 0
    index = (fixed.begins[between.sets] + np.where(wraps, 0, done))[closed]
    count = len(between.warm)
    missed = np.bincount(between.walks[own], minlength=count)
    walks = between.walks[closed][fixed.missed[index] == 0]
    missed += np.bincount(walks, minlength=count)
    missed += (between.rounds_of - between.warm) * int(fixed.missed.sum())
    return missed + (between.warm == 0) * fixed.hits_of_first
