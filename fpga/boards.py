"""The boards: what is on each, and where its pins are described."""

from dataclasses import dataclass

from .errors import FpgaError
from .usage import Usage

__all__ = ["BOARDS", "Board", "find_board"]


_LFE5_25 = Usage(lut=24_288, ff=24_288, bram=56, dsp=28)
_LFE5_85 = Usage(lut=83_640, ff=83_640, bram=208, dsp=156)
"""Lattice FPGA-DS-02012, table 1.1, and nextpnr's utilisation report, which agree."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board of amaranth-boards."""

    name: str
    title: str
    module: str
    """Of amaranth_boards, and its class:"""
    platform: str
    device: Usage
    """All that it has, as Project Trellis can use it."""
    nextpnr: tuple[str, ...]
    """Options that name device, package and speed grade."""
    oscillator: str
    """Resource of the clock."""
    oscillator_mhz: float
    uart: tuple[str, str] | None = None
    """RX and TX on the pin header ``io``, where the board has no serial port of its own."""


_ULX3S = {
    "module": "ulx3s", "oscillator": "clk25", "oscillator_mhz": 25.0,
}  # fmt: skip
_ORANGECRAB = {
    "module": "orangecrab_r0_2", "oscillator": "clk", "oscillator_mhz": 48.0, "uart": ("0", "1"),
}  # fmt: skip

_ALL = (
    Board(
        name="ulx3s-85f", title="ULX3S, LFE5U-85F", platform="ULX3S_85F_Platform",
        device=_LFE5_85, nextpnr=("--85k", "--package", "CABGA381", "--speed", "6"), **_ULX3S,
    ),
    Board(
        name="ulx3s-25f", title="ULX3S, LFE5U-25F", platform="ULX3S_25F_Platform",
        device=_LFE5_25, nextpnr=("--25k", "--package", "CABGA381", "--speed", "6"), **_ULX3S,
    ),
    Board(
        name="orangecrab-85f", title="OrangeCrab r0.2, LFE5U-85F",
        platform="OrangeCrabR0_2_85FPlatform", device=_LFE5_85,
        nextpnr=("--85k", "--package", "CSFBGA285", "--speed", "8"), **_ORANGECRAB,
    ),
    Board(
        name="orangecrab-25f", title="OrangeCrab r0.2, LFE5U-25F",
        platform="OrangeCrabR0_2_25FPlatform", device=_LFE5_25,
        nextpnr=("--25k", "--package", "CSFBGA285", "--speed", "8"), **_ORANGECRAB,
    ),
    Board(
        name="ecpix5-85f", title="ECPIX-5, LFE5UM5G-85F", module="ecpix5",
        platform="ECPIX585Platform", device=_LFE5_85,
        nextpnr=("--um5g-85k", "--package", "CABGA554", "--speed", "8"),
        oscillator="clk100", oscillator_mhz=100.0,
    ),
)  # fmt: skip

BOARDS = {board.name: board for board in _ALL}


def find_board(name: str) -> Board:
    """The board of this name; raises FpgaError if there is none."""
    if name not in BOARDS:
        raise FpgaError(f"the board must be one of {', '.join(BOARDS)}, not {name!r}")
    return BOARDS[name]
