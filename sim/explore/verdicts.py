"""Which coupling wins at each tile budget, and whether the model can tell.

**The margin** is ``slower / faster - 1`` in predicted cycles of the best balancing of each.

**The model error** beside it is that of the margin. The model is wrong by
``mean_abs_error`` (a fraction, from layers that the fit never saw) on what is calibrated, each
prediction for itself, so two of them add as independent errors do. Of what is not calibrated no
error is known; but it is mostly the same work on both sides, so only the difference of the two
counts, and it counts in full:

    error = (hypot(e * K_fast, e * K_slow) + |U_fast - U_slow|) / (K_fast + U_fast)

with K the calibrated and U the uncalibrated cycles. A margin within it is too close to call.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from .points import Coupling
from .rows import Row
from .words import percent

__all__ = ["TOO_CLOSE", "Verdict", "judge", "margin_error"]

TOO_CLOSE = "too close to call"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer for one number of harts and one tile budget."""

    best: Row
    """The fastest point with tiles, whether or not the model can tell it from the next."""
    runner_up: Row
    """The best of the other coupling; the digital baseline where only one can be built."""
    margin: float
    """By what fraction ``best`` is faster; negative if digital is faster still."""
    model_error: float
    """The error of ``margin``, as a fraction."""

    @property
    def coupling(self) -> str:
        """tight, loose, or too close to call."""
        return TOO_CLOSE if abs(self.margin) <= self.model_error else self.best.coupling

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
        error = f"model error {percent(self.model_error)}"
        if self.is_only:
            which = f"only {self.best.coupling} was possible"
            if abs(self.margin) <= self.model_error:
                return f"{which}, and too close to digital to call, {error}"
            side = "faster" if self.margin > 0 else "slower"
            return f"{which}: {percent(abs(self.margin))} {side} than digital, {error}"
        if self.coupling == TOO_CLOSE:
            return f"{TOO_CLOSE}: {self.best.coupling} by {percent(self.margin)}, {error}{digital}"
        return f"{self.coupling} wins by {percent(self.margin)}, {error}{digital}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the fields of ``summary.json``."""
        return {
            "harts": self.best.harts,
            "tiles": self.best.tiles,
            "coverage": self.best.coverage,
            "mac_coverage": self.best.mac_coverage,
            "coupling": self.coupling,
            "balance": self.best.balance,
            "split": self.best.split,
            "speedup": self.best.speedup,
            "energy_gain": self.best.energy_gain,
            "margin": self.margin,
            "model_error": self.model_error,
            "fastest": self.best.coupling,
            "runner_up": "digital" if self.is_only else self.runner_up.coupling,
            "bound_by": self.bound_by,
            "uncalibrated_ratio": self.best.uncalibrated_ratio,
            "words": self.words(),
        }


def judge(rows: Sequence[Row], mean_abs_error: float) -> list[Verdict]:
    """A verdict for each number of harts and tile budget of ``rows``, in their order."""
    best: dict[tuple[int, int], dict[str, Row]] = {}
    for row in rows:
        of_budget = best.setdefault((row.harts, row.tiles), {})
        rival = of_budget.get(row.coupling)
        if rival is None or row.model_cycles < rival.model_cycles:
            of_budget[row.coupling] = row
    verdicts = []
    for (harts, tiles), of_budget in best.items():
        if not tiles:
            continue
        ranked = sorted(of_budget.values(), key=lambda row: row.model_cycles)
        second = ranked[1] if len(ranked) > 1 else best[harts, 0][Coupling.NONE]
        verdicts.append(
            Verdict(
                best=ranked[0],
                runner_up=second,
                margin=second.model_cycles / ranked[0].model_cycles - 1,
                model_error=margin_error(ranked[0], second, mean_abs_error),
            )
        )
    return verdicts


def margin_error(fast: Row, slow: Row, mean_abs_error: float) -> float:
    """The error of ``slow / fast - 1``; see the formula above."""
    unknown = [row.uncalibrated_ratio * row.model_cycles for row in (fast, slow)]
    known = [row.model_cycles - part for row, part in zip((fast, slow), unknown, strict=True)]
    independent = math.hypot(mean_abs_error * known[0], mean_abs_error * known[1])
    return (independent + abs(unknown[0] - unknown[1])) / fast.model_cycles
