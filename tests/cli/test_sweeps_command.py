"""``python -m tightrope.sim.sweeps`` with the made-up model and small networks."""

import json

import pyarrow.parquet
import pytest
from nets import save_net
from stub_model import StubPredictor
from test_bad_input import refused
from tightrope.sim.sweeps import main
from tightrope.sim.workload.onnx_import import load_network
from typer.testing import CliRunner

NETWORKS = "alexnet,squeezenet"


@pytest.fixture
def sweeps(monkeypatch, tmp_path):
    """Runs it; both networks are the same small one under two names."""
    for name in NETWORKS.split(","):
        save_net(tmp_path / f"{name}.onnx")
    monkeypatch.setattr(main, "load_predictor", StubPredictor)
    monkeypatch.setattr(main, "load_network", lambda name: load_network(tmp_path / f"{name}.onnx"))

    def run(*arguments):
        options = ["--network", NETWORKS, "--profile", "gf22", "--out", str(tmp_path / "o")]
        return CliRunner().invoke(main.app, [*options, *arguments])

    return run


def test_all_networks_are_swept_once(sweeps, tmp_path):
    result = sweeps("--workers", "1")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "o" / "sweep.json").read_text())
    assert [answer["network"] for answer in found["networks"]] == NETWORKS.split(",")
    table = pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet")
    assert table.num_rows == found["points"] == 2 * 1628
    assert (found["reused"], found["networks"][0]["points"]) == (0, 1628)
    assert len(set(table["key"].to_pylist())) == table.num_rows
    assert all(answer["pareto"] and answer["verdicts"] for answer in found["networks"])
    again = sweeps("--workers", "1")
    assert again.exit_code == 0 and "3256 were there already" in again.stdout


def test_sweep_that_takes_too_long_is_status_1(sweeps, monkeypatch):
    monkeypatch.setattr(main, "SECONDS_BAR", 0.0)
    result = sweeps("--workers", "1")
    assert result.exit_code == 1 and "must be at most 0 s" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--network", "lenet"), "--network"), (("--scheduler", "127.0.0.1:1"), "no dask scheduler")],
)
def test_what_makes_no_sense_is_refused(sweeps, options, said):
    refused(sweeps(*options), said)


def test_the_design_space_has_the_points_that_were_asked_for():
    points = sum(len(main.make_points(main.SWEEP, main.ClusterConfig())[0]) for _ in main.NAMES)
    assert len(main.NAMES) == 6 and points >= 5000
    assert set(main.SWEEP.harts) == {1, 2, 4, 8}
