"""Layers of a network one by one: how each scales with harts and tile sizes, however coupled."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.points import Coupling, Point
from tightrope.sim.explore.predictor import Predictor
from tightrope.sim.explore.rows import Row
from tightrope.sim.image.layout import Balance
from tightrope.sim.workload.layers import Layer, LayerOp, Network

from .rows import LayerRow

__all__ = ["Picked", "Space", "pick_layers", "scale_layers"]

TIGHT_TILES_PER_HART = 16
LOOSE_TILES = 64
"""As many as there can be: it is a layer's scaling that is asked for, not what a budget buys."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picked:
    """A layer, and how often the network has one that is the same."""

    layer: Layer
    count: int

    @property
    def macs(self) -> int:
        """Of all of them."""
        return self.count * self.layer.macs

    @property
    def shape(self) -> str:
        """``conv 56x56x64 -> 256, 1x1``."""
        layer = self.layer
        if layer.op is LayerOp.DENSE:
            return f"dense {layer.in_shape[2]} -> {layer.out_shape[2]}"
        size = "x".join(map(str, layer.in_shape))
        stride = "" if max(layer.stride) == 1 else f" / {max(layer.stride)}"
        kernel = "x".join(map(str, layer.kernel))
        return f"conv {size} -> {layer.out_shape[2]}, {kernel}{stride}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Space:
    """What to vary."""

    base: ClusterConfig
    """Everything else of the machines."""
    harts: tuple[int, ...]
    sizes: tuple[int, ...]
    """Rows and columns of a tile."""
    couplings: tuple[Coupling, ...]

    def __post_init__(self) -> None:
        for name in ("harts", "sizes", "couplings"):
            if not getattr(self, name):
                raise ExploreError(f"{name} must have at least one value")

    def base_of(self, size: int) -> ClusterConfig:
        """With tiles of one size; raises HwConfigError if there are none."""
        tile = dataclasses.replace(self.base.tile, rows=size, cols=size)
        return dataclasses.replace(self.base, tile=tile)


def pick_layers(network: Network, most: int) -> list[Picked]:
    """The distinct convolutions and dense layers that tiles can hold, heaviest first: ``most``
    convolutions, all if 0, and every dense layer."""
    same: dict[Layer, list[Layer]] = {}
    for layer in network.layers:
        if layer.fits_tiles and layer.groups == 1:
            same.setdefault(dataclasses.replace(layer, name="", source_op=""), []).append(layer)
    found = [Picked(layer=layers[0], count=len(layers)) for layers in same.values()]
    found.sort(key=lambda picked: -picked.macs)
    convs = [picked for picked in found if picked.layer.op is not LayerOp.DENSE]
    dense = [picked for picked in found if picked.layer.op is LayerOp.DENSE]
    return [*convs[: most or None], *dense]


def scale_layers(
    network: Network,
    picked: Sequence[Picked],
    space: Space,
    predictor: Predictor,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[LayerRow]:
    """Every layer on every machine, digital first.

    Raises HwConfigError for machines that can't be built, and the predictor's errors.
    """
    rows: list[LayerRow] = []
    for number, one in enumerate(picked):
        progress(number, len(picked))
        rows += _of_layer(network.name, one, space, predictor)
    progress(len(picked), len(picked))
    return rows


def _of_layer(
    name: str, picked: Picked, space: Space, predictor: Predictor
) -> Iterator[LayerRow]:
    alone = Network(name=name, layers=(picked.layer,))
    digital: dict[int, Row] = {}
    for size in dict.fromkeys(space.sizes):
        # The largest share of the channels that fits, if not all of them do.
        evaluator = Evaluator(alone, space.base_of(size), predictor, "columns")
        for coupling in space.couplings if digital else (Coupling.NONE, *space.couplings):
            found = [_best(evaluator, coupling, harts) for harts in sorted(set(space.harts))]
            if coupling is Coupling.NONE:
                digital = {row.harts: row for row, _ in found}
            for row, body in found:
                made = _row(picked, row, body, size if row.tiles else 0)
                yield made.beside(digital[row.harts], found[0][0])


def _best(evaluator: Evaluator, coupling: Coupling, harts: int) -> tuple[Row, str]:
    """Of all balancings; and how the layer is computed then."""
    tiles = {
        Coupling.NONE: 0,
        Coupling.TIGHT: TIGHT_TILES_PER_HART * harts,
        Coupling.LOOSE: LOOSE_TILES,
        Coupling.STREAM: LOOSE_TILES,
    }[coupling]
    points = [
        Point(harts=harts, coupling=coupling, tiles=tiles, balance=balance) for balance in Balance
    ]
    rows = list(map(evaluator.row, points))
    best = min(range(len(rows)), key=lambda index: rows[index].model_cycles)
    (layer,) = evaluator.evaluate(points[best]).layers
    return rows[best], layer.body.name.lower()


def _row(picked: Picked, row: Row, body: str, size: int) -> LayerRow:
    return LayerRow(
        network=row.network,
        layer=picked.layer.name,
        shape=picked.shape,
        count=picked.count,
        macs=picked.layer.macs,
        coupling=row.coupling,
        tile_size=size,
        harts=row.harts,
        body=body,
        balance=row.balance,
        split=row.split,
        tiles_used=row.tiles_used,
        coverage=row.coverage,
        model_cycles=row.model_cycles,
        model_low_cycles=row.model_low_cycles,
        model_high_cycles=row.model_high_cycles,
        model_energy_pj=row.model_energy_pj,
        extrapolated_ratio=row.extrapolated_ratio,
    )
