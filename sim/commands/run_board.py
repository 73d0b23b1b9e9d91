"""What ``tightrope run --on BOARD`` needs beside what it does on RTL: board and machine."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tightrope.fpga.boards import BOARDS
from tightrope.fpga.host.board import Board, check_machine
from tightrope.fpga.link.protocol import BAUD, Identity
from tightrope.fpga.presets import PRESETS, find_preset
from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.running import RunImages

from .options import OptionError, read_machine

__all__ = ["Place", "exact_machine", "find_place"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A board at a port."""

    name: str
    """As the user named it."""
    board: Board
    identity: Identity

    def runner(self, tell: Callable[[str, int, int], None]) -> RunImages:
        """What runs images there; ``tell`` is told of loading and reading."""
        return dataclasses.replace(self.board, tell=tell).run_images

    def fields(self) -> dict[str, Any]:
        """Where something ran, ready for JSON."""
        return {
            "on": self.name,
            "board": {
                "port": self.board.port,
                "clock_mhz": self.identity.clock_hz / 1e6,
                "lanes": self.identity.lanes,
            },
        }


def find_place(name: str, port: str | None, baud: int | None) -> Place:
    """The board that answers on ``port``; raises OptionError, BoardError."""
    wanted = name.lower()
    if not any(board == wanted or board.startswith(f"{wanted}-") for board in BOARDS):
        raise OptionError(f"--on must be rtl, model or a board ({', '.join(BOARDS)}), not {name!r}")
    if port is None:
        raise OptionError(f"--on {name} needs --port, the serial port of the board")
    board = Board(port=port, baud=baud or BAUD)
    return Place(name=wanted, board=board, identity=board.identify())


def exact_machine(
    preset: str | None, machine: Path | None, place: Place | None, varied: Mapping[str, object]
) -> ClusterConfig:
    """The machine of a preset, a file or a bitstream, as it is.

    Parameters
    ----------
    varied : mapping
        Options that would make another one of it, and what they were given, None if nothing.

    Raises
    ------
    OptionError, HwConfigError, FpgaError, BoardError
        Also if a machine was named and the board has another one.
    """
    for option, value in varied.items():
        if value is not None:
            raise OptionError(f"{option} can't be given here: a bitstream's machine is as it is")
    if preset is not None and machine is not None:
        raise OptionError("--preset and --machine both name a machine: leave one out")
    if preset is not None:
        config = find_preset(preset).config
    elif machine is not None:
        config = read_machine(machine, ClusterConfig.from_dict)
    else:
        assert place is not None
        return _machine_of(place)
    if place is not None:
        check_machine(place.identity, config, place.board.port)
    return config


def _machine_of(place: Place) -> ClusterConfig:
    """The machine of a bitstream, if it is a preset's."""
    for preset in PRESETS.values():
        if preset.config.hash == place.identity.config_hash:
            return preset.config
    raise OptionError(
        f"the machine on {place.board.port} ({place.identity}) is none of {', '.join(PRESETS)}: "
        f"name the file that it was built from with --machine"
    )
