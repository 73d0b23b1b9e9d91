"""Which coupling wins at each tile budget, and how sure that is.

**The margin** is ``slower / faster - 1`` in predicted cycles of the best point of the fastest
coupling and of the next. **The confidence** is the share of samples over what the model may be
wrong in (``sim.explore.confidence``) in which the fastest one is faster than all others. Below 90 %
it is too close to call.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from .confidence import Samples, compare
from .points import Coupling
from .rows import Row
from .words import percent, sureness

__all__ = ["SURE", "TOO_CLOSE", "Verdict", "judge"]

TOO_CLOSE = "too close to call"
UNSTREAMED_FIELDS = (
    *("coupling", "fastest", "runner_up", "margin", "model_error", "confidence"),
    *("energy_confidence", "balance", "speedup", "energy_gain", "model_cycles", "words"),
)
SURE = 0.9
"""The confidence from which on there is a winner."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer for one number of harts and one tile budget."""

    best: Row
    """The fastest point with tiles, whether or not the model can tell it from the next."""
    runner_up: Row
    """The best of the next coupling; the digital baseline where only one can be built."""
    margin: float
    """By what fraction ``best`` is faster; negative if digital is faster still."""
    model_error: float
    """Half the width of the 90 % interval of ``margin``, as a fraction."""
    confidence: float
    """The share of samples in which ``best`` is faster than all other couplings."""
    energy_confidence: float
    """The share of samples in which it needs less energy."""
    unstreamed: "Verdict | None" = None
    """The same among couplings that don't stream; None if none does."""

    @property
    def is_sure(self) -> bool:
        """Whether which one is fastest can be told."""
        return self._certainty >= SURE

    @property
    def _certainty(self) -> float:
        """Of what ``margin`` says: if that is negative, that ``runner_up`` is faster."""
        return self.confidence if self.margin >= 0 else 1 - self.confidence

    @property
    def coupling(self) -> str:
        """tight, loose, stream, or too close to call."""
        return self.best.coupling if self.is_sure else TOO_CLOSE

    @property
    def is_only(self) -> bool:
        """Whether no other coupling was there to compare with."""
        return self.runner_up.coupling == Coupling.NONE

    @property
    def bound_by(self) -> str:
        """The largest term of the best point."""
        return max(self.best.terms, key=self.best.terms.__getitem__, default="")

    def words(self) -> str:
        """The verdict as a sentence without a full stop."""
        digital = "; digital is faster still" if self.best.speedup < 1 else ""
        by = f"{percent(self.margin)} (+- {percent(self.model_error)})"
        sure = f"confidence {sureness(self._certainty)}"
        if self.is_only:
            which = f"only {self.best.coupling} was possible"
            if not self.is_sure:
                return f"{which}, and too close to digital to call: {by}, {sure}"
            side = "faster" if self.margin > 0 else "slower"
            return f"{which}: {by.removeprefix('-')} {side} than digital, {sure}"
        over = f"over {self.runner_up.coupling} by"
        if not self.is_sure:
            return f"{TOO_CLOSE}: {self.best.coupling} {over} {by}, {sure}{digital}"
        return f"{self.coupling} wins {over} {by}, {sure}{digital}"

    def every_word(self) -> list[str]:
        """The verdict, and if tiles stream, what it would be if they didn't."""
        if self.unstreamed is None:
            return [self.words()]
        return [self.words(), f"without streaming: {self.unstreamed.words()}"]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the fields of ``summary.json``."""
        plain = self.unstreamed
        return {
            "unstreamed": plain and {name: plain.to_dict()[name] for name in UNSTREAMED_FIELDS},
            "harts": self.best.harts,
            "tiled_harts": self.best.tiled_harts,
            "tiles": self.best.tiles,
            "coverage": self.best.coverage,
            "mac_coverage": self.best.mac_coverage,
            "coupling": self.coupling,
            "balance": self.best.balance,
            "split": self.best.split,
            "speedup": self.best.speedup,
            "energy_gain": self.best.energy_gain,
            "model_area_mm2": self.best.model_area_mm2,
            "margin": self.margin,
            "model_error": self.model_error,
            "confidence": self.confidence,
            "energy_confidence": self.energy_confidence,
            "fastest": self.best.coupling,
            "runner_up": "digital" if self.is_only else self.runner_up.coupling,
            "bound_by": self.bound_by,
            "model_cycles": self.best.model_cycles,
            "model_low_cycles": self.best.model_low_cycles,
            "model_high_cycles": self.best.model_high_cycles,
            "uncalibrated_ratio": self.best.uncalibrated_ratio,
            "extrapolated_ratio": self.best.extrapolated_ratio,
            "words": self.words(),
        }


def judge(rows: Sequence[Row], samples: Samples) -> list[Verdict]:
    """A verdict for each number of harts and tile budget of ``rows``, in their order."""
    found = _judged(rows, samples)
    unstreamed = [row for row in rows if row.coupling != Coupling.STREAM]
    if len(unstreamed) == len(rows):
        return found
    others = {
        (verdict.best.harts, verdict.best.tiles): verdict
        for verdict in _judged(unstreamed, samples)
    }
    return [
        dataclasses.replace(
            verdict, unstreamed=others.get((verdict.best.harts, verdict.best.tiles))
        )
        for verdict in found
    ]


def _judged(rows: Sequence[Row], samples: Samples) -> list[Verdict]:
    best: dict[tuple[int, int], dict[str, Row]] = {}
    for row in rows:
        of_budget = best.setdefault((row.harts, row.tiles), {})
        rival = of_budget.get(row.coupling)
        if rival is None or row.model_cycles < rival.model_cycles:
            of_budget[row.coupling] = row
    contests = []
    for (harts, tiles), of_budget in best.items():
        if not tiles:
            continue
        ranked = sorted(of_budget.values(), key=lambda row: row.model_cycles)
        contests.append(ranked if len(ranked) > 1 else [*ranked, best[harts, 0][Coupling.NONE]])
    return [
        Verdict(
            best=ranked[0],
            runner_up=ranked[1],
            margin=ranked[1].model_cycles / ranked[0].model_cycles - 1,
            model_error=found.margin_error,
            confidence=found.confidence,
            energy_confidence=found.energy_confidence,
        )
        for ranked, found in zip(contests, compare(contests, samples), strict=True)
    ]
