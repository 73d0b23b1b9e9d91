"""Evaluates points: what goes on tiles, what each layer costs, and the sums over the network."""

import dataclasses
from collections.abc import Iterable, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.allocate import Allocation, Policy, allocate
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.placements import Placements
from tightrope.sim.mapping.plan import Chunk, Group, LayerPlan, TightSplit
from tightrope.sim.sweeps.fingerprint import fingerprint
from tightrope.sim.workload.layers import Layer, LayerOp, Network

from .points import Coupling, Point
from .predictor import Cost, Predictor
from .rows import Row

__all__ = ["Evaluated", "Evaluator", "LayerCost", "plan_for"]


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Key:
    """Everything that a layer's cost depends on."""

    shape: Layer
    machine: ClusterConfig
    body: Body
    balance: Balance
    groups: tuple[Group, ...]
    split: TightSplit | None


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
        self._shapes = [dataclasses.replace(layer, name=layer.op) for layer in network.layers]
        self._allocations: dict[tuple[ClusterConfig, TightSplit, float], Allocation] = {}
        self._placements = Placements()
        self._costs: dict[_Key, Cost] = {}
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
        if point.harts not in self._baselines:
            digital = Point(
                harts=point.harts, coupling=Coupling.NONE, tiles=0, balance=Balance.STATIC
            )
            self._baselines[point.harts] = self.evaluate(digital).total
        baseline, total, allocation = self._baselines[point.harts], found.total, found.allocation
        return Row(
            key=key or self.key(point),
            network=self.network.name,
            harts=point.harts,
            coupling=point.coupling.value,
            tiles=point.tiles,
            tiles_used=allocation.used_tiles if allocation else 0,
            balance=point.balance.name.lower(),
            split=found.split.value if found.split else "",
            policy=self.policy,
            profile=self.predictor.profile,
            asked_coverage=point.coverage if allocation else 0.0,
            coverage=allocation.coverage if allocation else 0.0,
            mac_coverage=allocation.mac_coverage if allocation else 0.0,
            model_cycles=total.model_cycles,
            model_energy_pj=total.model_energy_pj,
            speedup=baseline.model_cycles / total.model_cycles,
            energy_gain=baseline.model_energy_pj / total.model_energy_pj,
            uncalibrated_ratio=total.uncalibrated_cycles / total.model_cycles,
            machine_hash=point.machine(self.base).hash,
            terms=dict(total.terms),
            energy=dict(total.energy),
        )

    def evaluate(self, point: Point) -> Evaluated:
        """A point, layer by layer; of both ways to use tight tiles the better one."""
        if point.coupling is Coupling.NONE:
            return self._evaluated(point, None)
        splits: Iterable[TightSplit] = [TightSplit.REPLICATE]
        if point.coupling is Coupling.TIGHT and point.harts > 1:
            splits = TightSplit
        tried = [self._evaluated(point, self._allocation(point, split)) for split in splits]
        return min(tried, key=lambda choice: choice.total.model_cycles)

    def _allocation(self, point: Point, split: TightSplit) -> Allocation:
        machine = point.machine(self.base)
        key = (machine, split, point.coverage)
        if key not in self._allocations:
            coupling = "tight" if point.coupling is Coupling.TIGHT else "loose"
            self._allocations[key] = allocate(
                self.network,
                machine,
                coupling,
                self.policy,
                split,
                point.coverage,
                self._placements,
            )
        return self._allocations[key]

    def _evaluated(self, point: Point, allocation: Allocation | None) -> Evaluated:
        machine = point.machine(self.base)
        body = Body.TIGHT if point.coupling is Coupling.TIGHT else Body.LOOSE
        split = allocation.split if allocation else None
        groups = allocation.groups if allocation else (None,) * len(self.network.layers)
        bodies = [Body.DOT4 if held is None else body for held in groups]
        keys = [
            _Key(
                shape=shape,
                machine=machine if held else _without_tiles(machine),
                body=used,
                balance=point.balance,
                groups=held or (),
                split=split if held else None,
            )
            for shape, held, used in zip(self._shapes, groups, bodies, strict=True)
        ]
        self._predict([key for key in dict.fromkeys(keys) if key not in self._costs], machine)
        layers = tuple(
            LayerCost(name=layer.name, op=layer.op.value, body=used, cost=self._costs[key])
            for layer, used, key in zip(self.network.layers, bodies, keys, strict=True)
        )
        total = sum((layer.cost for layer in layers), Cost())
        return Evaluated(split=split, allocation=allocation, layers=layers, total=total)

    def _predict(self, keys: Sequence[_Key], machine: ClusterConfig) -> None:
        work = [
            (
                key.shape,
                plan_for(key.shape, machine, key.body, key.balance, key.groups, key.split),
            )
            for key in keys
        ]
        self._costs.update(zip(keys, self.predictor.costs(work, machine), strict=True))


def _without_tiles(machine: ClusterConfig) -> ClusterConfig:
    """Idle tiles change nothing: they are non-volatile, and digital code never sees them."""
    return dataclasses.replace(machine, tight_tiles_per_hart=0, tight_harts=None, loose_tiles=0)


def plan_for(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    groups: tuple[Group, ...] = (),
    split: TightSplit | None = None,
) -> LayerPlan:
    """The plan of one layer, also where the mapping has none.

    Elementwise work is split evenly over the harts. Tight tiles that hold different channels can't
    take each other's work, so those layers stay static under stealing.
    """
    if layer.op is LayerOp.ELEMENTWISE:
        return _elementwise_plan(layer, machine.harts)
    if split is TightSplit.CHANNELS:
        balance = Balance.STATIC
    return plan_layer(layer, machine, body, balance, groups=groups, split=split)


def _elementwise_plan(layer: Layer, harts: int) -> LayerPlan:
    edges = [layer.pixels * hart // harts for hart in range(harts + 1)]
    chunks = tuple(
        Chunk(pixel_begin=edges[hart], pixel_end=edges[hart + 1], begin=0, end=layer.out_shape[2])
        for hart in range(harts)
    )
    return LayerPlan(
        body=Body.DOT4,
        balance=Balance.STATIC,
        chunks=chunks,
        hart_first=tuple(range(harts + 1)),
    )
