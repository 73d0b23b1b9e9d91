"""Everything one exploration found, and what of it goes into summary.json."""

import dataclasses
from typing import Any

from tightrope.hw.config import ClusterConfig
from tightrope.sim.workload.layers import Network

from .evaluate import Evaluated
from .front import front_dicts
from .live import LiveCheck
from .predictor import Predictor
from .sweep import SweepResult
from .verdicts import Verdict

__all__ = ["Outcome"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a report is made of."""

    network: Network
    base: ClusterConfig
    predictor: Predictor
    sweep: SweepResult
    skipped: tuple[str, ...]
    """Points that can't exist, a sentence each."""
    verdicts: tuple[Verdict, ...]
    live: tuple[LiveCheck, ...]
    live_note: str
    """Why there was no live check, if there was none."""
    shown: dict[str, Evaluated]
    """Points whose layers the report shows, by title."""

    def summary(self) -> dict[str, Any]:
        """Plain data: ``summary.json``."""
        return {
            "model": self.network.name,
            "points": len(self.sweep.rows),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "pareto": front_dicts(self.sweep.rows),
            "live_checks": [check.to_dict() for check in self.live],
            "live_note": self.live_note,
            "skipped": list(self.skipped),
            "mean_abs_error": self.predictor.mean_abs_error,
            "worst_abs_error": self.predictor.worst_abs_error,
            "network": {
                "layers": len(self.network.layers),
                "params": self.network.params,
                "macs": self.network.macs,
                "notes": list(self.network.notes),
            },
            "profile": self.predictor.profile,
            "machine": self.base.to_dict(),
            "rows": [row.to_dict() for row in self.sweep.rows],
        }
