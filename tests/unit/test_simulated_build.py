"""Where the simulator of a bitstream is kept, with stand-ins for what takes long."""

import pytest
from tightrope.fpga.presets import PRESETS
from tightrope.fpga.simulated import build


def no_verilog(preset, folder):
    return []


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The folders that something was compiled in."""
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path))
    folders = []
    monkeypatch.setattr(build, "_compile", lambda folder, sources: folders.append(folder))
    return folders


def test_what_was_built_is_found(made):
    first = build.build_board(PRESETS["tiny"], generate=no_verilog)
    assert build.build_board(PRESETS["tiny"], generate=no_verilog) == first
    assert made == [first.parent]


@pytest.mark.parametrize("code", [["13.2.0", "avx2"], ["12.2.0", "sse2"]])
def test_other_compiler_or_processor_builds_anew(made, monkeypatch, code):
    monkeypatch.setattr(build, "machine_code", lambda: ["12.2.0", "avx2"])
    first = build.build_board(PRESETS["tiny"], generate=no_verilog)
    monkeypatch.setattr(build, "machine_code", lambda: code)
    assert build.build_board(PRESETS["tiny"], generate=no_verilog) != first
    assert len(made) == 2


def test_another_machine_is_another_simulator(made):
    build.build_board(PRESETS["tiny"], generate=no_verilog)
    build.build_board(PRESETS["small"], generate=no_verilog)
    assert len(made) == 2
