"""Misses of walks that read the same lines in every round, and in between other ones.

Of the same lines, how many a round misses is known once. What comes in between costs its own
misses, and changes whether the next of those that are always read finds its line.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from .work import SETS

__all__ = ["Between", "Fixed", "misses_of_rounds"]


class Fixed(NamedTuple):
    """Lines that every round reads in the same order."""

    reads: np.ndarray
    """(SETS,) of each set, in a round."""
    begins: np.ndarray
    """(SETS,) where those of each set begin in ``found``."""
    before: np.ndarray
    """(gaps * SETS,) reads of each set before each gap."""
    found: np.ndarray
    """(reads + 1,) lines, set after set; and one that does not exist."""
    previous: np.ndarray
    """(reads + 1,) what the set holds before, in a round that is not the first, if nothing comes in
    between."""
    misses: int
    """Of a round that is not the first, if nothing comes in between."""
    hits_of_first: int
    """Reads that only the first round misses, if nothing comes in between."""

    @classmethod
    def of(cls, segments: Sequence[Sequence[int]]) -> Self:
        """Lines before the first gap, from there to the second, and so on."""
        lines = np.array([line for segment in segments for line in segment])
        sets = lines.astype(np.uint8) % SETS
        order = sets.argsort(kind="stable")
        reads = np.bincount(sets, minlength=SETS)
        ends = np.cumsum(reads)
        begins = ends - reads
        # What follows the last set is asked for by sets that are never read.
        found = np.full(len(lines) + 1, -1)
        found[:-1] = lines[order]
        previous = np.empty_like(found)
        previous[1:] = found[:-1]
        # Round after round: a set's last line is there before its first one.
        used = reads > 0
        first = begins[used]
        previous[first] = found[ends[used] - 1]
        before = np.zeros((len(segments) - 1, SETS), np.int64)
        edge = 0
        for index, segment in enumerate(segments[:-1]):
            edge += len(segment)
            before[index] = np.bincount(sets[:edge], minlength=SETS)
        hits = found == previous
        return cls(
            reads=reads,
            begins=begins,
            before=before.ravel(),
            found=found,
            previous=previous,
            misses=len(lines) - int(np.count_nonzero(hits[:-1])),
            hits_of_first=int(np.count_nonzero(hits[first])),
        )


class Between(NamedTuple):
    """What some walks read in the gaps. Arrays of (reads,), ordered by walk, then by set, then by
    time."""

    lines: np.ndarray
    sets: np.ndarray
    rounds: np.ndarray
    places: np.ndarray
    """In ``Fixed.before``, of the gap and the set."""
    opens: np.ndarray
    """Whether it is the first of its set, in its walk."""
    differs: np.ndarray
    """Whether it is another line than the one before."""
    counts: np.ndarray
    """Whether its round is counted."""
    next_counts: np.ndarray
    """Whether there is another round, and that is counted."""
    begins: np.ndarray
    """(walks,) the first of each."""
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
        lengths, cold = np.array(rounds_of), np.array(warm)
        walk = np.arange(len(lengths)).repeat(lengths)
        rounds = np.arange(len(lines)) - (np.cumsum(lengths) - lengths).repeat(lengths)
        counts, last = rounds >= cold[walk], lengths[walk] - 1
        next_counts = (rounds + 1 >= cold[walk]) & (rounds < last)
        keys = (walk * SETS).astype(np.uint16)[:, None] + lines.astype(np.uint16) % SETS
        order = keys.ravel().argsort(kind="stable")
        keys, found = keys.ravel().take(order), lines.ravel().take(order)
        in_round = order // lines.shape[1]
        gap = order - in_round * lines.shape[1]
        differs, opens = np.ones(len(order), bool), np.ones(len(order), bool)
        opens[1:] = keys[1:] != keys[:-1]
        differs[1:] = found[1:] != found[:-1]
        sets = (keys % SETS).astype(np.intp)
        return cls(
            lines=found,
            sets=sets,
            rounds=rounds[in_round],
            places=gaps[gap] * SETS + sets,
            opens=opens,
            differs=differs,
            counts=counts[in_round],
            next_counts=next_counts[in_round],
            begins=(np.cumsum(lengths) - lengths) * lines.shape[1],
            rounds_of=lengths,
            warm=cold,
        )


def misses_of_rounds(fixed: Fixed, between: Between) -> np.ndarray:
    """(walks,) misses of each walk on an empty cache, but for those of its warm rounds."""
    reads = fixed.reads.take(between.sets)
    done = fixed.before.take(between.places)
    # Reads of the set, in all rounds, that have come before: the same for all between two of them.
    place = between.rounds * reads + done
    opens = between.opens.copy()
    opens[1:] |= place[1:] != place[:-1]
    last = np.ones(len(opens), bool)
    last[:-1] = opens[1:]
    # The fixed read that comes next: of this round, or the first of the next one.
    is_over = done == reads
    index = fixed.begins.take(between.sets) + np.where(is_over, 0, done)
    held = np.where(place > 0, fixed.previous.take(index), -1)
    line = fixed.found.take(index)
    own = np.where(opens, between.lines != held, between.differs) & between.counts
    closed = last & (reads > 0) & np.where(is_over, between.next_counts, between.counts)
    # It misses what it would have found, or finds what it would have missed.
    changes = (held == line).view(np.int8) - (between.lines == line).view(np.int8)
    changes *= closed
    changes += own
    missed = np.add.reduceat(changes, between.begins, dtype=np.int64)
    missed += (between.rounds_of - between.warm) * fixed.misses
    return missed + (between.warm == 0) * fixed.hits_of_first
