"""From a design to a netlist: Yosys for ECP5."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tightrope.sim.cosim.cache import cache_dir, digest, is_complete, locked, mark_complete

from .design import RTL, TOP, Design
from .steps import Step
from .tools import YOSYS, run_tool, tool_version
from .usage import Usage, netlist_usage

__all__ = [
    "COUNT", "COUNTERS", "NETLIST", "Netlist", "make_netlist", "synthesis_script", "synthesise"
]  # fmt: skip

NETLIST = "netlist.json"
COUNTERS = Path(__file__).parent / "counters.v"
"""Of the modules that count events; see there."""
COUNT = f"techmap -map {COUNTERS.name} *.local/t:$add *.host/t:$add"
"""The last of what is read: where COUNTERS applies."""


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """The file NETLIST in ``folder``, a name for it, and what it takes."""

    folder: Path
    key: str
    blocks: dict[str, Usage]


def synthesise(design: Design, step: Step) -> Netlist:
    """The netlist of a design, from the cache if it is there.

    Raises
    ------
    FpgaError
        If Yosys is missing or fails.
    """
    sources = [design.folder / name for name in (RTL, *design.verilog)]
    return make_netlist(design.key, _script(design), sources, step)


def make_netlist(
    design_key: str, script: str, sources: Sequence[Path], step: Step
) -> Netlist:
    """The netlist that a script writes, from the cache if it is there.

    Parameters
    ----------
    design_key : str
        Names the content of ``sources``.
    script : str
        Reads ``sources`` and COUNTERS by their names, and writes module TOP, flat, to NETLIST.

    Raises
    ------
    FpgaError
        If Yosys is missing or fails.
    """
    key = digest(design_key, script, COUNTERS.read_text(), tool_version(YOSYS))
    folder = cache_dir() / "fpga" / "netlist" / key
    with locked(folder):
        if not is_complete(folder):
            with step.running("synthesis"):
                _run(sources, script, folder)
        else:
            step.found("synthesis")
    blocks = json.loads((folder / "usage.json").read_text())
    return Netlist(
        folder=folder,
        key=key,
        blocks={name: Usage(**counts) for name, counts in blocks.items()},
    )


HIDE = "rename -hide w:*[[]*"
"""Wires like ``sums[3]``, which Amaranth makes of parts of ``sums``, lose their names. Yosys' abc9
calls bit 3 of ``sums`` the same, and has connected the two."""
NARROW_BITS = 8
"""Sums and comparisons up to this width are made of LUTs: a carry chain takes longer to enter and
to leave than so few bits need, and logic can't be moved across it."""


def synthesis_script(reads: Sequence[str], top: str, *arguments: str) -> str:
    """Commands of Yosys: ``reads``, ``synth_ecp5`` in two parts, and what we want otherwise.

    Parameters
    ----------
    arguments : str
        More for the second part.
    """
    # Not -cmp2softlogic: of Yosys 0.70, it makes `5 < a` of `5 <= a` and the other way.
    synth = f"synth_ecp5 -top {top}"
    return "; ".join(
        [
            *reads,
            HIDE,
            # The core's registers: as blocks, two of each hart would be nearly empty, and slow.
            'setattr -set ram_style "distributed" VexRiscv/m:RegFilePlugin_regFile',
            f"{synth} -run :map_gates",
            f"techmap -map +/techmap.v t:$alu r:Y_WIDTH<={NARROW_BITS} %i",
            " ".join([f"{synth} -run map_gates:", *arguments]),
        ]
    )


def _script(design: Design) -> str:
    reads = [f"read_rtlil {RTL}", *(f"read_verilog -sv {name}" for name in design.verilog)]
    return synthesis_script([*reads, COUNT], TOP, "-json", NETLIST)


def _run(sources: Sequence[Path], script: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in (COUNTERS, *sources):
        shutil.copyfile(path, folder / path.name)
    run_tool(YOSYS, ["-q", "-p", script], folder=folder, log_name="yosys.log")
    usage = netlist_usage(json.loads((folder / NETLIST).read_text()))
    texts = {block: taken.to_dict() for block, taken in usage.items()}
    (folder / "usage.json").write_text(json.dumps(texts, indent=1))
    mark_complete(folder, "")
