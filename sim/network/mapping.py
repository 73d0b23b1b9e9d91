"""How a whole network runs on a machine: what is on tiles, and who computes what."""

import dataclasses
import enum
from collections.abc import Callable, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.allocate import Allocation, Policy, allocate, without
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.mixed import plan_mixed
from tightrope.sim.mapping.plan import Group, LayerPlan, TightSplit
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.helping import helped_plan
from tightrope.sim.model.predict import predict_layer
from tightrope.sim.model.sequence import predict_sequence
from tightrope.sim.workload.layers import Layer, LayerOp, Network

from .errors import NetworkError
from .pipeline import single_hart_plan, stages_of

__all__ = ["Balancing", "NetworkMapping", "map_network"]


class Balancing(enum.StrEnum):
    """How the work of a network reaches the harts."""

    STATIC = "static"
    """Each layer is cut into equal shares."""
    WEIGHTED = "weighted"
    """Each layer is cut so that the model sees all harts end together, with tiles or without."""
    PIPELINE = "pipeline"
    """Consecutive layers to harts, several inputs on their way."""
    STEAL = "steal"
    """The same in pieces, and a hart that is done goes on with those of others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkMapping:
    """Every layer's plan."""

    network: Network
    machine: ClusterConfig
    balancing: Balancing
    allocation: Allocation | None
    """None: all digital."""
    plans: tuple[LayerPlan, ...]
    """Of each layer of ``network``."""
    stage_harts: tuple[int, ...] = ()
    """PIPELINE: the hart of each layer."""


def map_network(
    network: Network,
    machine: ClusterConfig,
    *,
    coupling: str,
    balancing: Balancing,
    calibration: Calibration,
    policy: Policy = "macs_per_weight",
    coverage: float = 1.0,
) -> NetworkMapping:
    """Maps all layers of ``network``; ``coupling`` is none, tight or loose.

    Of the two ways to use tight tiles (weights on every hart, or channels shared out) the one that
    the model prefers. Raises MappingError or NetworkError for what can't run, ModelError if a
    decision needs the model and that has no cost for a layer.
    """
    for layer in network.layers:
        if layer.op is LayerOp.ELEMENTWISE:
            raise NetworkError(f"layer {layer.name}: {layer.source_op} has no kernel to run")
    if balancing is Balancing.PIPELINE:
        return _pipelined(network, machine, coupling, calibration, policy, coverage)
    if coupling == "none":
        plans = _plans(network, machine, None, balancing, calibration)
        return NetworkMapping(
            network=network, machine=machine, balancing=balancing, allocation=None, plans=plans
        )
    splits = [TightSplit.REPLICATE]
    if coupling == "tight" and machine.harts > 1:
        splits = list(TightSplit)
    found = []
    for split in splits:
        allocation = allocate(network, machine, coupling, policy, split, coverage)
        plans = _plans(network, machine, allocation, balancing, calibration)
        found.append(
            NetworkMapping(
                network=network, machine=machine, balancing=balancing,
                # Layers that were given tiles may be faster without.
                allocation=without(
                    allocation, network, machine.tiled_harts, [bool(p.groups) for p in plans]
                ),
                plans=plans,
            )
        )  # fmt: skip
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda mapping: _model_cycles(mapping, calibration))


def _model_cycles(mapping: NetworkMapping, calibration: Calibration) -> float:
    layers = zip(mapping.network.layers, mapping.plans, strict=True)
    found = predict_sequence([(*one, mapping.machine) for one in layers], calibration)
    return sum(one.model_cycles for one in found)


def _plans(
    network: Network,
    machine: ClusterConfig,
    allocation: Allocation | None,
    balancing: Balancing,
    calibration: Calibration,
) -> tuple[LayerPlan, ...]:
    plans = []
    for index, layer in enumerate(network.layers):
        groups = allocation.groups[index] if allocation else None
        balance = Balance.STEAL if balancing is Balancing.STEAL else Balance.STATIC
        # Nobody else holds the weights of channels that are shared out.
        owned = groups and allocation and allocation.split is TightSplit.CHANNELS
        even = Balance.STATIC if owned else balance
        plan = _plan(layer, machine, allocation, groups, even)
        if balancing is not Balancing.STATIC:
            plan = helped_plan(layer, plan, machine, balance, calibration)
        plans.append(plan)
    return tuple(plans)


def _plan(
    layer: Layer,
    machine: ClusterConfig,
    allocation: Allocation | None,
    groups: Sequence[Group] | None,
    balance: Balance,
) -> LayerPlan:
    if not groups or allocation is None:
        return plan_layer(layer, machine, Body.DOT4, balance)
    split = allocation.split
    return _on_tiles(
        allocation.coupling,
        machine,
        lambda body: plan_mixed(layer, machine, body, balance, groups=groups, split=split),
    )


def _on_tiles(
    coupling: str, machine: ClusterConfig, plan: Callable[[Body], LayerPlan]
) -> LayerPlan:
    """What ``plan`` makes of the body that uses the tiles best; the last one can run any layer."""
    if coupling == "tight":
        return plan(Body.TIGHT)
    if machine.stream_ports:
        try:
            return plan(Body.STREAM)
        except MappingError:
            # Not every layer can be streamed.
            pass
    return plan(Body.LOOSE)


def _pipelined(
    network: Network,
    machine: ClusterConfig,
    coupling: str,
    calibration: Calibration,
    policy: Policy,
    coverage: float,
) -> NetworkMapping:
    """Stages of about equal length; then, for tight tiles, what each hart's own layers put on them.

    The lengths are those of the layers as they are without tiles first, and again with them: which
    layers are on tiles depends on the stages, and the other way round.
    """
    plans = [single_hart_plan(layer, machine, 0, None, ()) for layer in network.layers]
    allocation = None
    harts: tuple[int, ...] = ()
    for _ in range(2):
        cycles = [
            predict_layer(layer, plan, machine, calibration).model_cycles
            for layer, plan in zip(network.layers, plans, strict=True)
        ]
        harts = stages_of(cycles, machine.harts)
        groups: list[tuple[Group, ...] | None] = [None] * len(harts)
        if coupling != "none":
            allocation = _stage_allocation(network, machine, coupling, policy, coverage, harts)
            groups = list(allocation.groups)
        plans = [
            _stage_plan(layer, machine, coupling, hart, held)
            for layer, hart, held in zip(network.layers, harts, groups, strict=True)
        ]
    return NetworkMapping(
        network=network, machine=machine, balancing=Balancing.PIPELINE, allocation=allocation,
        plans=tuple(plans), stage_harts=harts,
    )  # fmt: skip


def _stage_plan(
    layer: Layer,
    machine: ClusterConfig,
    coupling: str,
    hart: int,
    groups: tuple[Group, ...] | None,
) -> LayerPlan:
    if not groups:
        return single_hart_plan(layer, machine, hart, None, ())
    return _on_tiles(
        coupling, machine, lambda body: single_hart_plan(layer, machine, hart, body, groups)
    )


def _stage_allocation(
    network: Network,
    machine: ClusterConfig,
    coupling: str,
    policy: Policy,
    coverage: float,
    harts: Sequence[int],
) -> Allocation:
    """Loose: the network's. Tight: each hart's layers on its own tiles, up to the same coverage."""
    if coupling == "loose":
        return allocate(network, machine, "loose", policy, coverage=coverage, stages=harts)
    alone = dataclasses.replace(machine, harts=1, tight_harts=None)
    groups: list[tuple[Group, ...] | None] = [None] * len(harts)
    used = 0
    held_params = held_macs = 0.0
    for hart in sorted(set(harts) & set(range(machine.tiled_harts))):
        own = [index for index, owner in enumerate(harts) if owner == hart]
        part = Network(name=network.name, layers=tuple(network.layers[i] for i in own))
        found = allocate(part, alone, "tight", policy, coverage=coverage)
        used += found.used_tiles
        held_params += found.coverage * part.params
        held_macs += found.mac_coverage * part.macs
        for index, held in zip(own, found.groups, strict=True):
            if held is not None:
                groups[index] = tuple(group._replace(hart=hart) for group in held)
    return Allocation(
        coupling="tight",
        policy=policy,
        split=TightSplit.CHANNELS,
        groups=tuple(groups),
        used_tiles=used,
        coverage=held_params / network.params if network.params else 0.0,
        mac_coverage=held_macs / network.macs if network.macs else 0.0,
    )
