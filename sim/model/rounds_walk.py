"""Misses of walks that read the same lines in every round, and in between other ones.

Of the same lines, how many a round misses is known once. What comes in between costs its own
misses, and changes whether the next of those that are always read finds its line.
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
    """(SETS,) where those of each set begin in ``found``."""
    before: np.ndarray
    """(gaps, SETS) reads of each set before each gap."""
    found: np.ndarray
    """(reads,) lines, set after set."""
    previous: np.ndarray
    """(reads,) what the set holds before, in a round that is not the first, if nothing comes in
    between."""
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
            found=found,
            previous=previous,
        )

    @property
    def misses(self) -> int:
        """Of a round that is not the first, if nothing comes in between."""
        return int(np.count_nonzero(self.found != self.previous))

    @property
    def hits_of_first(self) -> int:
        """Reads that only the first round misses, if nothing comes in between."""
        first = self.begins[self.reads > 0]
        return int(np.count_nonzero(self.found[first] == self.previous[first]))


@dataclass(frozen=True)
class Between:
    """What some walks read in the gaps. Arrays of (reads,), ordered by walk, then by set, then by
    time."""

    walks: np.ndarray
    lines: np.ndarray
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
            lines=found,
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
    last = np.append(opens[1:], True)
    # The fixed read that comes next: of this round, or the first of the next one.
    follows = between.rounds + (done == reads)
    index = fixed.begins[between.sets] + np.where(done == reads, 0, done)
    some = reads > 0
    index[~some] = 0
    held = np.where(some & (place > 0), fixed.previous[index], -1)
    warm = between.warm[between.walks]
    own = np.where(opens, between.lines != held, between.differs) & (between.rounds >= warm)
    closed = last & some & (follows >= warm) & (follows < between.rounds_of[between.walks])
    line = fixed.found[index]
    more = closed & (between.lines != line) & (held == line)
    less = closed & (between.lines == line) & (held != line)
    count = len(between.warm)
    missed = np.bincount(between.walks[own], minlength=count)
    missed += np.bincount(between.walks[more], minlength=count)
    missed -= np.bincount(between.walks[less], minlength=count)
    missed += (between.rounds_of - between.warm) * fixed.misses
    return missed + (between.warm == 0) * fixed.hits_of_first
