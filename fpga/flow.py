"""From a machine to a bitstream, with all that was learned on the way."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .boards import Board
from .design import CONSTRAINTS, make_design
from .estimate import memory_usage
from .place import Placement, fastest, pack, place
from .presets import Preset
from .steps import Step
from .synthesis import Netlist, synthesise
from .tools import check_tools
from .usage import Usage, check_fit, total_of

__all__ = ["Build", "build_bitstream"]


@dataclass(frozen=True, kw_only=True)
class Build:
    """A bitstream, and what it took."""

    board: Board
    preset: Preset
    frequency_mhz: float
    blocks: dict[str, Usage]
    placements: tuple[Placement, ...]
    bitstream: Path
    seconds: dict[str, float]

    @property
    def best(self) -> Placement:
        """The placement that the bitstream is made from: the fastest, of those the first."""
        return fastest(self.placements)

    @property
    def meets_timing(self) -> bool:
        return self.best.timing.fmax_mhz >= self.frequency_mhz

    def to_dict(self) -> dict:
        """Plain data, ready for JSON."""
        return {
            "board": self.board.name,
            "preset": self.preset.name,
            "machine": self.preset.config.to_dict(),
            "lanes": self.preset.lanes,
            "frequency_mhz": self.frequency_mhz,
            "blocks": {name: usage.to_dict() for name, usage in self.blocks.items()},
            "total": total_of(self.blocks).to_dict(),
            "available": self.board.device.to_dict(),
            "seeds": [{"seed": one.seed, **one.timing.to_dict()} for one in self.placements],
            "best_seed": self.best.seed,
            "fmax_mhz": self.best.timing.fmax_mhz,
            "meets_timing": self.meets_timing,
            "bitstream": str(self.bitstream),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def build_bitstream(
    board: Board,
    preset: Preset,
    frequency_mhz: float,
    *,
    seeds: int,
    say: Callable[[str], None],
    jobs: int | None = None,
) -> Build:
    """Make the bitstream of ``preset`` for ``board``; what was made before is found, not made.

    Parameters
    ----------
    seeds : int
        Placements to choose from.
    say : callable
        Gets a line when a step begins and when it ends.
    jobs : int
        Placements at a time; one for each core if None.

    Raises
    ------
    FpgaError
        If the machine doesn't fit, known before place and route, or a tool is missing or fails.
    HwConfigError
        If the machine can't be built.
    """
    check_tools()
    step = Step(say)
    what = f"the machine ({preset.name})"
    # Without synthesis, which would take hours with a memory that no chip has.
    check_fit(what, memory_usage(preset.config), board)
    design = make_design(board, preset, frequency_mhz)
    netlist = synthesise(design, step)
    check_fit(what, total_of(netlist.blocks), board)

    placements = place(
        netlist, board, frequency_mhz, range(1, seeds + 1), step,
        constraints=design.folder / CONSTRAINTS, jobs=jobs,
    )  # fmt: skip
    return _packed(board, preset, frequency_mhz, netlist, placements, step)


def _packed(
    board: Board,
    preset: Preset,
    frequency_mhz: float,
    netlist: Netlist,
    placements: tuple[Placement, ...],
    step: Step,
) -> Build:
    found = Build(
        board=board,
        preset=preset,
        frequency_mhz=frequency_mhz,
        blocks=netlist.blocks,
        placements=placements,
        bitstream=placements[0].folder,
        seconds=step.seconds,
    )
    return dataclasses.replace(found, bitstream=pack(found.best, step))
