"""The page on results names every field that there is, and none that is not."""

import json
import re
from pathlib import Path

import pyarrow.parquet
import pytest
from tightrope.sim import commands
from tightrope.sim.explore.rows import ENERGY_PREFIX, TERM_PREFIX, Row

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "results.md").read_text(encoding="utf-8")


def documented(before):
    """Fields in the first column of the table that follows a line."""
    after = PAGE.split(f"\n{before}\n", 1)[1]
    table = re.search(r"\n\| field \| meaning \|\n\| --- \| --- \|\n((?:\|.*\n)+)", after)[1]
    names = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines()]
    assert all(names), table
    return {name for line in names for name in line}


@pytest.fixture
def summary(tightrope, net, tmp_path):
    result = tightrope(
        *("explore", net, "--harts", "1,2", "--tiles", "2,4", "--no-live"),
        *("--out", tmp_path / "out", "--json", "-"),
    )
    return json.loads(result.stdout)


def test_summary(summary):
    assert documented("`summary.json`:") == set(summary)


def test_summary_of_a_search(tightrope, net, tmp_path):
    result = tightrope(
        *("explore", net, "--harts", "1,2", "--tiles", "2,4", "--search", "5"),
        *("--out", tmp_path / "out", "--json", "-"),
    )
    known = documented("`summary.json`:")
    assert set(json.loads(result.stdout)) - known == {"search"} and "has `search`" in PAGE


def test_verdict(summary):
    assert documented("A verdict:") == set(summary["verdicts"][0])


def test_columns_of_the_table_are_those_of_a_row(summary, tmp_path):
    assert "<!-- fields: tightrope.sim.explore.rows.Row -->" in PAGE
    columns = pyarrow.parquet.read_table(tmp_path / "out" / "results.parquet").column_names
    plain = {name for name in columns if not name.startswith((TERM_PREFIX, ENERGY_PREFIX))}
    # model_cycles and model_energy_pj themselves have no underscore after their prefix.
    assert plain == set(Row.__dataclass_fields__) - {"terms", "energy"}


def test_run(tightrope, net):
    """Of runs on RTL only the names in the code are looked at: they need a simulator."""
    names = documented("`--json` of a layer or a whole network:")
    found = set()
    for workload in ("conv:4x4x4:4:1x1", "digits"):
        result = tightrope("run", workload, "--on", "model", "--harts", "1", "--json", "-")
        assert result.exit_code == 0, result.output
        found |= set(json.loads(result.stdout))
    assert found <= names, "docs/guide/results.md does not say what these are"
    folder = Path(commands.__file__).parent
    parts = ("layer", "network", "board")
    code = "".join((folder / f"run_{part}.py").read_text() for part in parts)
    assert {name for name in names - found if f'"{name}":' not in code} == set()
