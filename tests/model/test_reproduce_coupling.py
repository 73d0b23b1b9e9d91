import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.energy.energy import RunCounters, energy_of
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.sequence import predict_sequence
from tightrope.sim.model.traffic import TRAFFIC
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.points import Way
from tightrope.sim.reproduce import coupling
from tightrope.sim.reproduce.coupling_trend import TREND_TILES
from tightrope.sim.reproduce.point import model_network, runnable
from tightrope.sim.reproduce.published import load_published
from tightrope.sim.workload.layers import Layer, LayerOp
from tightrope.sim.workload.onnx_import import load_network

NET = "resnet8"
CALIBRATION = load_calibration(None)


def mapping_of(way, balancing, coverage=0.41):
    return map_network(
        load_network(NET),
        way.machine(ClusterConfig(harts=8), 8),
        coupling=way.coupling,
        balancing=balancing,
        calibration=CALIBRATION,
        coverage=coverage,
    )


def predictions(mapping):
    layers = zip(mapping.network.layers, mapping.plans, strict=True)
    return predict_sequence([(*one, mapping.machine) for one in layers], CALIBRATION)


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "NETWORKS", (NET,))
        patch.setattr(coupling, "NEAREST", NET)
        return coupling.reproduce_coupling()


@pytest.mark.parametrize("way", [Way.TIGHT, Way.LOOSE, Way.STREAM])
def test_layer_by_layer_is_the_sum_of_all_layers(way):
    mapping = mapping_of(way, Balancing.STATIC)
    cost = model_network(mapping, CALIBRATION)
    layers = predictions(mapping)
    assert cost.model_cycles == pytest.approx(sum(layer.model_cycles for layer in layers))
    assert sum(cost.terms.values()) == pytest.approx(1)
    profile = load_profile("gf22")
    energy_pj = sum(
        energy_of(
            RunCounters(
                harts=layer.counters.harts,
                tiles=layer.counters.tiles,
                **{name: getattr(layer.counters, name) for name in (*TRAFFIC, "cycles")},
            ),
            mapping.machine,
            profile,
        ).total_pj
        for layer in layers
    )
    assert cost.energy_pj(profile) == pytest.approx(energy_pj)


def test_a_pipeline_takes_its_longest_stage_and_each_hart_counts_for_itself():
    mapping = mapping_of(Way.TIGHT, Balancing.PIPELINE)
    cost = model_network(mapping, CALIBRATION)
    stages = [0.0] * 8
    for layer, hart in zip(predictions(mapping), mapping.stage_harts, strict=True):
        stages[hart] += layer.model_cycles
    assert cost.model_cycles == pytest.approx(max(stages))
    for hart, stage in zip(cost.counters.harts, stages, strict=True):
        counts = {name.name: value for name, value in hart.items()}
        assert counts["CYCLES"] == cost.model_cycles
        assert counts["SLEEP_CYCLES"] >= cost.model_cycles - stage - 1e-6
    assert cost.energy_pj(load_profile("gf22")) > 0


def test_operators_without_a_kernel_become_what_the_model_takes_them_for():
    def elementwise(source_op, inputs=1):
        return Layer(
            name=source_op, op=LayerOp.ELEMENTWISE, source_op=source_op, in_shape=(4, 4, 8),
            out_shape=(4, 4, 8), inputs=inputs,
        )  # fmt: skip

    net = load_network(NET)
    odd = (elementwise("LRN"), elementwise("Concat", 2), elementwise("Mul", 2))
    layers = runnable(dataclasses.replace(net, layers=net.layers + odd)).layers
    assert layers[: len(net.layers)] == net.layers
    assert [layer.op for layer in layers[len(net.layers) :]] == [LayerOp.CLIP, LayerOp.ADD]


def test_the_part_that_stands_on_no_measurement_is_counted():
    net = load_network(NET)
    lrn = Layer(
        name="lrn", op=LayerOp.ELEMENTWISE, source_op="LRN", in_shape=(32, 32, 16),
        out_shape=(32, 32, 16),
    )  # fmt: skip
    machine = ClusterConfig(harts=8, tight_tiles_per_hart=0)
    ratios = [
        model_network(
            map_network(
                runnable(dataclasses.replace(net, layers=net.layers + extra)), machine,
                coupling="none", balancing=Balancing.STATIC, calibration=CALIBRATION,
            ),
            CALIBRATION,
        ).uncalibrated_ratio
        for extra in ((), (lrn,))
    ]  # fmt: skip
    assert ratios[0] == 0 < ratios[1] < 0.5


def test_rows_are_complete_and_ratios_are_ours_by_paper(found):
    printed = {load_published()[f"coupling.{key}"].value for key in ("speedup", "energy_gain")}
    papers = set()
    for row in found.to_dict()["rows"]:
        assert row["source"] == "model" and row["ours"] > 0
        assert row["what"] and row["note"] and row["configuration"]
        if row["paper"] is None:
            assert row["ratio"] is None and not row["paper_source"]
        else:
            papers.add(row["paper"])
            assert row["ratio"] == pytest.approx(row["ours"] / row["paper"])
            assert "TPDS" in row["paper_source"]
    assert papers == printed


def test_every_coupling_and_balancing_of_the_nearest_network_has_rows(found):
    what = [row.what for row in found.rows]
    for way in ("tight", "loose", "stream"):
        for balancing in Balancing:
            assert f"{NET}, {way}, {balancing}: speed-up" in what
            assert f"{NET}, {way}, {balancing}: energy gain, gf22" in what
    assert f"{NET}, ALPINE's cores: speed-up" in what


def test_the_trend_has_several_coverages_and_no_published_number(found):
    trend = [row for row in found.rows if row.what.startswith(f"{NET}, tight: speed-up at")]
    assert len(trend) >= 4 and all(row.paper is None for row in trend)
    part = next(row for row in found.rows if row.what.startswith(f"{NET}, tight: part"))
    assert part.ours <= 1


def test_the_trend_compares_coverages_with_the_balancing_of_the_published_one(found):
    for way in ("tight", "loose", "stream"):
        rows = [r for r in found.rows if r.what.startswith(f"{NET}, {way}: speed-up at")]
        part = next(r for r in found.rows if r.what.startswith(f"{NET}, {way}: part"))
        at = min(rows, key=lambda row: abs(float(row.what.split()[-3]) - 41))
        assert part.ours == pytest.approx(at.ours / max(row.ours for row in rows))


def test_a_few_tiles_are_tried_too_on_fewer_harts_if_tight(found):
    for way in ("tight", "loose", "stream"):
        few = [r for r in found.rows if r.what.startswith(f"{NET}, {way}: speed-up with")]
        assert [row.what.split()[4] for row in few] == list(map(str, TREND_TILES))
        assert all(row.paper is None and row.ours > 0 for row in few)
    machine = coupling.Setup(NET, load_network(NET), CALIBRATION).machine(Way.TIGHT, 2)
    assert (machine.tiled_harts, machine.tight_tiles_per_hart, machine.loose_tiles) == (2, 1, 0)


def test_networks_whose_tiles_are_too_few_are_not_compared(monkeypatch):
    monkeypatch.setattr(coupling, "NETWORKS", (NET,))
    monkeypatch.setattr(coupling, "TILES", {Way.TIGHT: 0})
    rows = coupling.reproduce_coupling().rows
    ours = [row for row in rows if "ALPINE" not in row.what]
    assert [row.paper for row in ours] == [None]
    assert ours[0].note.startswith("Not compared")


def test_what_is_not_published_is_named(found):
    assert any("which network" in what for what in found.not_published)
