"""What is not predicted because it can't win: bounds hold, and nothing else is chosen for them."""

import pytest
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.points import Coupling, Point
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.model import helping
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.cost import Clock
from tightrope.sim.model.helping import helped_plan
from tightrope.sim.model.least import least_cycles
from tightrope.sim.model.predict import predict_layer, predicted_cycles
from tightrope.sim.workload.layers import Network

CALIBRATION = load_calibration()
LAYERS = [
    conv_layer(14, 256, 1024), conv_layer(28, 64, 64, 3, 1, 1), conv_layer(32, 3, 24, 7, 2, 3),
    conv_layer(7, 512, 64), conv_layer(9, 30, 22, 3, 1, 1), conv_layer(1, 512, 100),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("balance", list(Balance))
@pytest.mark.parametrize("harts", [1, 3, 8])
def test_digital_layers_take_no_less(layer, balance, harts):
    machine = ClusterConfig(harts=harts)
    plan = plan_layer(layer, machine, Body.DOT4, balance)
    found = predicted_cycles(layer, plan, machine, CALIBRATION)
    assert found == predict_layer(layer, plan, machine, CALIBRATION).model_cycles
    assert 0.2 * found < least_cycles(layer, (), machine, CALIBRATION) <= found


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("split", list(TightSplit))
@pytest.mark.parametrize("tile", [TileConfig(), TileConfig(post_lanes=4)], ids=["plain", "post"])
def test_layers_on_tight_tiles_take_no_less(layer, split, tile):
    machine = ClusterConfig(harts=8, tight_tiles_per_hart=8, tile=tile)
    groups = single_layer_groups(layer, machine, Body.TIGHT, split)
    plan = plan_layer(layer, machine, Body.TIGHT, Balance.STATIC, groups=groups, split=split)
    least = least_cycles(layer, groups, machine, CALIBRATION)
    assert least <= predicted_cycles(layer, plan, machine, CALIBRATION)
    assert (least > 0) == (not tile.post_lanes)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("tiles", [1, 4, 16])
def test_help_is_chosen_as_if_all_plans_were_predicted(layer, tiles, monkeypatch):
    machine = ClusterConfig(harts=8, loose_tiles=tiles)
    groups = single_layer_groups(layer, machine, Body.LOOSE)
    even = plan_layer(layer, machine, Body.LOOSE, Balance.STEAL, groups=groups)
    found = helped_plan(layer, even, machine, Balance.STEAL, CALIBRATION)
    monkeypatch.setattr(helping, "least_digital_cycles", lambda *_: 0.0)
    monkeypatch.setattr(Clock, "least_tile_time", lambda *_: 0.0)
    assert found == helped_plan(layer, even, machine, Balance.STEAL, CALIBRATION)


@pytest.mark.parametrize("tiles", [3, 8, 32])
def test_of_both_splits_the_better_one_is_chosen(tiles, monkeypatch):
    network = Network(name="some", layers=tuple(LAYERS))
    point = Point(harts=8, coupling=Coupling.TIGHT, tiles=tiles, balance=Balance.STEAL)
    predictor = load_predictor("gf22")
    found = Evaluator(network, ClusterConfig(), predictor).evaluate(point)
    monkeypatch.setattr(type(predictor), "least_cycles", lambda *_: 0.0)
    assert found == Evaluator(network, ClusterConfig(), predictor).evaluate(point)
