"""A machine of one hart beside LiteX's own VexRiscv SoC: which clock the same tools reach for each.

The tools see both alike: board, target frequency, nextpnr's options and seeds. Yosys makes two
netlists of LiteX's SoC, one by LiteX's script and one by ours, and the faster one counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..boards import Board
from ..design import TOP
from ..errors import FpgaError
from ..flow import Build, build_bitstream
from ..place import Placement, fastest, place
from ..pll import find_dividers
from ..presets import Preset
from ..steps import Step
from ..synthesis import COUNT, NETLIST, make_netlist, synthesis_script
from ..usage import Usage, check_fit, total_of
from .design import DEVICES, SocDesign, make_soc_design

__all__ = ["BAR", "Beside", "Reference", "build_beside", "check_comparable"]

BAR = 0.95
"""Of LiteX's clock that ours has to reach."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Reference:
    """LiteX's SoC, by one script of Yosys."""

    script: str
    """Whose."""
    commands: str
    total: Usage
    placements: tuple[Placement, ...]

    def to_dict(self) -> dict:
        """Plain data, ready for JSON."""
        return {
            "commands": self.commands,
            "total": self.total.to_dict(),
            "seeds": [{"seed": one.seed, **one.timing.to_dict()} for one in self.placements],
            "fmax_mhz": fastest(self.placements).timing.fmax_mhz,
        }


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Both, and the ratio of their best clocks."""

    ours: Build
    references: tuple[Reference, ...]

    @property
    def litex_mhz(self) -> float:
        """Of all scripts and seeds the best."""
        every = [one for reference in self.references for one in reference.placements]
        return fastest(every).timing.fmax_mhz

    @property
    def ratio(self) -> float:
        """Ours by LiteX's."""
        return self.ours.best.timing.fmax_mhz / self.litex_mhz

    @property
    def meets_bar(self) -> bool:
        return self.ratio >= BAR

    def to_dict(self) -> dict:
        """Plain data, ready for JSON: what :class:`Build` has, and ``beside_litex``."""
        beside = {
            "scripts": {one.script: one.to_dict() for one in self.references},
            "fmax_mhz": self.litex_mhz,
            "ratio": self.ratio,
            "bar": BAR,
            "meets_bar": self.meets_bar,
        }
        return {**self.ours.to_dict(), "beside_litex": beside}


def check_comparable(board: Board, preset: Preset) -> None:
    """Raise FpgaError unless LiteX's SoC of the board compares with the machine."""
    config = preset.config
    if config.harts != 1 or config.tiled_harts + config.loose_tiles:
        raise FpgaError(
            f"LiteX's SoC compares with a machine of one hart and no tile, not with {preset.name}; "
            "take --preset tiny"
        )
    if board.name not in DEVICES:
        raise FpgaError(f"LiteX's SoC is for {' and '.join(DEVICES)}, not for {board.name}")


def build_beside(
    board: Board,
    preset: Preset,
    frequency_mhz: float,
    *,
    seeds: int,
    say: Callable[[str], None],
    jobs: int | None = None,
) -> Beside:
    """Build both; what was made before is found, not made. As :func:`build_bitstream`.

    Raises
    ------
    FpgaError
        As there; if the two can't be compared, or LiteX's packages are missing.
    HwConfigError
        If the machine can't be built.
    """
    check_comparable(board, preset)
    # Of a clock that can't be made, LiteX's exceptions say less.
    find_dividers(board.oscillator_mhz, frequency_mhz)
    design = _design(board, preset, frequency_mhz, Step(say, of="LiteX's SoC"))
    ours = build_bitstream(board, preset, frequency_mhz, seeds=seeds, say=say, jobs=jobs)
    references = []
    for script, commands in _scripts(design).items():
        step = Step(say, of=f"LiteX's SoC, {script} script")
        netlist = make_netlist(design.key, commands, design.sources, step)
        total = total_of(netlist.blocks)
        check_fit("LiteX's SoC", total, board)
        placements = place(
            netlist, board, frequency_mhz, range(1, seeds + 1), step,
            constraints=design.constraints, jobs=jobs,
        )  # fmt: skip
        references.append(
            Reference(script=script, commands=commands, total=total, placements=placements)
        )
    return Beside(ours=ours, references=tuple(references))


def _design(board: Board, preset: Preset, frequency_mhz: float, step: Step) -> SocDesign:
    options = {
        "device": DEVICES[board.name],
        "frequency_mhz": frequency_mhz,
        "memory_bytes": preset.config.memory.size_bytes,
    }

    def make(folder: Path):
        from .reference_soc import ReferenceSoC

        return ReferenceSoC(**options)

    sources = [_HERE / "reference_soc.py", _HERE / "cfu.v"]
    return make_soc_design(make, step, parts=[options], sources=sources)


def _scripts(design: SocDesign) -> dict[str, str]:
    """Commands of Yosys by whose they are."""
    return {
        "LiteX's": "; ".join([*design.reads, f"synth_ecp5 -top {TOP} -json {NETLIST}"]),
        "our": synthesis_script([*design.reads, COUNT], TOP, "-json", NETLIST),
    }
