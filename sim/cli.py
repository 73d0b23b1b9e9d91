"""The ``tightrope`` command."""

import sys

import typer
from tightrope.sim.commands.calibration import calibrate, validate
from tightrope.sim.commands.doctor import doctor
from tightrope.sim.commands.explore import explore
from tightrope.sim.commands.fpga import fpga
from tightrope.sim.commands.guard import EXIT_INTERRUPTED, GuardedGroup
from tightrope.sim.commands.layers import layers
from tightrope.sim.commands.profiles import profiles
from tightrope.sim.commands.reproduce import reproduce
from tightrope.sim.commands.run import run
from tightrope.sim.commands.sweep import sweep

__all__ = ["app", "main"]

app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How to couple analog in-memory-computing tiles to a RISC-V cluster, for a given CNN.",
)
COMMANDS = (
    explore, layers, run, sweep, calibrate, validate, reproduce, fpga, profiles, doctor,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line and exit: 0, 1 (a check failed), 2 (bad input) or 130 (Ctrl-C)."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
