import dataclasses
import json
import types

import pytest
from test_bad_input import refused
from tightrope.sim import doctor
from tightrope.sim.calibrate import run
from tightrope.sim.calibrate.counters import CounterErrors
from tightrope.sim.calibrate.fit import WrongOutputError
from tightrope.sim.commands.guard import EXIT_FAILED_CHECK, EXIT_INTERRUPTED
from tightrope.sim.model import predict


@dataclasses.dataclass
class Judgement:
    """In place of what calibration finds."""

    mismatches: int = 0
    mean_abs_error: float = 0.03
    worst_abs_error: float = 0.03
    inside_interval: float = 1.0
    counters = (
        CounterErrors(
            name="MVMs", cases=7, exact=7, within_bar=7, mean_abs_error=0.0, worst_abs_error=0.0,
            worst_case="never", total_error=0.0,
        ),
        CounterErrors(
            name="stores", cases=9, exact=0, within_bar=8, mean_abs_error=0.02,
            worst_abs_error=0.336, worst_case="dense:9:9", total_error=-0.004,
        ),
    )  # fmt: skip

    @property
    def cases(self):
        return [
            types.SimpleNamespace(
                name="a", rtl_cycles=100, model_cycles=103.0, error=0.03, interval=[98.0, 109.0],
                inside=True,
            )
        ]  # fmt: skip

    def to_dict(self):
        return {
            "cases": [vars(case) for case in self.cases],
            "mean_abs_error": self.mean_abs_error,
            "worst_abs_error": self.worst_abs_error,
            "inside_interval": self.inside_interval,
        }


@pytest.fixture
def judgement(monkeypatch):
    """In place of measuring on RTL: what both commands find."""
    found = Judgement()
    monkeypatch.setattr(run, "validate", lambda costs, **options: found)
    monkeypatch.setattr(run, "calibrate", lambda path, **options: (None, found))
    monkeypatch.setattr(predict, "load_calibration", lambda path: None)
    return found


@pytest.mark.parametrize("command", ["validate", "calibrate"])
def test_report_goes_to_json(tightrope, judgement, tmp_path, command):
    result = tightrope(command, "--json", tmp_path / "v.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "v.json").read_text()) == judgement.to_dict()
    assert "+3.0 %" in result.stdout and "mean absolute error 3.00 %" in result.stdout
    assert "98 .. 109" in result.stdout and "100.0 % of the truths lie" in result.stdout


def test_counters_have_a_table_with_their_worst_case(tightrope, judgement):
    lines = [" ".join(line.split()) for line in tightrope("validate").stdout.splitlines()]
    assert "│ MVMs │ 7 │ 7 │ 7 │ 0.0 % │ 0.0 % │ +0.0 % │ │" in lines
    assert "│ stores │ 9 │ 0 │ 8 │ 2.0 % │ 33.6 % │ -0.4 % │ dense:9:9 │" in lines


@pytest.mark.parametrize("command", ["validate", "calibrate"])
def test_wrong_outputs_are_status_1(tightrope, judgement, command):
    judgement.mismatches = 5
    result = tightrope(command)
    assert result.exit_code == 1 and "5 outputs" in result.stderr


def test_validate_fails_above_a_limit(tightrope, judgement):
    assert tightrope("validate", "--limit", "0.02").exit_code == 1
    assert tightrope("validate", "--limit", "0.04").exit_code == 0


def test_calibration_that_is_none_is_refused(tightrope, tmp_path):
    for name, text in (("no.json", None), ("bad.json", "{")):
        if text is not None:
            (tmp_path / name).write_text(text)
        refused(tightrope("validate", "--calibration", tmp_path / name), name)


def test_ctrl_c_has_its_status(tightrope, judgement, monkeypatch):
    def stop(costs, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "validate", stop)
    result = tightrope("validate")
    assert result.exit_code == EXIT_INTERRUPTED and result.stderr == "tightrope: stopped\n"


@pytest.mark.parametrize("ok", [True, False])
def test_doctor_says_what_is_missing(tightrope, monkeypatch, tmp_path, ok):
    finding = doctor.Finding(name="perl", ok=ok, detail="no perl on PATH", advice="install perl")
    monkeypatch.setattr(doctor, "diagnose", lambda: [finding])
    result = tightrope("doctor", "--json", tmp_path / "d.json")
    assert result.exit_code == (0 if ok else 1)
    assert json.loads((tmp_path / "d.json").read_text())["ok"] is ok
    assert ("missing: perl" in result.stderr) is not ok


def test_calibrate_that_finds_the_rtl_wrong_says_which_case_and_stores_nothing(
    tightrope, monkeypatch
):
    def wrong(path, **options):
        raise WrongOutputError("conv dot4 1h: output 3 is 4, not 5")

    monkeypatch.setattr(run, "calibrate", wrong)
    result = tightrope("calibrate")
    assert result.exit_code == EXIT_FAILED_CHECK
    assert "nothing was fitted: conv dot4 1h: output 3 is 4, not 5" in result.stderr
