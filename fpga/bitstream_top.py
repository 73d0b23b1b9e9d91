"""A preset's machine with its host link, at the pins of a board."""

from .boards import Board
from .errors import FpgaError
from .link.make import make_link
from .machine import BoardMachine
from .pll import find_dividers
from .presets import Preset
from .top import BoardTop, Top

__all__ = ["board_top"]


def board_top(board: Board, preset: Preset, frequency_mhz: float) -> BoardTop:
    """The design that a bitstream of these is made from.

    Raises
    ------
    FpgaError
        If a clock like that can't be made of the board's, or the line's rate of the clock.
    """
    # First all that may be refused: Amaranth complains of components that are made and not used.
    dividers = None
    if frequency_mhz != board.oscillator_mhz:
        dividers = find_dividers(board.oscillator_mhz, frequency_mhz)
    try:
        link = make_link(preset.config, lanes=preset.lanes, clock_hz=frequency_mhz * 1e6)
    except ValueError as error:
        raise FpgaError(str(error)) from None
    machine = BoardMachine(config=preset.config, lanes=preset.lanes)
    return BoardTop(top=Top(machine=machine, link=link), board=board, dividers=dividers)
