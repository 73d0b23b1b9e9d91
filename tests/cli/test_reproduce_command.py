import json

import pytest
from test_bad_input import refused
from tightrope.sim.reproduce import coupling

FIELDS = {"what", "paper", "ours", "source", "ratio", "note", "configuration"}


def rows_of(path):
    rows = json.loads(path.read_text())["rows"]
    assert rows and all(set(row) >= FIELDS for row in rows)
    return rows


def test_alpine_prints_a_table_its_assumptions_and_what_was_not_published(tightrope, tmp_path):
    result = tightrope("reproduce", "alpine", "--json", tmp_path / "a.json")
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path / "a.json")
    assert next(row for row in rows if row["what"] == "CNN-S: speed-up")["paper"] == 20.5
    for part in ("20.5x", "mac_instructions", "Not published:", "queueVector"):
        assert part in result.stdout


def test_coupling_goes_to_json(tightrope, tmp_path, monkeypatch):
    monkeypatch.setattr(coupling, "NETWORKS", ("resnet8",))
    result = tightrope("reproduce", "coupling", "--json", tmp_path / "c.json")
    assert result.exit_code == 0, result.output
    assert {row["paper"] for row in rows_of(tmp_path / "c.json")} == {5.9, 5.6}
    assert "as above" in result.stdout


def test_json_on_stdout_is_nothing_but_json(tightrope):
    result = tightrope("reproduce", "alpine", "--json", "-", "--quiet")
    assert result.exit_code == 0 and json.loads(result.stdout)["name"] == "alpine"


@pytest.mark.parametrize("name", ["nothing", "", "ALPINE"])
def test_a_name_that_is_none_is_refused(tightrope, name):
    refused(tightrope("reproduce", name), "coupling or alpine", repr(name))


def test_a_file_that_cannot_be_written_is_refused(tightrope, tmp_path):
    refused(tightrope("reproduce", "alpine", "--json", tmp_path / "no" / "a.json" / ""), "no")
