"""``tightrope fpga``: a machine as a bitstream for an open board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
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
    show_list: Annotated[
        bool, typer.Option("--list", help="Which presets fit which boards; builds nothing.")
    ] = False,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Make the bitstream of a machine, and say what it takes and how fast it is.

    What was made before is not made again. Exit status 1: no placement reaches the frequency.
    """
    from tightrope.fpga import tables
    from tightrope.fpga.boards import BOARDS, find_board
    from tightrope.fpga.flow import build_bitstream

    talk = Talk(quiet=quiet, json_file=json_file)
    if show_list:
        write_json({"fits": tables.fit_rows()}, json_file)
        talk.show(tables.fit_table())
        return
    if board is None:
        raise options.OptionError(f"name a board: {', '.join(BOARDS)}")
    found = build_bitstream(
        find_board(board),
        _machine(preset, machine, lanes),
        frequency_mhz,
        seeds=seeds,
        jobs=jobs,
        say=talk.message,
    )
    write_json(found.to_dict(), json_file)
    talk.show(tables.block_table(found), tables.seed_table(found))
    talk.show(f"The bitstream is {found.bitstream}.")
    if not found.meets_timing:
        talk.fail(
            f"the best of {seeds} placements reaches {found.best.timing.fmax_mhz:.1f} MHz, "
            f"not {frequency_mhz:g}"
        )
        raise typer.Exit(EXIT_FAILED_CHECK)


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
