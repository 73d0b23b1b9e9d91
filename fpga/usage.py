"""What a netlist takes of an FPGA, block by block, and whether that is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import FpgaError

if TYPE_CHECKING:
    from .boards import Board

__all__ = ["BLOCKS", "Usage", "check_fit", "netlist_usage", "shortages", "total_of"]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Resources of an ECP5, taken or there to be taken."""

    lut: int = 0
    ff: int = 0
    bram: int = 0
    """DP16KD, of 2 KiB."""
    dsp: int = 0
    """MULT18X18D."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            lut=self.lut + other.lut, ff=self.ff + other.ff,
            bram=self.bram + other.bram, dsp=self.dsp + other.dsp,
        )  # fmt: skip

    def to_dict(self) -> dict[str, int]:
        return {"lut": self.lut, "ff": self.ff, "bram": self.bram, "dsp": self.dsp}


CELLS = {
    "LUT4": Usage(lut=1),
    "CCU2C": Usage(lut=2),
    # Sixteen words of four bits: four LUTs that hold them, two in whose place they are written.
    "TRELLIS_DPR16X4": Usage(lut=6),
    "TRELLIS_FF": Usage(ff=1),
    "DP16KD": Usage(bram=1),
    "PDPW16KD": Usage(bram=1),
    "MULT18X18D": Usage(dsp=1),
}
"""What a cell of an ECP5 takes; multiplexers between LUTs are there anyway."""

_CLUSTER = r"top\.machine\.cluster\."
BLOCKS = {
    "tiles": rf"{_CLUSTER}(hart_\d+\.cfu\.tile_\d+|loose_\d+)\.",
    "harts": rf"{_CLUSTER}hart_\d+\.",
    "memory": rf"{_CLUSTER}(memory\.array|scratchpad\.banks)\.",
    "interconnect": rf"{_CLUSTER}(memory|scratchpad|shared)\.",
    "DMA": rf"{_CLUSTER}dma\.",
    "sync": rf"{_CLUSTER}",
    "link": r"top\.link\.",
    "clock": "",
}
"""Blocks of the report, by the names that their cells begin with; the first that matches. Yosys
names a cell of several blocks after one of them."""

_PATTERNS = {block: re.compile(pattern) for block, pattern in BLOCKS.items()}


def netlist_usage(netlist: Mapping) -> dict[str, Usage]:
    """Usage by block of a flat netlist, as Yosys' ``write_json`` has it."""
    found = {block: Usage() for block in BLOCKS}
    cells = netlist["modules"]["top"]["cells"]
    for name, cell in cells.items():
        taken = CELLS.get(cell["type"])
        if taken is not None:
            block = next(block for block, pattern in _PATTERNS.items() if pattern.match(name))
            found[block] += taken
    return {block: usage for block, usage in found.items() if usage != Usage()}


def total_of(blocks: Mapping[str, Usage]) -> Usage:
    """All blocks together."""
    return sum(blocks.values(), Usage())


_WORDS = {"lut": "LUTs", "ff": "flip-flops", "bram": "block RAMs", "dsp": "multipliers"}


def shortages(needed: Usage, board: "Board") -> dict[str, tuple[int, int]]:
    """What is needed and what there is, of each resource of which there isn't enough."""
    has = board.device.to_dict()
    return {
        name: (count, has[name]) for name, count in needed.to_dict().items() if count > has[name]
    }


def check_fit(what: str, needed: Usage, board: "Board") -> None:
    """Raise FpgaError, with what is needed and what there is, if it isn't enough."""
    short = shortages(needed, board)
    if short:
        counts = [f"{need} {_WORDS[name]} of {has}" for name, (need, has) in short.items()]
        raise FpgaError(f"{what} does not fit {board.name}: it needs {', '.join(counts)}")
