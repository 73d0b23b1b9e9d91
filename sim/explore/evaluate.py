"""Evaluates points: what goes on tiles, what each layer costs, and the sums over the network."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.allocate import Allocation, Policy, allocate, without
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.placements import Placements
from tightrope.sim.mapping.plan import TILE_BODIES, Group, LayerPlan, TightSplit
from tightrope.sim.mapping.tiles import is_exact
from tightrope.sim.sweeps.fingerprint import fingerprint
from tightrope.sim.workload.layers import Layer, Network

from .alike import Held, HeldGroups
from .plans import plan_for
from .points import Coupling, Point, with_tiles
from .predictor import Cost, Predictor, total_of
from .rows import Row

__all__ = ["Evaluated", "Evaluator", "LayerCost"]

BODIES = {
    Coupling.NONE: Body.DOT4,
    Coupling.TIGHT: Body.TIGHT,
    Coupling.LOOSE: Body.LOOSE,
    Coupling.STREAM: Body.STREAM,
}
"""How a layer with weights on tiles is computed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One predicted layer of the network."""

    name: str
    op: str
    body: Body
    cost: Cost


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A point with its mapping and its layers."""

    split: TightSplit | None
    allocation: Allocation | None
    """None for the digital baseline."""
    layers: tuple[LayerCost, ...]
    total: Cost


class _Key(NamedTuple):
    """Everything that a layer's cost depends on, beside the network and its base machine."""

    shape: int
    """Of the layers that are equal, the first."""
    harts: int
    coupling: Coupling
    """Of its tiles, NONE without."""
    tiled_harts: int
    """With tight tiles."""
    balance: Balance
    held: int
    """Number of its groups, -1 without."""
    split: TightSplit | None


class _Known(NamedTuple):
    """What is known of a layer that was predicted."""

    body: Body
    """Digital if the layer has groups, but is faster without."""
    cost: Cost


class Evaluator:
    """Evaluates any point of one network; remembers every layer it has predicted.

    ``base`` gives everything of the machines but harts and tiles. Raises the predictor's errors and
    MappingError for what can't be predicted or mapped.
    """

    def __init__(
        self,
        network: Network,
        base: ClusterConfig,
        predictor: Predictor,
        policy: Policy = "macs_per_weight",
    ) -> None:
        self.network = network
        self.base = base
        self.predictor = predictor
        self.policy: Policy = policy
        self._content = fingerprint(network, predictor.identity, predictor.profile, policy)
        self._layers = [dataclasses.replace(layer, name=layer.op) for layer in network.layers]
        self._shapes = [self._layers.index(layer) for layer in self._layers]
        self._held = HeldGroups()
        self._allocations: dict[tuple[ClusterConfig, TightSplit, float], Allocation] = {}
        self._placements = Placements()
        self._costs: dict[_Key, _Known] = {}
        self._least: dict[_Key, float] = {}
        """Cycles of layers that nobody has predicted yet, at the least."""
        self._baselines: dict[int, Cost] = {}

    def key(self, point: Point) -> str:
        """The identity of a point's row."""
        machine = point.machine(self.base).to_dict()
        return fingerprint(
            self._content, machine, point.coupling, point.tiles, point.balance, point.coverage
        )

    def row(self, point: Point, key: str | None = None) -> Row:
        """A point's row of results; ``key`` is the point's, for those who know it."""
        found = self.evaluate(point)
        baseline, total, allocation = self._baseline(point.harts), found.total, found.allocation
        low, high = total.interval(self.predictor.shared_ratio)
        machine = point.machine(self.base)
        return Row(
            key=key or self.key(point),
            network=self.network.name,
            harts=point.harts,
            coupling=point.coupling.value,
            tiles=point.tiles,
            tiled_harts=point.tiled_harts,
            tiles_used=allocation.used_tiles if allocation else 0,
            balance=point.balance.name.lower(),
            split=found.split.value if found.split else "",
            policy=self.policy,
            profile=self.predictor.profile,
            asked_coverage=point.coverage if allocation else 0.0,
            coverage=allocation.coverage if allocation else 0.0,
            mac_coverage=allocation.mac_coverage if allocation else 0.0,
            model_cycles=total.model_cycles,
            model_low_cycles=low,
            model_high_cycles=high,
            model_energy_pj=total.model_energy_pj,
            speedup=baseline.model_cycles / total.model_cycles,
            energy_gain=baseline.model_energy_pj / total.model_energy_pj,
            model_area_mm2=self.predictor.area_mm2(machine),
            uncalibrated_ratio=total.uncalibrated_ratio,
            extrapolated_ratio=total.extrapolated_ratio,
            machine_hash=machine.hash,
            terms=dict(total.terms),
            energy=dict(total.energy),
        )

    def _baseline(self, harts: int) -> Cost:
        if harts not in self._baselines:
            digital = Point(harts=harts, coupling=Coupling.NONE, tiles=0, balance=Balance.STATIC)
            self._baselines[harts] = self.evaluate(digital).total
        return self._baselines[harts]

    def evaluate(self, point: Point) -> Evaluated:
        """A point, layer by layer; of both ways to use tight tiles the better one."""
        if point.coupling is Coupling.NONE:
            return self._evaluated(point, None)
        splits: Iterable[TightSplit] = [TightSplit.REPLICATE]
        if point.coupling is Coupling.TIGHT and point.harts > 1:
            # Harts without a tile would give other outputs than tiles that are not exact.
            alike = point.tiled_harts == point.harts or is_exact(self.base.tile)
            splits = TightSplit if alike else [TightSplit.CHANNELS]
        allocations = [self._allocation(point, split) for split in splits]
        # What leaves more digital is often slower for that alone.
        first = max(allocations, key=lambda found: found.mac_coverage)
        best = self._evaluated(point, first)
        tried = [
            best if allocation is first else self._evaluated(point, allocation)
            for allocation in allocations
            if allocation is first
            or self._least_cycles(point, allocation) <= best.total.model_cycles
        ]
        return min(tried, key=lambda choice: choice.total.model_cycles)

    def _least_cycles(self, point: Point, allocation: Allocation) -> float:
        """That a point with tight tiles takes at the least."""
        machine = point.machine(self.base)
        cycles = 0.0
        for key, held in self._keys(point, allocation):
            if key in self._costs:
                cycles += self._costs[key].cost.model_cycles
                continue
            if key not in self._least:
                layer, groups = self._layers[key.shape], held.groups if held else ()
                self._least[key] = self.predictor.least_cycles(layer, groups, machine)
            cycles += self._least[key]
        return cycles

    def _allocation(self, point: Point, split: TightSplit) -> Allocation:
        # Whether tiles stream makes no difference to what is on them.
        kind = Coupling.TIGHT if point.coupling is Coupling.TIGHT else Coupling.LOOSE
        machine = dataclasses.replace(point, coupling=kind).machine(self.base)
        key = (machine, split, point.coverage)
        if key not in self._allocations:
            self._allocations[key] = allocate(
                self.network,
                machine,
                "tight" if kind is Coupling.TIGHT else "loose",
                self.policy,
                split,
                point.coverage,
                placements=self._placements,
            )
        return self._allocations[key]

    def _evaluated(self, point: Point, allocation: Allocation | None) -> Evaluated:
        keys = self._keys(point, allocation)
        self._predict({key: held for key, held in keys if key not in self._costs})
        known = [self._costs[key] for key, _ in keys]
        layers = tuple(
            LayerCost(name=layer.name, op=layer.op.value, body=found.body, cost=found.cost)
            for layer, found in zip(self.network.layers, known, strict=True)
        )
        if allocation:
            on_tiles = [found.body in TILE_BODIES for found in known]
            allocation = without(allocation, self.network, point.tiled_harts, on_tiles)
        total = total_of([found.cost for found in known])
        split = allocation.split if allocation else None
        return Evaluated(split=split, allocation=allocation, layers=layers, total=total)

    def _keys(
        self, point: Point, allocation: Allocation | None
    ) -> list[tuple[_Key, Held | None]]:
        """What each layer's cost depends on, and its groups."""
        groups = allocation.groups if allocation else (None,) * len(self.network.layers)
        split = allocation.split if allocation else None
        keys: list[tuple[_Key, Held | None]] = []
        for shape, of_layer in zip(self._shapes, groups, strict=True):
            held = None if of_layer is None else self._held.of(of_layer)
            if held is None:
                key = _Key(shape, point.harts, Coupling.NONE, 0, point.balance, -1, None)
            else:
                key = _Key(
                    shape, point.harts, point.coupling, point.tiled_harts, point.balance,
                    held.number, split,
                )  # fmt: skip
            keys.append((key, held))
        return keys

    def _predict(self, wanted: Mapping[_Key, Held | None]) -> None:
        """Predict layers, all in one call."""
        work: list[tuple[Layer, LayerPlan, ClusterConfig]] = []
        for key, held in wanted.items():
            machine = with_tiles(
                self.base, key.harts, key.coupling, held.tiles if held else 0, key.tiled_harts
            )
            layer, groups = self._layers[key.shape], held.groups if held else ()
            plan = _plan(layer, machine, key, groups)
            if key.balance is Balance.STEAL:
                plan = self.predictor.helped(layer, plan, machine)
            work.append((layer, plan, machine))
        costs = self.predictor.costs(work)
        for key, (_, plan, _), cost in zip(wanted, work, costs, strict=True):
            self._costs[key] = _Known(plan.body, cost)


def _plan(
    layer: Layer, machine: ClusterConfig, key: _Key, groups: tuple[Group, ...]
) -> LayerPlan:
    """What can't be streamed is moved by loads and stores."""
    body = BODIES[key.coupling]
    if body is Body.STREAM:
        try:
            return plan_for(layer, machine, body, key.balance, groups)
        except MappingError:
            body = Body.LOOSE
    return plan_for(layer, machine, body, key.balance, groups, key.split)
