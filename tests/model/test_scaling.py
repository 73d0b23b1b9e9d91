"""Single layers: which are picked, how they scale, and what they are together."""

import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig, HwConfigError
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.kernels import parse_kernel
from tightrope.sim.explore.points import Coupling, Point
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.image.layout import Balance
from tightrope.sim.scaling.layers import Picked, Space, pick_layers, scale_layers
from tightrope.sim.scaling.rows import TOGETHER, together
from tightrope.sim.scaling.tables import columns, layer_lines, meaning
from tightrope.sim.workload.layers import Network

ALL = (Coupling.TIGHT, Coupling.LOOSE, Coupling.STREAM)
BASE = ClusterConfig()


def named(name, kernel):
    return dataclasses.replace(parse_kernel(kernel), name=name)


NETWORK = Network(
    name="net",
    layers=(
        named("a", "conv:16x16x32:64:3x3:p1"),
        named("pool", "maxpool:16x16x64:2x2:s2"),
        named("b", "conv:8x8x64:64:3x3:p1"),
        named("c", "conv:8x8x64:64:3x3:p1"),
        named("depth", "dwconv:8x8x64:3x3:p1"),
        named("grouped", "conv:8x8x64:64:3x3:p1:g2"),
        named("d", "dense:4096:10"),
    ),
)


def space(**options):
    given = {"base": BASE, "harts": (1, 8), "sizes": (64, 256), "couplings": ALL, **options}
    return Space(**given)


@pytest.fixture(scope="module")
def rows():
    return scale_layers(NETWORK, pick_layers(NETWORK, 0), space(), load_predictor("gf22"))


def test_equal_layers_are_one_and_dense_ones_always_there():
    every = pick_layers(NETWORK, 0)
    assert [(one.layer.name, one.count) for one in every] == [("a", 1), ("b", 2), ("d", 1)]
    assert [one.layer.name for one in pick_layers(NETWORK, 1)] == ["a", "d"]
    assert [one.shape for one in every] == [
        "conv 16x16x32 -> 64, 3x3", "conv 8x8x64 -> 64, 3x3", "dense 4096 -> 10",
    ]  # fmt: skip
    strided = Picked(layer=named("s", "conv:8x8x64:64:3x3:s2:p1"), count=1)
    assert strided.shape.endswith("3x3 / 2")


def test_a_row_is_what_explore_says_of_the_layer_alone(rows):
    tile = dataclasses.replace(BASE.tile, rows=256, cols=256)
    base = dataclasses.replace(BASE, tile=tile)
    alone = Network(name="net", layers=(NETWORK.layers[0],))
    evaluator = Evaluator(alone, base, load_predictor("gf22"), "columns")
    found = [
        evaluator.row(Point(harts=8, coupling=Coupling.STREAM, tiles=64, balance=balance))
        for balance in Balance
    ]
    (row,) = [
        row for row in rows
        if (row.layer, row.coupling, row.tile_size, row.harts) == ("a", "stream", 256, 8)
    ]  # fmt: skip
    assert row.model_cycles == min(one.model_cycles for one in found)
    assert row.body == "stream" and row.coverage == 1.0 and row.speedup > 2


def test_digital_code_scales_and_is_its_own_baseline(rows):
    digital = [row for row in rows if row.coupling == Coupling.NONE]
    assert {row.speedup for row in digital} == {1.0}
    assert all(row.tile_size == row.tiles_used == row.coverage == 0 for row in digital)
    for row in digital:
        assert row.hart_speedup == 1.0 if row.harts == 1 else 1 < row.hart_speedup <= 8.5


def test_together_they_take_as_long_as_one_after_the_other(rows):
    sums = {(row.coupling, row.tile_size, row.harts): row for row in together(rows)}
    for machine, total in sums.items():
        own = [r for r in rows if (r.coupling, r.tile_size, r.harts) == machine]
        assert total.layer == TOGETHER
        assert total.model_cycles == pytest.approx(sum(r.count * r.model_cycles for r in own))
        digital = sums[Coupling.NONE, 0, total.harts]
        assert total.speedup == pytest.approx(digital.model_cycles / total.model_cycles)
        assert total.hart_speedup == pytest.approx(
            sums[*machine[:2], 1].model_cycles / total.model_cycles
        )


def test_lines_of_the_table_are_those_of_the_rows(rows):
    assert columns(rows) == ["8 harts", "64 x 64", "256 x 256"]
    lines = {(layer, coupling): cells for layer, coupling, cells in layer_lines(rows)}
    assert len(lines) == 4 * 4
    of_b = {(r.coupling, r.tile_size, r.harts): r for r in rows if r.layer == "b"}
    at = [of_b["tight", size, 8] for size in (64, 256)]
    fastest = min(at, key=lambda row: row.model_cycles)
    assert lines["b", "tight"][0] == f"{fastest.hart_speedup:.2f}x"
    gains = [cell.split()[0] for cell in lines["b", "tight"][1:]]
    assert gains == [f"{row.speedup:.2f}x" for row in at]
    assert lines["b", "none"][1:] == ["", ""]


def test_layers_that_cannot_be_streamed_are_marked(rows):
    marked = [
        dataclasses.replace(row, body="loose") if row.coupling == "stream" else row for row in rows
    ]
    cells = {(layer, coupling): line for layer, coupling, line in layer_lines(marked)}
    assert "x*" in cells["a", "stream"][-1] and "*" not in cells["a", "loose"][-1]
    assert "can't be streamed" in meaning(marked) and "*" not in meaning(rows)


def test_spaces_that_make_no_sense_are_refused():
    with pytest.raises(ExploreError, match="sizes must have at least one value"):
        space(sizes=())
    with pytest.raises(HwConfigError, match="multiple of 8"):
        scale_layers(NETWORK, pick_layers(NETWORK, 1), space(sizes=(100,)), load_predictor("gf22"))
