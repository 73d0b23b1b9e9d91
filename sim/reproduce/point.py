"""A mapped network by the model: cycles and energy of one inference, pipelines included."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import RunCounters, energy_of
from tightrope.sim.energy.profiles import Profile
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.predict import TERMS, LayerPrediction, ModelCounters
from tightrope.sim.model.sequence import predict_sequence
from tightrope.sim.model.traffic import TRAFFIC
from tightrope.sim.network.mapping import NetworkMapping
from tightrope.sim.workload.layers import Layer, LayerOp, Network

__all__ = ["Inference", "model_network", "runnable"]

KERNEL_OPS = ("Add", "Sum", "Relu", "Clip")
"""What ADD and CLIP compute by their own right."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """What one inference costs; in a pipeline, one more of many."""

    model_cycles: float
    uncalibrated_ratio: float
    """The part of the layers' cycles that no measurement stands behind."""
    tiled_ratio: float
    """The part of the layers' cycles that is in layers with weights on tiles."""
    terms: Mapping[str, float]
    """The layers' cycles by cause, their sum 1."""
    counters: RunCounters
    """Of all layers, as arrays; of a pipeline, their sums."""
    machine: ClusterConfig
    """With one tile, to which the counters add what all tiles did."""

    def energy_pj(self, profile: Profile) -> float:
        """All of it."""
        return float(np.sum(energy_of(self.counters, self.machine, profile).total_pj))


def runnable(network: Network) -> Network:
    """``network`` as it can be mapped.

    Concatenations vanish: what they join is written side by side. Other operators without a kernel
    become ADD or CLIP of the same size, which is also what the model takes them for.
    """
    layers = []
    for layer in network.layers:
        if layer.op is not LayerOp.ELEMENTWISE:
            layers.append(layer)
        elif layer.source_op != "Concat":
            op = LayerOp.ADD if layer.inputs > 1 else LayerOp.CLIP
            layers.append(dataclasses.replace(layer, op=op))
    return dataclasses.replace(network, layers=tuple(layers))


def _stands_in(layer: Layer) -> bool:
    """Whether ``runnable`` put it in the place of an operator without a kernel."""
    return layer.op in (LayerOp.ADD, LayerOp.CLIP) and layer.source_op not in KERNEL_OPS


def model_network(mapping: NetworkMapping, calibration: Calibration) -> Inference:
    """Predict all layers of a mapping, one after the other, or as stages of a pipeline.

    A pipeline's cycles are those of its longest stage, or of main memory if that is busy for
    longer. What its stages lose to each other in between is not modelled.
    """
    machine = mapping.machine
    layers = zip(mapping.network.layers, mapping.plans, strict=True)
    found = predict_sequence([(*one, machine) for one in layers], calibration)
    every = total = sum(layer.model_cycles for layer in found)
    guessed = sum(
        prediction.model_cycles if _stands_in(layer) else prediction.uncalibrated_cycles
        for layer, prediction in zip(mapping.network.layers, found, strict=True)
    )
    tiled = sum(
        prediction.model_cycles
        for plan, prediction in zip(mapping.plans, found, strict=True)
        if plan.groups
    )
    counters = _stacked([layer.counters for layer in found])
    if mapping.stage_harts:
        total, counters = _pipeline(found, counters, mapping.stage_harts)
    return Inference(
        model_cycles=total,
        uncalibrated_ratio=guessed / every,
        tiled_ratio=tiled / every,
        terms={name: sum(layer.terms[name] for layer in found) / every for name in TERMS},
        counters=counters,
        machine=dataclasses.replace(
            machine, tight_tiles_per_hart=0, tight_harts=None, loose_tiles=1, stream_ports=0
        ),
    )


def _stacked(layers: Sequence[ModelCounters]) -> RunCounters:
    """Arrays over layers. What tiles do costs the same on any, so they count as one."""
    harts = [
        {name: np.array([layer.harts[hart].get(name, 0.0) for layer in layers]) for name in names}
        for hart, names in enumerate(layers[0].harts)
    ]
    tile = {
        name: np.array([sum(one.get(name, 0.0) for one in layer.tiles) for layer in layers])
        for name in TileStatusReg
    }
    shared = {
        name: np.array([getattr(layer, name) for layer in layers]) for name in (*TRAFFIC, "cycles")
    }
    return RunCounters(harts=harts, tiles=[tile], **shared)


def _pipeline(
    layers: Sequence[LayerPrediction], counters: RunCounters, stage_harts: Sequence[int]
) -> tuple[float, RunCounters]:
    """Cycles from one inference to the next, and its counters.

    Each hart counts for its own layers; between them it sleeps.
    """
    owners = np.array(stage_harts)
    lengths = np.array([layer.model_cycles for layer in layers])
    busy = [float(lengths[owners == hart].sum()) for hart in range(len(counters.harts))]
    cycles = max(*busy, float(np.sum(counters.memory_beats)))
    harts = []
    for hart, counts in enumerate(counters.harts):
        own = {name: float(values[owners == hart].sum()) for name, values in counts.items()}
        own[HartCounter.SLEEP_CYCLES] += cycles - busy[hart]
        own[HartCounter.CYCLES] = cycles
        harts.append(own)
    tiles = [
        {name: float(values.sum()) for name, values in tile.items()} for tile in counters.tiles
    ]
    shared = {name: float(np.sum(getattr(counters, name))) for name in TRAFFIC}
    return cycles, RunCounters(harts=harts, tiles=tiles, cycles=cycles, **shared)
