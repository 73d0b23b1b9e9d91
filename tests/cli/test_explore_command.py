import json
import re

import pyarrow.parquet
import pytest
from nets import save_net
from test_bad_input import parts_in
from tightrope.sim.cosim.errors import CosimError
from tightrope.sim.experiment import measure
from tightrope.sim.experiment.case import Measurement
from tightrope.sim.explore.evaluate import Evaluator

SMALL = ("--harts", "1,2", "--tiles", "1,2,4", "--no-live")


def test_writes_results_summary_report_and_picture(tightrope, net, tmp_path):
    out = tmp_path / "out"
    result = tightrope("explore", net, *SMALL, "--out", out, "--json", tmp_path / "s.json")
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary == json.loads((tmp_path / "s.json").read_text())
    assert {"model", "points", "verdicts", "live_checks"} <= set(summary)
    assert summary["model"] == "net"
    rows = pyarrow.parquet.read_table(out / "results.parquet").to_pylist()
    # Two baselines for each number of harts; three couplings, three budgets, two balancings.
    assert len(rows) == summary["points"] == 2 * 2 + 2 * 3 * 3 * 2
    assert {row["coupling"] for row in rows} == {"none", "tight", "loose", "stream"}
    (uneven,) = {row["tiled_harts"] for row in rows if row["coupling"] == "tight"
                 and row["harts"] == 2 and row["tiles"] == 1}  # fmt: skip
    assert uneven == 1
    assert (out / "speedup.svg").read_text().startswith("<svg")
    assert "which coupling, for each tile budget" in result.stdout
    said = " ".join(result.stdout.split())
    assert "0.0 % of them not calibrated" in said and "confidence" in said
    report = (out / "report.html").read_text()
    assert "less energy in" in report and "guess there: harts 1 (2 .. 8)." in report
    assert not list(out.glob(".*"))


def test_verdicts_have_the_fields_of_the_design(tightrope, net, tmp_path):
    result = tightrope("explore", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    summary = json.loads(result.stdout)
    fields = {
        *("harts", "tiles", "coverage", "mac_coverage", "coupling", "balance"),
        *("speedup", "energy_gain", "margin", "model_error"),
        *("confidence", "energy_confidence", "uncalibrated_ratio", "extrapolated_ratio"),
    }
    assert [(v["harts"], v["tiles"]) for v in summary["verdicts"]] == [
        (harts, tiles) for harts in (1, 2) for tiles in (1, 2, 4)
    ]
    for verdict in summary["verdicts"]:
        assert fields <= set(verdict)
        assert verdict["coupling"] in ("tight", "loose", "stream", "too close to call")
        named = verdict["coupling"] != "too close to call"
        sure = verdict["confidence"] if verdict["margin"] >= 0 else 1 - verdict["confidence"]
        assert named == (sure >= 0.9) and 0 <= verdict["energy_confidence"] <= 1


def test_baseline_rows_are_digital_and_speedups_refer_to_them(tightrope, net, tmp_path):
    tightrope("explore", net, *SMALL, "--out", tmp_path / "o")
    rows = pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet").to_pylist()
    base = {
        row["harts"]: row["model_cycles"]
        for row in rows
        if row["coupling"] == "none" and row["balance"] == "static"
    }
    for row in rows:
        assert row["speedup"] == pytest.approx(base[row["harts"]] / row["model_cycles"])
        terms = sum(v for k, v in row.items() if k.startswith("model_cycles_"))
        assert terms == pytest.approx(row["model_cycles"])
        energy = sum(v for k, v in row.items() if k.startswith("model_energy_pj_"))
        assert energy == pytest.approx(row["model_energy_pj"])
        assert row["tiles_used"] <= row["tiles"]
        low, high = row["model_low_cycles"], row["model_high_cycles"]
        # Three layers, whose errors are partly their own: less than 5 % down and 10 % up.
        assert 0.95 < low / row["model_cycles"] < 1 < high / row["model_cycles"] < 1.1
        assert row["extrapolated_ratio"] == (row["harts"] == 1)


def test_points_that_cannot_exist_are_said_once(tightrope, net, tmp_path):
    result = tightrope(
        "explore", net, "--harts", "4", "--tiles", "1,2,8,128", "--no-live", "--out", tmp_path / "o"
    )
    assert result.exit_code == 0
    said = " ".join(result.stderr.split())
    assert said.count("left out 128 tight tiles on 4 harts") == 1
    assert said.count("128 loose tiles on 4 harts and 128 streaming tiles on 4 harts") == 1
    assert said.count("from 0 to 64") == 1


def test_second_run_computes_nothing_again(tightrope, net, tmp_path, monkeypatch):
    first = tightrope("explore", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    before = parts_in(tmp_path / "o")

    def row(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(Evaluator, "row", row)
    second = tightrope("explore", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    assert second.stdout == first.stdout
    assert parts_in(tmp_path / "o") == before


def test_other_options_do_not_reuse_rows(tightrope, net, tmp_path):
    one = tightrope("explore", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    other = tightrope(
        "explore", net, *SMALL, "--tile-rows", "64", "--out", tmp_path / "o", "--json", "-"
    )
    rows = pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet").to_pylist()
    assert len(rows) == json.loads(other.stdout)["points"] == json.loads(one.stdout)["points"]
    kept = pyarrow.parquet.read_table(tmp_path / "o" / "results.parts")
    assert len(set(kept["key"].to_pylist())) == kept.num_rows == 2 * len(rows)


def test_coverages_are_swept_and_the_front_is_in_summary_and_table(tightrope, net, tmp_path):
    result = tightrope(
        "explore", net, *SMALL, "--coverage", "0.3,1", "--out", tmp_path / "o",
        "--json", tmp_path / "s.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "s.json").read_text())
    rows = {row["key"]: row for row in summary["rows"]}
    assert len(rows) == summary["points"] == 2 * 2 + 2 * 2 * 3 * 3 * 2
    assert {row["asked_coverage"] for row in rows.values()} == {0.0, 0.3, 1.0}
    costs = ("tiles", "model_cycles", "model_energy_pj")
    front = [tuple(point[name] for name in costs) for point in summary["pareto"]]
    for row in rows.values():
        cost = tuple(row[name] for name in costs)
        assert any(all(map(float.__le__, map(float, p), map(float, cost))) for p in front)
    assert {point["key"] for point in summary["pareto"]} <= set(rows)
    assert "faster, thriftier and smaller at once" in result.stdout


def test_search_keeps_its_budget_and_says_what_it_found(tightrope, net, tmp_path):
    command = ("explore", net, *SMALL, "--search", "12", "--objective", "cycles")
    result = tightrope(*command, "--out", tmp_path / "o", "--json", tmp_path / "s.json")
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary == json.loads((tmp_path / "o" / "summary.json").read_text())
    assert len(summary["rows"]) == summary["points"] == 12
    best = summary["search"]["best"]
    assert best["model_cycles"] == min(row["model_cycles"] for row in summary["rows"])
    assert "The best point by cycles of 12 evaluated ones (30 % of the grid's 40)" in result.stdout
    assert pyarrow.parquet.read_table(tmp_path / "o" / "results.parquet").num_rows == 12
    again = tightrope(*command, "--out", tmp_path / "o", "--json", "-")
    assert json.loads(again.stdout) == summary and "All 12 points were there" in again.stderr
    other = tightrope(*command, "--seed", "1", "--out", tmp_path / "o", "--json", "-")
    assert json.loads(other.stdout)["rows"] != summary["rows"]


def test_scheduler_that_is_there_is_used(tightrope, net, tmp_path):
    from distributed import LocalCluster

    here = tightrope("explore", net, *SMALL, "--out", tmp_path / "here", "--json", "-")
    with LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        there = tightrope(
            "explore", net, *SMALL, "--out", tmp_path / "there", "--json", "-",
            "--scheduler", cluster.scheduler_address,
        )  # fmt: skip
    assert there.exit_code == 0, there.output
    assert there.stdout == here.stdout


def test_report_is_self_contained_and_escapes_names(tightrope, tmp_path):
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    net = save_net(tmp_path / "net.onnx", names=(evil, "b&b", "last"))
    result = tightrope("explore", net, *SMALL, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    report = (tmp_path / "o" / "report.html").read_text()
    assert evil not in report and "<img" not in report.split("plotly.js v")[0]
    own = re.sub(r"<script>\s*/\*\*\s*\* plotly\.js.*?</script>", "", report, flags=re.S)
    assert len(own) < len(report) / 10
    assert not re.search(r"<[^>]*\s(src|href)\s*=|@import|url\(|https?://(?!www\.w3\.org)", own)
    figures = re.search(r'id="figures">(.*?)</script>', report, re.S)
    data = json.loads(figures[1])
    assert [figure["id"] for figure in data["layers"]] == [f"layers-{i}" for i in range(4)]
    for index in range(4):
        assert f'<div id="layers-{index}">' in report


def fake_measure(problem=""):
    def run(cases, **options):
        import numpy as np

        return [
            Measurement(
                case=case,
                plan=case.plan,
                rtl_cycles=1000,
                program_cycles=0,
                hart_counters=np.zeros((case.machine.harts, 13), np.int64),
                tile_counters=np.zeros((0, 11), np.int64),
                machine_counters=np.zeros(7, np.int64),
                mismatches=bool(problem),
                problem=problem,
            )
            for case in cases
        ]

    return run


def test_live_checks_cover_every_body(tightrope, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "measure", fake_measure())
    result = tightrope(
        "explore", "resnet8", *SMALL[:-1], "--live", "4", "--out", tmp_path / "o", "--json", "-"
    )
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["live_checks"]
    assert [check["body"] for check in checks] == ["tight", "loose", "stream", "dot4"]
    for check in checks:
        assert {"name", "rtl_cycles", "model_cycles", "error"} <= set(check)
        assert check["error"] == pytest.approx(check["model_cycles"] / 1000 - 1)
        low, high = check["model_low_cycles"], check["model_high_cycles"]
        assert check["inside"] == (low <= 1000 <= high)


def test_failed_live_check_is_status_1_after_writing_everything(
    tightrope, net, tmp_path, monkeypatch
):
    monkeypatch.setattr(measure, "measure", fake_measure("3 of 9 outputs differ"))
    result = tightrope("explore", net, *SMALL[:-1], "--live", "1", "--out", tmp_path / "o")
    assert result.exit_code == 1
    assert "live check failed" in result.stderr and "3 of 9 outputs differ" in result.stderr
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["live_checks"][0]["checked"] is False


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (CosimError("perl is not installed"), 2, "perl is not installed"),
        (KeyboardInterrupt(), 130, "goes on from there"),
    ],
)
def test_live_check_that_ends_early_leaves_all_results(
    tightrope, net, tmp_path, monkeypatch, error, status, said
):
    def fail(cases, **options):
        raise error

    monkeypatch.setattr(measure, "measure", fail)
    result = tightrope("explore", net, *SMALL[:-1], "--out", tmp_path / "o")
    assert result.exit_code == status and said in result.stderr
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["verdicts"] and summary["live_checks"] == []
    assert "It did not finish." in (tmp_path / "o" / "report.html").read_text()


def test_help_does_not_import_what_is_slow():
    import subprocess
    import sys

    heavy = "{'numpy', 'onnx', 'pyarrow', 'plotly', 'scipy', 'cocotb', 'amaranth', 'dask'}"
    code = f"import sys, tightrope.sim.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
