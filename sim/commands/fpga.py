"""``tightrope fpga``: a machine as a bitstream for an open board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.fpga.flow import Build
    from tightrope.fpga.litex.beside import Beside
    from tightrope.fpga.presets import Preset

__all__ = ["fpga"]


def fpga(
    board: Annotated[
        str | None, typer.Argument(help="ulx3s-85f, for example; --list shows all.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Machine by name; --list shows all.")] = "small",
    machine: Annotated[
        Path | None,
        typer.Option("--machine", metavar="FILE", help="A machine of your own, a JSON file."),
    ] = None,
    lanes: Annotated[
        int | None, typer.Option(help="Multipliers of each tile's array, with --machine.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=64, help="Placements to choose from.")] = 4,
    frequency_mhz: Annotated[float, typer.Option(help="Clock of the board's logic.")] = 50.0,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="Placements at a time; one per core.")
    ] = None,
    beside_litex: Annotated[
        bool,
        typer.Option(
            "--beside-litex", help="Build LiteX's own VexRiscv SoC, too, and compare their clocks."
        ),
    ] = False,
    show_list: Annotated[
        bool, typer.Option("--list", help="Which presets fit which boards; builds nothing.")
    ] = False,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Make the bitstream of a machine, and say what it takes and how fast it is.

    What was made before is not made again. Exit status 1: no placement reaches the frequency, or
    0.95 of LiteX's clock.
    """
    from tightrope.fpga import tables
    from tightrope.fpga.boards import BOARDS, find_board
    from tightrope.fpga.flow import build_bitstream
    from tightrope.fpga.litex.beside import build_beside

    talk = Talk(quiet=quiet, json_file=json_file)
    if show_list:
        write_json({"fits": tables.fit_rows()}, json_file)
        talk.show(tables.fit_table())
        return
    if board is None:
        raise options.OptionError(f"name a board: {', '.join(BOARDS)}")
    build_one = build_beside if beside_litex else build_bitstream
    found = build_one(
        find_board(board),
        _machine(preset, machine, lanes),
        frequency_mhz,
        seeds=seeds,
        jobs=jobs,
        say=talk.message,
    )
    write_json(found.to_dict(), json_file)
    passed = _show_build(talk, found.ours if beside_litex else found)
    if beside_litex:
        passed &= _show_beside(talk, found)
    if not passed:
        raise typer.Exit(EXIT_FAILED_CHECK)


def _show_build(talk: Talk, build: "Build") -> bool:
    """Whether its clock is fast enough."""
    from tightrope.fpga import tables

    talk.show(tables.block_table(build), tables.seed_table(build))
    talk.show(f"The bitstream is {build.bitstream}.")
    if not build.meets_timing:
        talk.fail(
            f"the best of {len(build.placements)} placements reaches "
            f"{build.best.timing.fmax_mhz:.1f} MHz, not {build.frequency_mhz:g}"
        )
    return build.meets_timing


def _show_beside(talk: Talk, found: "Beside") -> bool:
    """Whether it is as fast beside LiteX's as it should be."""
    from tightrope.fpga.litex.beside import BAR
    from tightrope.fpga.tables import beside_table

    talk.show(beside_table(found))
    talk.show(f"The best of ours is {found.ratio:.2f} of the best of LiteX's; the bar is {BAR}.")
    if not found.meets_bar:
        talk.fail(
            f"the machine reaches {found.ratio:.2f} of the clock of LiteX's SoC, not {BAR}"
        )
    return found.meets_bar


def _machine(preset: str, machine: Path | None, lanes: int | None) -> "Preset":
    """The preset of that name, or the machine of a file."""
    from tightrope.fpga.presets import find_preset, own_machine
    from tightrope.hw.config import ClusterConfig

    if machine is not None:
        config = options.read_machine(machine, ClusterConfig.from_dict)
        return own_machine(config, lanes=lanes)
    if lanes is not None:
        raise options.OptionError("--lanes is for a machine from a file; a preset has its own")
    return find_preset(preset)
