"""What can go wrong in a cosimulation."""

from collections.abc import Callable, Sequence

from tightrope.sim.image.running import RunError

__all__ = ["BuildError", "CosimError", "CosimHang", "ToolMissingError"]


class CosimError(RunError):
    """A simulator that can't be built or run; the message is for the user."""


class ToolMissingError(CosimError):
    """A program that the build needs is not installed."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is needed to build the simulator and is not installed; "
            f"`tightrope doctor` says how to get it"
        )


class BuildError(CosimError):
    """The simulator does not compile."""


class CosimHang(CosimError):
    """A run that did not end within its limit of cycles.

    ``pcs`` holds the program counter of each hart, in order, at the end.
    """

    def __init__(
        self,
        *,
        image_idx: int,
        cycles: int,
        pcs: Sequence[int],
        symbolise: Callable[[int], str] | None = None,
    ) -> None:
        self.image_idx = image_idx
        self.cycles = cycles
        self.pcs = list(pcs)
        lines = [f"image {image_idx} was not finished after {cycles} cycles"]
        for hart, pc in enumerate(pcs):
            place = f" {symbolise(pc)}" if symbolise else ""
            lines.append(f"  hart {hart}: pc 0x{pc:08x}{place}")
        super().__init__("\n".join(lines))
