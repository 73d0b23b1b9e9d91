"""Run images on the RTL of a machine and bring back what they left in memory."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.image.layout import (
    FIRMWARE_ADDR,
    FIRMWARE_BYTES,
    HEADER,
    IMAGE_ADDR,
    MAGIC,
    ExitStatus,
)

from .build import Build, build
from .errors import CosimError, CosimHang
from .session import Session
from .wrapper import FAULT_FIELDS

__all__ = ["Fault", "ImageLike", "Progress", "RunResult", "run_images"]

REPORT_CYCLES = 250_000
"""About a second of an 8-hart machine."""
_DRAIN_MARGIN_CYCLES = 64


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

    def check(self) -> None:
        """Raise CosimError unless the run succeeded."""
        if self.status != ExitStatus.OK:
            known = self.status in ExitStatus.__members__.values()
            name = ExitStatus(self.status).name if known else "unknown"
            reasons = [str(self.fault) if self.fault else "", self.log.strip()]
            said = "\n  ".join(filter(None, reasons)) or "no message"
            raise CosimError(
                f"the run ended with status {self.status} ({name}) after {self.cycles} cycles: "
                f"{said}"
            )

    def words(self, addr: int, count: int) -> npt.NDArray[np.uint32]:
        """(count,) uint32 from byte address ``addr``."""
        begin = addr - IMAGE_ADDR
        return self.memory[begin : begin + 4 * count].view("<u4")


def run_images(
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
    simulator: Build | None = None,
) -> list[RunResult]:
    """Run each image from reset, in one simulator process.

    Parameters
    ----------
    firmware : bytes
        For FIRMWARE_ADDR; the same for all.
    limit_cycles : int
        An image that is not done by then hangs. With a simulator whose machine waits for its
        arrays (``lanes``), waiting counts.
    waves_file : Path
        Write a waveform (VCD) of the states of harts and tiles, with a slower simulator.
    timeout_s : float
        Wall-clock limit of the whole list, without the build.
    on_progress, on_message : callable
        Told where the run is about once a second; told in a line when a build begins.
    symbolise : callable
        Names the place of a program counter in the message of a hang.
    simulator : Build
        Use this one and build none.

    Raises
    ------
    CosimHang, CosimError
        A nonzero exit status is not an error here: see :meth:`RunResult.check`.
    """
    if not images:
        return []
    for image_idx, image in enumerate(images):
        _check(config, image, image_idx, firmware)
    if simulator is None:
        simulator = build(config, trace=waves_file is not None, on_message=on_message)

    def report(image_idx: int, cycles: int, layers_done: int = 0) -> None:
        if on_progress is not None:
            on_progress(
                Progress(
                    image_idx=image_idx,
                    image_count=len(images),
                    cycles=cycles,
                    layers_done=layers_done,
                )
            )

    results: list[RunResult] = []
    # The machine may wait for an MVM that nobody asked for the result of.
    waits = 0 if simulator.lanes is None else config.tile.mvm_board_cycles(simulator.lanes)
    job = {
        "limit_cycles": limit_cycles,
        "report_cycles": REPORT_CYCLES,
        "drain_cycles": config.memory.latency_cycles + waits + _DRAIN_MARGIN_CYCLES,
        "outputs": ["exit_status", "cycles", *(f"fault_{name}" for name in FAULT_FIELDS)],
    }
    with Session(simulator, waves_file=waves_file, timeout_s=timeout_s) as session:
        for image_idx, image in enumerate(images):
            report(image_idx, 0)
            _load(session, {FIRMWARE_ADDR: firmware, IMAGE_ADDR: image.data})
            what = f"image {image_idx}"

            def watch(cycles: int, image_idx: int = image_idx) -> None:
                report(image_idx, cycles, _layers_done(session))

            answer = session.run(job, what=what, on_cycles=watch)
            if answer["kind"] == "hang":
                raise CosimHang(
                    image_idx=image_idx,
                    cycles=answer["cycles"],
                    pcs=answer["pcs"],
                    symbolise=symbolise,
                )
            results.append(_result(session, image, answer))
    report(len(images), 0)
    return results


def _layers_done(session: Session) -> int:
    word = [name for name, _ in HEADER].index("layers_done")
    begin = IMAGE_ADDR - MAIN_MEMORY.base_addr + 4 * word
    return struct.unpack("<I", session.memory[begin : begin + 4])[0]


def _load(session: Session, contents: dict[int, bytes]) -> None:
    session.clear_memory()
    for addr, data in contents.items():
        begin = addr - MAIN_MEMORY.base_addr
        session.memory[begin : begin + len(data)] = data


def _result(session: Session, image: ImageLike, answer: dict[str, Any]) -> RunResult:
    base = MAIN_MEMORY.base_addr
    snapshot = session.memory[IMAGE_ADDR - base : image.memory_end - base]
    fault = Fault(**{name: answer[f"fault_{name}"] for name in FAULT_FIELDS})
    return RunResult(
        status=answer["exit_status"],
        cycles=answer["cycles"],
        fault=fault if answer["exit_status"] == ExitStatus.TRAP else None,
        memory=np.frombuffer(snapshot, np.uint8),
        log=_log(snapshot),
    )


def _check(config: ClusterConfig, image: ImageLike, image_idx: int, firmware: bytes) -> None:
    memory_end = MAIN_MEMORY.base_addr + config.memory.size_bytes
    if len(firmware) > FIRMWARE_BYTES:
        raise CosimError(
            f"the firmware must be at most {FIRMWARE_BYTES} bytes, not {len(firmware)}"
        )
    if not IMAGE_ADDR + len(image.data) <= image.memory_end <= memory_end:
        raise CosimError(
            f"image {image_idx} must lie between 0x{IMAGE_ADDR:08x} and the end of the machine's "
            f"memory at 0x{memory_end:08x}; it has {len(image.data)} bytes and ends at "
            f"0x{image.memory_end:08x}"
        )


def _log(memory: bytes) -> str:
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
