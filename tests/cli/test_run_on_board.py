"""``tightrope run --on BOARD`` where it can't: a sentence, and status 2."""

import json
import struct

import pytest
from fake_board import CONFIG, FakeBoard
from test_bad_input import refused
from tightrope.fpga.presets import PRESETS
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.hw.regs import HartCounter
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR

COUNT = 1000
KERNEL = "conv:6x6x8:8:3x3:p1"
SMALL = PRESETS["small"].config


def count(memory):
    """A run that computes nothing, and counts COUNT of everything."""
    begin = IMAGE_ADDR - MAIN_MEMORY.base_addr
    names = [name for name, _ in HEADER]
    header = dict(zip(names, struct.unpack_from(f"<{len(names)}I", memory, begin), strict=True))
    words = header["layer_count"] * SMALL.harts * len(HartCounter)
    place = header["layer_counters_addr"] - MAIN_MEMORY.base_addr
    struct.pack_into(f"<{words}I", memory, place, *[COUNT] * words)


@pytest.fixture
def board():
    with FakeBoard(SMALL) as fake:
        fake.on_start = count
        yield fake


def run(tightrope, board, *options, on="ulx3s-85f"):
    return tightrope("run", KERNEL, "--on", on, "--port", board.port, *options)


def test_a_board_needs_a_port(tightrope):
    refused(tightrope("run", KERNEL, "--on", "ULX3S"), "--on ULX3S needs --port")


def test_a_port_needs_a_board(tightrope):
    result = tightrope("run", KERNEL, "--port", "/dev/ttyUSB0")
    refused(result, "--port needs --on BOARD, not rtl")


def test_a_board_that_nobody_knows(tightrope):
    result = tightrope("run", KERNEL, "--on", "ulx4", "--port", "/dev/ttyUSB0")
    refused(result, "--on must be rtl, model or a board (ulx3s-85f", "not 'ulx4'")


def test_a_port_that_is_not_there(tightrope, tmp_path):
    result = tightrope("run", KERNEL, "--on", "ulx3s", "--port", tmp_path / "tty")
    refused(result, f"can't open the port {tmp_path}/tty: No such file or directory")


@pytest.mark.parametrize(
    "options",
    [("--harts", 2), ("--tiles", 2), ("--stream",), ("--tile-rows", 64), ("--mvm-latency", 9)],
)
def test_the_machine_of_a_bitstream_is_as_it_is(tightrope, board, options):
    result = run(tightrope, board, "--coupling", "loose", *options)
    refused(result, f"{options[0]} can't be given here: a bitstream's machine is as it is")


def test_a_bitstream_of_another_preset(tightrope, board):
    result = run(tightrope, board, "--preset", "tight4")
    refused(result, "is another machine", "2 harts, tiles of 64x64", "4 harts, tiles of 128x128")


def test_a_bitstream_of_no_preset_needs_its_machine(tightrope, tmp_path):
    with FakeBoard(CONFIG) as other:
        refused(run(tightrope, other), "is none of tiny, small", "with --machine")
        path = tmp_path / "machine.json"
        path.write_text(json.dumps(SMALL.to_dict()))
        refused(run(tightrope, other, "--machine", path), "is another machine")


def test_two_machines(tightrope, board, tmp_path):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(SMALL.to_dict()))
    result = run(tightrope, board, "--machine", path, "--preset", "small")
    refused(result, "--preset and --machine both name a machine")


def test_a_preset_that_nobody_knows(tightrope):
    refused(tightrope("run", KERNEL, "--preset", "huge"), "the preset must be one of", "'huge'")


def test_a_waveform_of_a_board(tightrope, board, tmp_path):
    refused(run(tightrope, board, "--trace", tmp_path), "--trace needs --on rtl", "has no waveform")


def test_firmware_that_never_begins_is_one_sentence(tightrope, board):
    # It "ends" at once, and has written nothing.
    board.status["exit_status"] = 3
    result = run(tightrope, board, "--coupling", "tight")
    refused(result, "the run ended with status 3 (TILE_ERROR) after 0 cycles")


def test_outputs_that_are_wrong_are_status_1(tightrope, board):
    result = run(tightrope, board, "--coupling", "tight", "--json", "-", on="ULX3S")
    assert result.exit_code == 1, result.output
    content = json.loads(result.stdout)
    assert content["on"] == "ulx3s"
    assert content["board"] == {"port": board.port, "clock_mhz": 50.0, "lanes": 8}
    assert content["machine"] == SMALL.to_dict()
    assert content["rtl_cycles"] == COUNT
    assert content["mismatches"] > 0 and "outputs differ" in content["problem"]


def test_where_it_ran_is_in_the_table(tightrope, board):
    result = run(tightrope, board, "--coupling", "tight")
    assert f"ulx3s-85f, {board.port}" in result.output
