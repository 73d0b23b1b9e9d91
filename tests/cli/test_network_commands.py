"""Whole networks by ``tightrope run`` and ``tightrope sweep``, without a simulator."""

import dataclasses
import json

import numpy as np
import onnx
import pyarrow.parquet
import pytest
from distributed import LocalCluster
from nets import save_net
from onnx import helper
from test_bad_input import refused
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.model.calibration import DEFAULT_FILE
from tightrope.sim.network import run as network_run
from tightrope.sim.network import sweep
from tightrope.sim.network.rows import NetworkRow
from tightrope.sim.network.run import LayerRun, NetworkRun

WAYS = ("--coupling", "tight,loose", "--balance", "static,steal", "--coverage", "0,0.5,1")
POINTS = 2 + 2 * 2 * 2
"""Digital once for each balancing, then tight and loose at two coverages."""


class FakeRtl:
    """In place of the RTL: remembers what ran; more on tiles is faster, and so is stealing."""

    def __init__(self):
        self.ran = []
        self.stop_after = None
        self.problem = ""

    def __call__(self, qnet, mapping, inputs, **options):
        if len(self.ran) == self.stop_after:
            raise KeyboardInterrupt
        self.ran.append(mapping)
        held = mapping.allocation.coverage if mapping.allocation else 0.0
        cycles = round(1000 * (2 - held) / (1 + 0.5 * (mapping.balancing == "steal")))
        harts = [dict.fromkeys(HartCounter, 0) | {HartCounter.SLEEP_CYCLES: cycles // 2}] * 8
        tiles = [dict.fromkeys(TileStatusReg, 0)]
        return NetworkRun(
            mapping=mapping,
            inputs=len(inputs),
            layers=(),
            rtl_cycles=cycles * len(inputs),
            program_cycles=9,
            counters=RunCounters(
                harts=harts, tiles=tiles, memory_beats=0, cycles=cycles * len(inputs)
            ),
            outputs=(),
            mismatches=int(bool(self.problem)),
            problem=self.problem,
            activation_bytes=512,
            touched_bytes=448,
            memory_bytes=4096,
        )


@pytest.fixture
def rtl(monkeypatch):
    fake = FakeRtl()
    monkeypatch.setattr(sweep, "run_on_rtl", fake)
    monkeypatch.setattr(sweep, "simulator_name", lambda machine, message: machine.hash)
    return fake


@pytest.fixture
def net(tmp_path):
    """Large enough for shares to be cut in pieces that others may take."""
    return save_net(tmp_path / "net.onnx", shape=(1, 8, 48, 48))


def runs_of(rows):
    """Different ones: points may have the same plans."""
    return len({row["run_key"] for row in rows})


def test_every_way_is_a_row(tightrope, rtl, net, tmp_path):
    result = tightrope("sweep", net, *WAYS, "--out", tmp_path / "o", "--json", "-")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert len(rows) == POINTS and runs_of(rows) == len(rtl.ran) > POINTS // 2
    places = {(row["way"], row["asked_coverage"], row["balancing"]) for row in rows}
    assert ("digital", 0.0, "steal") in places and ("loose", 0.5, "static") in places
    assert len(places) == POINTS
    for row in rows:
        assert row["cycles_per_input"] == row["rtl_cycles"] > 0
        assert row["model_cycles"] > 0
        assert sum(row["terms"].values()) == pytest.approx(1)
    table = pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet")
    assert table.num_rows == POINTS and "rtl_ratio_asleep" in table.column_names
    assert table["model_cycles"].to_pylist() == [row["model_cycles"] for row in rows]


def test_report_opens_without_a_network_and_draws_both_couplings(tightrope, rtl, net, tmp_path):
    result = tightrope("sweep", net, *WAYS, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "1.50x" in result.stdout and "steal" in result.stdout
    html = (tmp_path / "o" / "report.html").read_text()
    assert "src=" not in html.split("<script>")[0] and "plotly.js" in html
    begin = html.index('id="figures">') + len('id="figures">')
    figures = json.loads(html[begin : html.index("</script>", begin)])
    assert set(figures) == {"tight", "loose"}
    static, steal = figures["loose"]["data"]
    assert static["x"][0] == 0 and len(static["x"]) == 3
    assert static["y"][0] == pytest.approx(1) and steal["y"][0] == pytest.approx(1.5, rel=0.01)


def test_ctrl_c_keeps_rows_and_the_same_command_goes_on(tightrope, rtl, net, tmp_path):
    command = ("sweep", net, *WAYS, "--out", tmp_path / "o")
    rtl.stop_after = 3
    result = tightrope(*command)
    assert result.exit_code == 130
    assert f"stopped with 3 of {POINTS} runs done" in result.stderr
    assert pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet").num_rows == 3
    rtl.stop_after = None
    done = len(rtl.ran)
    assert tightrope(*command, "--json", tmp_path / "j").exit_code == 0
    rows = json.loads((tmp_path / "j").read_text())["rows"]
    assert done == 3 and runs_of(rows) == len(rtl.ran)
    assert tightrope(*command).exit_code == 0
    assert runs_of(rows) == len(rtl.ran)


def test_runs_on_a_scheduler_give_the_same_rows(tightrope, rtl, net, tmp_path):
    tightrope("sweep", net, *WAYS, "--out", tmp_path / "here", "--json", tmp_path / "here.json")
    options = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "protocol": "tcp"}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **options) as cluster:
        result = tightrope(
            "sweep", net, *WAYS, "--out", tmp_path / "there", "--json", tmp_path / "there.json",
            "--scheduler", cluster.scheduler_address,
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    files = (tmp_path / "here.json", tmp_path / "there.json")
    here, there = (json.loads(path.read_text()) for path in files)
    # Workers don't know of each other's runs.
    assert len(rtl.ran) >= 2 * runs_of(here["rows"])
    for row in (*here["rows"], *there["rows"]):
        del row["seconds"]
    assert there == here


def test_a_row_is_measured_again_if_the_network_changed(tightrope, rtl, net, tmp_path):
    command = ("sweep", net, "--coupling", "digital", "--coverage", "0", "--balance", "static")
    tightrope(*command, "--out", tmp_path / "o")
    model = onnx.load(net)
    (weights,) = [tensor for tensor in model.graph.initializer if tensor.name == "w1"]
    changed = -onnx.numpy_helper.to_array(weights)
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, "w1"))
    onnx.save(model, net)
    assert tightrope(*command, "--out", tmp_path / "o").exit_code == 0
    assert len(rtl.ran) == 2


def test_another_calibration_makes_other_rows_of_the_same_runs(tightrope, rtl, net, tmp_path):
    command = ("sweep", net, "--coupling", "digital", "--coverage", "0", "--balance", "static")
    content = json.loads(DEFAULT_FILE.read_text())
    for costs in content["kernels"]["conv_dot4"]["compute"], content["kernels"]["maxpool"]:
        costs.update({name: 2 * cost for name, cost in costs.items() if isinstance(cost, float)})
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    found = [
        tightrope(*command, *options, "--out", tmp_path / "o", "--json", "-")
        for options in ((), ("--calibration", other), ())
    ]
    rows = [json.loads(result.stdout)["rows"][0] for result in found]
    assert len(rtl.ran) == 1 and rows[0] == rows[2]
    assert rows[1]["model_cycles"] > 1.2 * rows[0]["model_cycles"]
    assert rows[1]["rtl_cycles"] == rows[0]["rtl_cycles"]


def test_kernel_that_was_not_calibrated_has_no_model_error(tightrope, rtl, net, tmp_path):
    content = json.loads(DEFAULT_FILE.read_text())
    del content["kernels"]["maxpool"]
    part = tmp_path / "part.json"
    part.write_text(json.dumps(content))
    result = tightrope(
        "sweep", net, "--coupling", "digital", "--coverage", "0", "--balance", "static",
        "--calibration", part, "--out", tmp_path / "o", "--json", tmp_path / "j",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "j").read_text())["rows"]
    assert row["model_cycles"] is None and row["rtl_cycles"] > 0


def test_rows_without_a_prediction_are_still_known(tightrope, rtl, net, tmp_path, monkeypatch):
    command = ("sweep", net, "--coupling", "digital", "--coverage", "0", "--balance", "static")
    fields = NetworkRow.to_dict

    def older(row):
        return {name: value for name, value in fields(row).items() if name != "model_cycles"}

    with monkeypatch.context() as patch:
        patch.setattr(NetworkRow, "to_dict", older)
        patch.setattr(sweep, "model_cycles_of", lambda *ignored: None)
        tightrope(*command, "--out", tmp_path / "o")
    result = tightrope(*command, "--out", tmp_path / "o", "--json", "-")
    assert json.loads(result.stdout)["rows"][0]["model_cycles"] > 0
    assert len(rtl.ran) == 1


def test_a_pipeline_runs_several_inputs_and_says_both_speeds(tightrope, rtl, net, tmp_path):
    result = tightrope(
        "sweep", net, "--coupling", "digital", "--coverage", "0", "--balance", "pipeline",
        "--images", "5", "--harts", "2", "--out", tmp_path / "o", "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    stages = len(set(rtl.ran[0].stage_harts))
    assert row["inputs"] == 5 and row["cycles_per_input"] == row["rtl_cycles"] / 5
    assert stages == 2
    assert row["latency_cycles"] == pytest.approx(row["rtl_cycles"] / (5 + stages - 1) * stages)


def test_a_wrong_output_is_status_1(tightrope, rtl, net, tmp_path):
    rtl.problem = "4 of 9 outputs differ"
    result = tightrope("sweep", net, *WAYS, "--out", tmp_path / "o")
    assert result.exit_code == 1 and "4 of 9 outputs differ" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--coverage", "0,1.5"), "--coverage"),
        (("--coverage", "half"), "--coverage"),
        (("--coverage", ""), "--coverage"),
        (("--coupling", "glued"), "--coupling"),
        (("--balance", "luck"), "--balance"),
        (("--harts", "9"), "harts"),
        (("--samples", "no.npy"), "no.npy"),
        (("--tiles", "99", "--coupling", "loose"), "loose_tiles"),
    ],
)
def test_sweep_that_makes_no_sense(tightrope, rtl, net, tmp_path, options, said):
    refused(tightrope("sweep", net, *options, "--out", tmp_path / "o"), said)
    assert not rtl.ran


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--balance", "luck"), "--balance must be a list of static, weighted, pipeline, steal"),
        (("--coupling", "glued"), "--coupling"),
        (("--policy", "best"), "--policy"),
        (("--rows", "2"), "--rows is for one layer"),
        (("--stream",), "--stream needs --coupling loose"),
        (("--samples", "no.npy"), "no.npy"),
        (("--machine", "no.json"), "no.json"),
        (("--layer", "first", "--coverage", "0.5"), "are for a whole MODEL"),
        (("--layer", "first", "--balance", "pipeline"), "--balance"),
    ],
)
def test_run_that_makes_no_sense(tightrope, net, options, said):
    refused(tightrope("run", net, *options), said)


@pytest.mark.parametrize("coverage", ["-0.1", "1.1", "half"])
def test_coverage_that_is_no_share_is_a_usage_error(tightrope, net, coverage):
    result = tightrope("run", net, "--coverage", coverage)
    assert result.exit_code == 2 and "--coverage" in result.stderr


def test_operator_without_a_kernel_is_named(tightrope, rtl, tmp_path):
    net = save_net(tmp_path / "net.onnx")
    model = onnx.load(net)
    (relu,) = [node for node in model.graph.node if node.name == "relu"]
    relu.CopyFrom(helper.make_node("Sigmoid", ["a"], ["b"], name="odd"))
    onnx.save(model, net)
    refused(tightrope("run", net), "odd", "Sigmoid")
    refused(tightrope("sweep", net, "--out", tmp_path / "o"), "odd", "Sigmoid")


def test_image_that_does_not_fit_the_memory_is_refused_with_both_sizes(tightrope, tmp_path):
    small = ClusterConfig().to_dict()
    small["memory"]["size_bytes"] = size_bytes = 1 << 18
    machine = tmp_path / "small.json"
    machine.write_text(json.dumps(small))
    result = tightrope("run", "resnet8", "--machine", machine)
    refused(result, "the image needs", f"bytes of memory, the machine has {size_bytes}")


def test_samples_of_another_shape_are_refused(tightrope, net, tmp_path):
    samples = tmp_path / "samples.npy"
    np.save(samples, np.zeros((2, 3, 3, 3), np.float32))
    refused(tightrope("run", net, "--samples", samples), "samples.npy")


@pytest.fixture
def layered(monkeypatch, rtl):
    """``run`` on made-up hardware, whose layers take 100 cycles each."""

    def run(qnet, mapping, inputs, **options):
        found = rtl(qnet, mapping, inputs)
        names = [layer.name for layer in mapping.network.layers]
        layers = [LayerRun(name="programming", step=None, input=0, rtl_cycles=9)]
        layers += [
            LayerRun(name=name, step=step, input=number, rtl_cycles=100)
            for number in range(len(inputs))
            for step, name in enumerate(names)
        ]
        if mapping.stage_harts:
            layers = [LayerRun(name="pipeline", step=0, input=0, rtl_cycles=found.rtl_cycles)]
        machine = mapping.machine
        tiles = machine.harts * machine.tight_tiles_per_hart + machine.loose_tiles
        counters = dataclasses.replace(
            found.counters,
            harts=[dict.fromkeys(HartCounter, 0)] * machine.harts,
            tiles=[dict.fromkeys(TileStatusReg, 0)] * tiles,
        )
        return dataclasses.replace(found, layers=tuple(layers), counters=counters)

    monkeypatch.setattr(network_run, "run_on_rtl", run)
    return rtl


def test_prediction_stands_beside_what_a_network_took(tightrope, layered, net):
    result = tightrope("run", net, "--images", "2", "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    programming, *layers = content["layers"]
    assert programming["model_cycles"] is None and len(layers) == 6
    assert sum(layer["model_cycles"] for layer in layers) == pytest.approx(content["model_cycles"])
    assert content["error"] == pytest.approx(content["model_cycles"] / content["rtl_cycles"] - 1)
    for layer in layers:
        assert layer["error"] == pytest.approx(layer["model_cycles"] / 100 - 1)
    low, high = content["model_low_cycles"], content["model_high_cycles"]
    assert low < content["model_cycles"] < high
    assert content["uncalibrated_cycles"] == 0 and content["extrapolated"] == []
    shown = tightrope("run", net).stdout
    assert "model cycles per input" in shown and "model error" in shown


def test_pipeline_has_a_prediction_without_an_interval(tightrope, layered, net):
    command = ("run", net, "--images", "3", "--balance", "pipeline", "--harts", "2")
    content = json.loads(tightrope(*command, "--json", "-").stdout)
    (pipeline,) = content["layers"]
    assert pipeline["model_cycles"] == content["model_cycles"] > 0
    assert content["model_low_cycles"] is content["model_high_cycles"] is None
    assert pipeline["error"] == content["error"]
    predicted = json.loads(tightrope(*command, "--on", "model", "--json", "-").stdout)
    assert predicted["model_cycles"] == pytest.approx(content["model_cycles"] / 3)
    assert "at least" in tightrope(*command, "--on", "model").stdout
