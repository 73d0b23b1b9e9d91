"""A simulated board to try things on: ``python -m tightrope.fpga.simulated [PRESET]``."""

import argparse
import contextlib
import signal

from tightrope.fpga.presets import PRESETS

from .board import SimulatedBoard
from .build import BAUD, build_board


def main() -> None:
    """Put a preset's bitstream under power, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tightrope.fpga.simulated")
    parser.add_argument("preset", nargs="?", default="small", choices=PRESETS)
    binary = build_board(PRESETS[parser.parse_args().preset], on_message=print)
    with SimulatedBoard(binary) as board, contextlib.suppress(KeyboardInterrupt):
        print(f"--port {board.port} --baud {BAUD}; Ctrl-C ends it", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
