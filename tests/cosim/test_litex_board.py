"""The machine in an SoC of LiteX: its memory is LiteDRAM's, behind a cache, and nothing differs."""

import pytest
from cosim_jobs import TIMEOUT_S, run_firmware, system_firmware
from small_machine import LANES, MACHINE, small_jobs
from target_jobs import check_same
from tightrope.fpga.host.board import Board
from tightrope.fpga.litex.simulated import generate_simulated
from tightrope.fpga.presets import Preset
from tightrope.fpga.simulated.board import SimulatedBoard
from tightrope.fpga.simulated.build import BAUD, build_board

PRESET = Preset(name="external", title="1 hart, SDRAM", config=MACHINE, lanes=LANES)
LIMIT_CYCLES = 30_000_000
PATIENCE_S = (5.0, 10.0, 20.0)
"""Where replies are only late because the computer is busy."""


@pytest.fixture(scope="module")
def binary():
    return build_board(PRESET, generate=generate_simulated)


def test_outputs_cycles_and_memory_are_those_of_the_behavioural_machine(binary):
    jobs = small_jobs()[:3]
    images = [job.image for job in jobs]
    expected = run_firmware(MACHINE, images, system_firmware(), limit_cycles=LIMIT_CYCLES)
    with SimulatedBoard(binary) as simulated:
        board = Board(port=simulated.port, baud=BAUD, timeouts_s=PATIENCE_S)
        runs = board.run_images(
            MACHINE,
            images,
            firmware=system_firmware().bin.read_bytes(),
            limit_cycles=LIMIT_CYCLES,
            timeout_s=TIMEOUT_S,
        )
    check_same(jobs, expected, runs)
