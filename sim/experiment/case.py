"""A case: one layer, on one machine, in one way; what is measured of it on RTL."""

import dataclasses

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import TILE_BODIES, LayerPlan, TightSplit
from tightrope.sim.workload.layers import Layer

__all__ = ["Case", "Measurement", "NOMINAL_LOOSE_TILES", "plan_case"]


NOMINAL_LOOSE_TILES = 8
"""Loose tiles of the machine that is calibrated, and on which single layers run by default: one
simulator serves all of that, and the blocks of most layers find a tile each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What to run. Weights, inputs and scales are random, from ``seed``."""

    layer: Layer
    machine: ClusterConfig
    body: Body = Body.DOT4
    balance: Balance = Balance.STATIC
    split: TightSplit | None = None
    seed: int = 0
    plan: LayerPlan | None = None
    """Run this plan instead of the one that ``plan_case`` would make."""

    @property
    def name(self) -> str:
        """Names the case in tables: layer, body, harts, balancing."""
        split = f"/{self.split}" if self.body is Body.TIGHT and self.split else ""
        body = f"{self.body.name.lower()}{split}"
        return f"{self.layer.name} {body} {self.machine.harts}h {self.balance.name.lower()}"


def plan_case(case: Case) -> LayerPlan:
    """The layer alone on its machine: resident if it fits the tiles, in several passes if not.

    Raises MappingError for a combination that can't run.
    """
    if case.plan is not None:
        return case.plan
    if case.body not in TILE_BODIES:
        return plan_layer(case.layer, case.machine, case.body, case.balance)
    split = case.split if case.body is Body.TIGHT else None
    groups = single_layer_groups(case.layer, case.machine, case.body, split)
    return plan_layer(
        case.layer, case.machine, case.body, case.balance, groups=groups, split=split
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the RTL did with a case."""

    case: Case
    plan: LayerPlan
    rtl_cycles: int
    """From the barrier before the layer to the barrier after it; programming of tiles excluded."""
    program_cycles: int
    """Of programming resident weights, before the layer."""
    hart_counters: np.ndarray
    """(harts, HartCounter) int64, of the layer alone."""
    tile_counters: np.ndarray
    """(tiles, TileStatusReg) int64; tight tiles hart by hart, then the loose ones."""
    machine_counters: np.ndarray
    """(MachineCounter,) int64, of the layer and a little before and after it."""
    mismatches: int
    """Outputs that differ from golden, plus guard violations; 0 for a correct run."""
    problem: str = ""
    """The first mismatch in words."""

    def hart(self, counter: HartCounter) -> np.ndarray:
        """(harts,) int64: one counter of every hart."""
        return self.hart_counters[:, counter]

    def tile(self, counter: TileStatusReg) -> np.ndarray:
        """(tiles,) int64: one counter of every tile."""
        return self.tile_counters[:, counter]

    def machine(self, counter: MachineCounter) -> int:
        """One counter of what all harts share."""
        return int(self.machine_counters[counter])
