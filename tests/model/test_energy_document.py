from pathlib import Path

import pytest
from tightrope.sim.energy import __main__ as command
from tightrope.sim.energy.document import fill, tables
from tightrope.sim.energy.numbers import EnergyError

PAGE = Path(__file__).parents[2] / "docs" / "energy.md"


def test_page_is_as_new_as_the_data():
    text = PAGE.read_text(encoding="utf-8")
    assert fill(text) == text, "run: python -m tightrope.sim.energy docs/energy.md"
    for name, table in tables().items():
        assert table in text, name


def test_only_places_for_tables_are_written(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: gf22 -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr("sys.argv", ["energy", str(page)])
    assert command.main() == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- table: gf22 -->\n") and text.endswith("-->\nafter\n")
    assert "old" not in text and tables()["gf22"] in text


def test_unknown_table_is_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(EnergyError, match="no table 'gold', only energy components"):
        fill("<!-- table: gold -->\n<!-- end -->\n")
    monkeypatch.setattr("sys.argv", ["energy", str(tmp_path / "missing.md")])
    assert command.main() == 2
    assert "missing.md" in capsys.readouterr().err
