"""What each chunk of a layer costs on each hart."""

import dataclasses

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import TILE_BODIES, LayerPlan
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .cost import Cost, PriceList
from .errors import ModelError
from .features import chunk_works, family_of, first_uses
from .work import Work

__all__ = ["costs_by_hart", "on_tiles", "price_list"]


def price_list(layer: Layer, body: Body, calibration: Calibration) -> PriceList:
    """The costs of the kernel that computes a layer; ModelError if it was not calibrated."""
    family = family_of(layer, body)
    lists = calibration.memo
    if family not in lists:
        if family not in calibration.kernels:
            raise ModelError(
                f"layer {layer.name}: {layer.source_op} has no calibrated kernel {family!r}; "
                f"calibrated are {', '.join(sorted(calibration.kernels))}"
            )
        lists[family] = PriceList(calibration.kernels[family])
    return lists[family]


@dataclasses.dataclass(frozen=True)
class ChunkCosts:
    """What a layer's chunks cost."""

    chunks: list[Cost]
    """Of each chunk; chunks that are alike share one."""
    first: Cost
    """Of a hart's first chunk, beyond the chunk: caches hold nothing of the kernel."""


def costs_by_hart(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> tuple[list[list[Cost]], Cost]:
    """The chunks' costs for each hart, and what each pays with its first chunk.

    A hart without a tile computes the channels of a chunk's groups with DOT4, and nothing else of
    the plan differs for it.
    """
    found = _chunk_costs(layer, plan, machine, calibration)
    costs = found.chunks
    if not plan.needs_digital_harts(machine):
        return [costs] * machine.harts, found.first
    channels = [group.channel_count for group in plan.groups]
    digital = dataclasses.replace(
        plan,
        body=Body.DOT4,
        groups=(),
        chunks=tuple(
            chunk
            if plan.body_of(chunk) is not plan.body
            else chunk._replace(begin=0, end=sum(channels[chunk.begin : chunk.end]))
            for chunk in plan.chunks
        ),
    )
    others = _chunk_costs(layer, digital, machine, calibration).chunks
    by_hart = [costs if hart < machine.tiled_harts else others for hart in range(machine.harts)]
    return by_hart, found.first


def on_tiles(plan: LayerPlan, machine: ClusterConfig, owners: list[int]) -> float:
    """The share of a layer's MVMs that tiles compute."""
    if not plan.needs_digital_harts(machine):
        return 1.0
    sizes = [
        (c.pixel_end - c.pixel_begin) * (c.end - c.begin)
        if plan.body_of(c) is plan.body
        else 0
        for c in plan.chunks
    ]
    done = sum(
        size for size, owner in zip(sizes, owners, strict=True) if owner < machine.tiled_harts
    )
    return done / sum(sizes)


def _chunk_costs(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> ChunkCosts:
    works = chunk_works(layer, plan, machine)
    bodies = [plan.body if chunk.body is None else chunk.body for chunk in plan.chunks]
    by_body: dict[Body, dict[int, Work]] = {
        body: {id(work): work for work, own in zip(works, bodies, strict=True) if own is body}
        for body in {plan.body: None} | dict.fromkeys(bodies)
    }
    own = by_body[plan.body]
    first = Work({"hart": 1.0}, {}, code=first_uses(own.values()))
    own[id(first)] = first
    priced: dict[int, Cost] = {}
    for body, different in by_body.items():
        asked = list(different.values())
        if len(asked) == 1 and body not in TILE_BODIES and _channels(plan, body) > 1:
            # numpy rounds a row alone otherwise, and that would decide who wins a tie: it is for
            # chunks that are all of the same channels.
            asked *= 2
        costs = price_list(layer, body, calibration).price(asked)
        priced |= zip(different, costs, strict=False)
    return ChunkCosts([priced[id(work)] for work in works], priced[id(first)])


def _channels(plan: LayerPlan, body: Body) -> int:
    """How many different channels, or groups, the chunks of a body have."""
    return len(
        {(chunk.begin, chunk.end) for chunk in plan.chunks if plan.body_of(chunk) is body}
    )
