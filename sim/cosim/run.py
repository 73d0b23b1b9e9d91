"""Run images on the RTL of a machine and bring back what they left in memory."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.image.layout import FIRMWARE_ADDR, HEADER, IMAGE_ADDR
from tightrope.sim.image.running import (
    ImageLike,
    Progress,
    RunResult,
    check_image,
)

from .build import Build, build
from .errors import CosimHang
from .session import Session
from .wrapper import FAULT_FIELDS

__all__ = ["run_images"]

REPORT_CYCLES = 250_000
"""About a second of an 8-hart machine."""
_DRAIN_MARGIN_CYCLES = 64


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
        check_image(config, image, image_idx, firmware)
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
    return RunResult.of(answer, snapshot)
