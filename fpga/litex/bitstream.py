"""The machine in LiteX's SoC as a bitstream, by our own tools."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..boards import find_board
from ..design import TOP
from ..place import BITSTREAM, pack, place
from ..presets import Preset
from ..sources import machine_sources
from ..steps import Step
from ..synthesis import COUNT, NETLIST, make_netlist, synthesis_script
from ..timing import Timing
from ..tools import check_tools
from ..usage import Usage, check_fit, total_of
from .design import DEVICES, FREQUENCY_MHZ, SocDesign, make_soc_design

__all__ = ["External", "build_external"]

_BOARD = "ulx3s-85f"


@dataclass(frozen=True, kw_only=True)
class External:
    """A bitstream whose main memory is the board's SDRAM."""

    bitstream: Path
    machine: Path
    """What ``tightrope run --machine`` wants, to run something on the board."""
    total: Usage
    timing: Timing


def build_external(
    preset: Preset, folder: Path, *, seed: int, say: Callable[[str], None]
) -> External:
    """Make the bitstream in ``folder``; what was made before is found, not made. A clock that is
    missed is no error.

    Raises
    ------
    FpgaError
        If LiteX's packages or a tool is missing, a tool fails, or it doesn't fit.
    HwConfigError
        If the machine can't be built, or its memory is larger than the board's.
    """
    check_tools()
    step = Step(say)
    board = find_board(_BOARD)
    design = _design(preset, step)
    script = synthesis_script([*design.reads, COUNT], TOP, "-json", NETLIST)
    netlist = make_netlist(design.key, script, design.sources, step)
    total = total_of(netlist.blocks)
    check_fit(f"the machine ({preset.name}) in LiteX's SoC", total, board)
    (placement,) = place(
        netlist, board, FREQUENCY_MHZ, [seed], step, constraints=design.constraints
    )
    folder.mkdir(parents=True, exist_ok=True)
    bitstream, machine = folder / BITSTREAM, folder / "machine.json"
    shutil.copyfile(pack(placement, step), bitstream)
    machine.write_text(json.dumps(preset.config.to_dict(), indent=1))
    return External(
        bitstream=bitstream, machine=machine, total=total, timing=placement.timing
    )


def _design(preset: Preset, step: Step) -> SocDesign:
    def make(folder: Path):
        from .soc import MachineSoC

        return MachineSoC(
            preset.config, lanes=preset.lanes, device=DEVICES[_BOARD], folder=folder
        )

    here = Path(__file__).parent
    return make_soc_design(
        make,
        step,
        parts=(preset.config.to_dict(), preset.lanes, _BOARD),
        sources=[*machine_sources(), *sorted(here.glob("*.py"))],
    )
