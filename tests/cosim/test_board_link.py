"""The design of a bitstream, simulated with a UART at its pins, in the hands of the real host."""

import dataclasses
import json
import random

import numpy as np
import pytest
from cosim_cases import TILE_WAYS, reprogrammed_job, resident_job
from cosim_jobs import TIMEOUT_S, run_firmware, system_firmware
from tightrope.fpga.host.board import Board
from tightrope.fpga.host.errors import BoardError, LinkLostError
from tightrope.fpga.link.protocol import BLOCK_BYTES
from tightrope.fpga.presets import PRESETS
from tightrope.fpga.simulated.board import SimulatedBoard
from tightrope.fpga.simulated.build import BAUD, build_board
from tightrope.sim.cli import app
from tightrope.sim.image.layout import ExitStatus
from tightrope.sim.image.results import check_outputs
from tightrope.sim.workload.layers import LayerOp
from typer.testing import CliRunner

PRESET = PRESETS["small"]
MACHINE = PRESET.config
LIMIT_CYCLES = 30_000_000
PATIENCE_S = (5.0, 10.0, 20.0)
"""Where replies are only late because the computer is busy."""
KERNEL = "conv:6x6x8:8:3x3:p1"


@pytest.fixture(scope="module")
def binary():
    return build_board(PRESET)


@pytest.fixture
def board(binary):
    with SimulatedBoard(binary) as simulated:
        yield simulated


@pytest.fixture(scope="module")
def jobs():
    found = [resident_job(MACHINE, LayerOp.CONV, way, 1, channels=40) for way in TILE_WAYS[:3]]
    return [*found, reprogrammed_job(MACHINE, LayerOp.DENSE, TILE_WAYS[1], 1, channels=80)]


@dataclasses.dataclass(frozen=True)
class NoImage:
    """Bytes that are no image."""

    data: bytes
    memory_end: int


def run_on(port, images, **options):
    board = Board(port=port, baud=BAUD, timeouts_s=PATIENCE_S, **options)
    firmware = system_firmware().bin.read_bytes()
    limits = {"limit_cycles": LIMIT_CYCLES, "timeout_s": TIMEOUT_S}
    return board.run_images(MACHINE, images, firmware=firmware, **limits)


def test_outputs_cycles_and_memory_are_those_of_the_behavioural_machine(board, jobs):
    images = [job.image for job in jobs]
    at_once = run_firmware(MACHINE, images, system_firmware(), limit_cycles=LIMIT_CYCLES)
    for job, expected, run in zip(jobs, at_once, run_on(board.port, images), strict=True):
        run.check()
        assert not check_outputs(job.image, run.memory, job.expected), job.name
        assert run.cycles == expected.cycles, job.name
        # Outputs, the counters of harts, tiles and machine of each layer, scratch, guards: all.
        different = np.flatnonzero(run.memory != expected.memory)
        assert not len(different), f"{job.name}: {len(different)} bytes, from {different[0]}"
        assert run.log == expected.log


def test_what_firmware_says_of_a_bad_image_arrives(board, jobs):
    image = jobs[0].image
    spoiled = bytearray(image.data)
    spoiled[-1] ^= 1
    (result,) = run_on(board.port, [NoImage(bytes(spoiled), image.memory_end)])
    (expected,) = run_firmware(
        MACHINE, [NoImage(bytes(spoiled), image.memory_end)], system_firmware()
    )
    assert (result.status, result.log) == (ExitStatus.BAD_IMAGE, expected.log)
    assert result.cycles == expected.cycles


def test_bytes_that_are_damaged_on_the_line_change_nothing(board, jobs):
    seed = 5
    rng = random.Random(seed)
    hits = 0

    def noise(data):
        nonlocal hits
        damaged = bytearray(data)
        for place in range(len(damaged)):
            if rng.random() < 5e-5:
                hits += 1
                damaged[place] ^= 1 << rng.randrange(8)
        return bytes(damaged)

    board.cable.to_board = board.cable.to_host = noise
    (run,) = run_on(board.port, [jobs[0].image])
    run.check()
    assert hits > 0, f"seed {seed}"
    assert not check_outputs(jobs[0].image, run.memory, jobs[0].expected), f"seed {seed}"


def test_a_load_goes_on_where_the_cable_was_pulled(board, jobs):
    image = jobs[0].image
    counts = []

    def pull(what, done, total):
        if what == "blocks loaded":
            counts.append((done, total))
            if done == total // 2 > 0:
                board.cable.pull()

    with pytest.raises(LinkLostError, match=" goes on from there$"):
        run_on(board.port, [image], tell=pull)
    cut, total = counts[-1]
    board.replug()
    counts.clear()
    (run,) = run_on(board.port, [image], tell=lambda *told: counts.append(told))
    run.check()
    assert not check_outputs(image, run.memory, jobs[0].expected)
    # The block on the way may have arrived.
    loads = {whole for what, _, whole in counts if what == "blocks loaded"}
    assert loads <= {total - cut, total - cut - 1}
    assert total * BLOCK_BYTES < image.memory_bytes


def test_a_bitstream_of_another_machine_is_one_sentence(board, jobs):
    other = dataclasses.replace(MACHINE, harts=1)
    with pytest.raises(BoardError, match=r"another machine \(.*2 harts.*\(.*1 hart, "):
        Board(port=board.port, timeouts_s=PATIENCE_S).run_images(
            other, [jobs[0].image], firmware=b"", limit_cycles=1
        )


def tightrope(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments), "--json", "-", "--quiet"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("workload", [KERNEL, "digits"])
def test_the_command_says_on_a_board_what_it_says_on_rtl(board, workload):
    here = tightrope("run", workload, "--coupling", "tight", "--preset", PRESET.name)
    place = ("--on", "ULX3S", "--port", board.port, "--baud", BAUD)
    there = tightrope("run", workload, "--coupling", "tight", *place)
    assert there.pop("board")["port"] == board.port
    assert (here.pop("on"), there.pop("on")) == ("rtl", "ulx3s")
    assert there == here
    assert there["mismatches"] == 0
