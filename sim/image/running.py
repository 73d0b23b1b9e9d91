"""Running images: what does it, on whatever machine, and what comes back."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY

from .layout import FIRMWARE_BYTES, HEADER, IMAGE_ADDR, MAGIC, ExitStatus

__all__ = [
    "Fault",
    "ImageLike",
    "Progress",
    "RunError",
    "RunImages",
    "RunResult",
    "check_image",
    "run_log",
]


class RunError(Exception):
    """A run that failed, or can't be; the message is for the user."""


class ImageLike(Protocol):
    """What can be run: bytes for IMAGE_ADDR, and the end of the memory that the run touches."""

    @property
    def data(self) -> bytes: ...

    @property
    def memory_end(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a list of images is."""

    image_idx: int
    image_count: int
    cycles: int
    """Of the image that is running; ``image_idx == image_count`` when all are done."""
    layers_done: int = 0
    """Descriptors of that image that have ended."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A trap that ended a run, as its handler reported it."""

    hart: int
    cause: int
    """The mcause CSR."""
    addr: int
    """The address that faulted."""
    pc: int
    """The mepc CSR."""

    def __str__(self) -> str:
        return (
            f"hart {self.hart} trapped at pc 0x{self.pc:08x}, "
            f"mcause 0x{self.cause:x}, address 0x{self.addr:08x}"
        )


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one image did."""

    status: int
    """What the firmware wrote to HOST.EXIT; see ``ExitStatus``."""
    cycles: int
    """From the release of reset to the end."""
    memory: npt.NDArray[np.uint8] = field(repr=False)
    """Main memory from IMAGE_ADDR to the image's memory_end, after the run."""
    log: str
    """What the firmware wrote to the image's text buffer."""
    fault: Fault | None = None
    """Set if the status is TRAP."""

    @classmethod
    def of(cls, values: Mapping[str, int], memory: bytes) -> Self:
        """From what the host mailbox has (``exit_status``, ``cycles``, ``fault_*``), and the memory
        from IMAGE_ADDR on."""
        fault = Fault(**{one.name: values[f"fault_{one.name}"] for one in fields(Fault)})
        return cls(
            status=values["exit_status"],
            cycles=values["cycles"],
            fault=fault if values["exit_status"] == ExitStatus.TRAP else None,
            memory=np.frombuffer(memory, np.uint8),
            log=run_log(memory),
        )

    def check(self) -> None:
        """Raise RunError unless the run succeeded."""
        if self.status != ExitStatus.OK:
            known = self.status in ExitStatus.__members__.values()
            name = ExitStatus(self.status).name if known else "unknown"
            reasons = [str(self.fault) if self.fault else "", self.log.strip()]
            said = "\n  ".join(filter(None, reasons)) or "no message"
            raise RunError(
                f"the run ended with status {self.status} ({name}) after {self.cycles} cycles: "
                f"{said}"
            )

    def words(self, addr: int, count: int) -> npt.NDArray[np.uint32]:
        """(count,) uint32 from byte address ``addr``."""
        begin = addr - IMAGE_ADDR
        return self.memory[begin : begin + 4 * count].view("<u4")


class RunImages(Protocol):
    """Runs each image from reset, on zeroed memory, and brings back what it left there.

    The same images leave the same bytes and take the same cycles, whatever runs them.
    """

    def __call__(
        self,
        config: ClusterConfig,
        images: Sequence[ImageLike],
        *,
        firmware: bytes,
        limit_cycles: int,
        waves_file: Path | None = None,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_message: Callable[[str], None] | None = None,
        symbolise: Callable[[int], str] | None = None,
    ) -> list[RunResult]:
        """See :func:`tightrope.sim.cosim.run.run_images`; raises RunError."""
        ...


def check_image(config: ClusterConfig, image: ImageLike, image_idx: int, firmware: bytes) -> None:
    """Raise RunError unless firmware and image fit the machine's memory."""
    memory_end = MAIN_MEMORY.base_addr + config.memory.size_bytes
    if len(firmware) > FIRMWARE_BYTES:
        raise RunError(f"the firmware must be at most {FIRMWARE_BYTES} bytes, not {len(firmware)}")
    if not IMAGE_ADDR + len(image.data) <= image.memory_end <= memory_end:
        raise RunError(
            f"image {image_idx} must lie between 0x{IMAGE_ADDR:08x} and the end of the machine's "
            f"memory at 0x{memory_end:08x}; it has {len(image.data)} bytes and ends at "
            f"0x{image.memory_end:08x}"
        )


def run_log(memory: bytes) -> str:
    """The text that the firmware left, if there is an image header that says where."""
    header_bytes = 4 * len(HEADER)
    if len(memory) < header_bytes:
        return ""
    names = [name for name, _ in HEADER]
    header = dict(zip(names, struct.unpack_from(f"<{len(HEADER)}I", memory), strict=True))
    begin = header["log_addr"] - IMAGE_ADDR
    if header["magic"] != MAGIC or not 0 <= begin <= len(memory) - 4:
        return ""
    (length,) = struct.unpack_from("<I", memory, begin)
    text = memory[begin + 4 : begin + 4 + min(length, header["log_bytes"])]
    return text.decode("utf-8", errors="replace")
