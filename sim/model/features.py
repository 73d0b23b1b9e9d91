"""How often each loop of each kernel runs: exact counts from a layer's shape and a chunk's size.

The loops are those that the kernels' files in ``sw/kernels`` describe at their top. A count is
multiplied by a calibrated cost, see :mod:`tightrope.sim.model.cost`.
"""

from collections.abc import Hashable, Iterable

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import DIGITAL_BODIES, Chunk, LayerPlan
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.workload.layers import Layer, LayerOp

from .kernel_dot4 import DigitalChunks, digital_chunks, dot4_work
from .kernel_dwconv import dwconv_work
from .kernel_pool import elementwise_work, pool_work
from .kernel_post import post_work
from .kernel_stream import stream_work
from .kernel_tile import GROUPS_WALKED, TileGroups, tile_work
from .pixels import WALKED_PIXELS, classes_of
from .places import Places, places_of
from .work import Features, Work

__all__ = ["chunk_works", "family_of", "first_uses", "residual_class"]


def family_of(layer: Layer, body: Body) -> str:
    """The kernel that computes a layer; costs are calibrated for each."""
    if layer.op in (LayerOp.CONV, LayerOp.DENSE):
        return f"conv_{body.name.lower()}"
    return layer.op.value


def residual_class(layer: Layer, plan: LayerPlan) -> str:
    """What a prediction's error is like: the kernel, and whether it programs tiles in turn."""
    family = family_of(layer, plan.body)
    return f"{family}, reprogrammed" if any(one.reprogram for one in plan.groups) else family


def first_uses(works: Iterable[Work]) -> Features:
    """What a hart that does ``works`` fetches once, beside what is fetched again: the code of each
    loop that it runs at all."""
    used: set[str] = set()
    for work in works:
        used.update([name for name, rounds in work.loops.items() if rounds])
    return {f"first_{name}": 1.0 for name in sorted(used)}


def chunk_works(layer: Layer, plan: LayerPlan, machine: ClusterConfig) -> list[Work]:
    """Counts of every chunk; chunks that are alike share one object."""
    geometry = stream_geometry(layer, machine, plan) if plan.body is Body.STREAM else None
    places = places_of(layer, plan)
    known: dict[Hashable, Work] = {}
    key: Hashable
    is_matrix = layer.op in (LayerOp.CONV, LayerOp.DENSE)
    digital = digital_chunks(layer, plan, places) if is_matrix else None
    tiled = TileGroups(layer, plan, machine.tile.output_bytes, places)
    works = []
    for chunk in plan.chunks:
        body = plan.body if chunk.body is None else chunk.body
        if digital and body in DIGITAL_BODIES:
            key = (body, digital.key(body, chunk))
        else:
            key = (body, _part_of(layer, plan, chunk), _pixels_of(layer, chunk, body))
        work = known.get(key)
        if work is None:
            work = known[key] = (
                stream_work(layer, plan, chunk, machine, geometry, places)
                if body is Body.STREAM and geometry
                else chunk_work(layer, plan, chunk, machine, places, digital, tiled)
            )
        works.append(work)
    return works


def _part_of(layer: Layer, plan: LayerPlan, chunk: Chunk) -> Hashable:
    """What of a chunk's channels or groups its work depends on: in a large layer on harts that
    requantise not which groups they are, but what they are like."""
    if layer.pixels <= WALKED_PIXELS or plan.body_of(chunk) not in (Body.TIGHT, Body.LOOSE):
        return (chunk.begin, chunk.end)
    step = -(-len(plan.groups) // GROUPS_WALKED)
    return tuple(
        (index // step, group.channel_begin % 4, group.channel_count, group.reprogram,
         tuple((block.k_begin, block.row_count, block.col_count) for block in group.blocks))
        for index, group in enumerate(plan.groups[chunk.begin : chunk.end], chunk.begin)
    )  # fmt: skip


def _pixels_of(layer: Layer, chunk: Chunk, body: Body) -> Hashable:
    """What of a chunk's pixels its work depends on: in a large layer only how many there are of
    each class, else where they lie as well."""
    pixels = (chunk.pixel_begin, chunk.pixel_end)
    if layer.op is LayerOp.DWCONV or body is Body.STREAM:
        return pixels
    if layer.op in (LayerOp.ADD, LayerOp.CLIP):
        return pixels[1] - pixels[0]
    return pixels if layer.pixels <= WALKED_PIXELS else classes_of(layer, *pixels)


def chunk_work(
    layer: Layer, plan: LayerPlan, chunk: Chunk, machine: ClusterConfig, places: Places,
    digital: DigitalChunks | None, tiled: TileGroups,
) -> Work:  # fmt: skip
    """Counts of one chunk of any body but STREAM, on a hart that computes with that body.

    ``digital`` is what is known of the plan's digital chunks, if the layer has a matrix; ``tiled``
    of those on tiles.
    """
    if digital is not None:
        body = plan.body_of(chunk)
        if body in (Body.TIGHT, Body.LOOSE):
            if plan.post_processes(machine.tile):
                return post_work(layer, plan, chunk, machine)
            return tile_work(layer, chunk, tiled)
        return dot4_work(layer, body, chunk, digital)
    if layer.op is LayerOp.DWCONV:
        return dwconv_work(layer, chunk, places)
    if layer.op in (LayerOp.MAXPOOL, LayerOp.AVGPOOL, LayerOp.GLOBAL_AVGPOOL):
        return pool_work(layer, chunk, places)
    pixels = chunk.pixel_end - chunk.pixel_begin
    return elementwise_work(layer, pixels, chunk.end - chunk.begin)
