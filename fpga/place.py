"""From a netlist to a placed design: nextpnr for ECP5, once for each seed."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tightrope.sim.cosim.cache import cache_dir, digest, is_complete, locked, mark_complete

from .boards import Board
from .design import CONSTRAINTS
from .steps import Step
from .synthesis import NETLIST, Netlist
from .timing import Timing, read_timing
from .tools import NEXTPNR, PACK, run_tool, tool_version

__all__ = ["BITSTREAM", "Placement", "fastest", "pack", "place"]

BITSTREAM = "top.bit"
_PLACED = "top.config"
_REPORT = "report.json"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placed and routed design in ``folder``."""

    seed: int
    folder: Path
    timing: Timing


def fastest(placements: Sequence[Placement]) -> Placement:
    """Of those that are as fast, the first."""
    return max(placements, key=lambda one: one.timing.fmax_mhz)


def place(
    netlist: Netlist,
    board: Board,
    frequency_mhz: float,
    seeds: Iterable[int],
    step: Step,
    *,
    constraints: Path,
    jobs: int | None = None,
) -> tuple[Placement, ...]:
    """Place and route with each seed, or find it in the cache. A clock that is missed is no error.

    Parameters
    ----------
    constraints : Path
        A file CONSTRAINTS: pins and clocks. The netlist's key has to stand for its content, too.
    jobs : int
        Placements at a time; one for each core if None.

    Raises
    ------
    FpgaError
        If nextpnr is missing or fails.
    """

    def placed(seed: int) -> Placement:
        folder = _placed(netlist, constraints, _arguments(board, frequency_mhz, seed), seed, step)
        report = json.loads((folder / _REPORT).read_text())
        return Placement(seed=seed, folder=folder, timing=read_timing(report))

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return tuple(pool.map(placed, seeds))


def _arguments(board: Board, frequency_mhz: float, seed: int) -> list[str]:
    # Placed by "heap", nets of the small preset on an LFE5U-85F are half as long again.
    return [
        *board.nextpnr, "--json", NETLIST, "--lpf", CONSTRAINTS, "--textcfg", _PLACED,
        "--report", _REPORT, "--seed", str(seed), "--freq", str(frequency_mhz),
        "--placer", "static", "--timing-allow-fail", "--quiet", "--log", "nextpnr.log",
    ]  # fmt: skip


def _placed(
    netlist: Netlist, constraints: Path, arguments: list[str], seed: int, step: Step
) -> Path:
    """The folder of what nextpnr makes."""
    key = digest(netlist.key, arguments, tool_version(NEXTPNR))
    folder = cache_dir() / "fpga" / "placed" / key
    name = f"place and route, seed {seed}"
    with locked(folder):
        if is_complete(folder):
            step.found(name)
        else:
            with step.running(name):
                _run(netlist, constraints, arguments, folder)
    return folder


def _run(netlist: Netlist, constraints: Path, arguments: list[str], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(constraints, folder / CONSTRAINTS)
    # Of tens of megabytes: as a second name of the file, only while nextpnr reads it.
    (folder / NETLIST).hardlink_to(netlist.folder / NETLIST)
    run_tool(NEXTPNR, arguments, folder=folder, log_name="nextpnr.out")
    (folder / NETLIST).unlink()
    mark_complete(folder, "")


def pack(placement: Placement, step: Step) -> Path:
    """The bitstream of a placed design, from the cache if it is there.

    Raises
    ------
    FpgaError
        If ecppack is missing or fails.
    """
    path = placement.folder / BITSTREAM
    with locked(placement.folder):
        if path.is_file():
            step.found("bitstream")
        else:
            with step.running("bitstream"):
                partial = f"{BITSTREAM}.partial"
                arguments = ["--compress", "--input", _PLACED, "--bit", partial]
                run_tool(PACK, arguments, folder=placement.folder, log_name="ecppack.log")
                (placement.folder / partial).rename(path)
    return path
