"""Images run on a board, as on RTL: the same call, the same results."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tightrope.fpga.link.protocol import BAUD, Identity
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.image.layout import FIRMWARE_ADDR, IMAGE_ADDR
from tightrope.sim.image.running import (
    ImageLike,
    Progress,
    RunResult,
    check_image,
)

from .errors import BoardError
from .line import open_line
from .link import TIMEOUTS_S, Link
from .memory import load, read_back

__all__ = ["Board"]

FIRST_POLL_S, LAST_POLL_S = 0.005, 0.5
"""A run is asked for its status in growing intervals."""
STANDSTILL_S = 30.0
"""A machine whose cycles don't advance for so long never will."""

Teller = Callable[[str, int, int], None]
"""Gets what is under way, how much of it is done, and how much there is."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board behind a serial port."""

    port: str
    baud: int = BAUD
    timeouts_s: Sequence[float] = TIMEOUTS_S
    tell: Teller = lambda what, done, total: None
    """Told of loading and reading back."""

    def identify(self) -> Identity:
        """Which machine it is; raises BoardError."""
        with self._linked() as link:
            return link.identify()

    def run_images(
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
        """A ``RunImages``; a board has no waveform, and its program counters can't be seen.

        Raises
        ------
        BoardError
            Also if the board holds another machine than ``config``.
        """
        if waves_file is not None:
            raise BoardError("a board has no waveform")
        for image_idx, image in enumerate(images):
            check_image(config, image, image_idx, firmware)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s

        def report(image_idx: int, cycles: int) -> None:
            if on_progress is not None:
                on_progress(Progress(image_idx=image_idx, image_count=len(images), cycles=cycles))

        results = []
        with self._linked() as link:
            check_machine(link.identify(), config, self.port)
            for image_idx, image in enumerate(images):
                run = _Run(image_idx, limit_cycles, deadline, report)
                results.append(self._run_image(link, image, firmware, run))
        report(len(images), 0)
        return results

    def _run_image(self, link: Link, image: ImageLike, firmware: bytes, run: "_Run") -> RunResult:
        link.hold()
        loaded = _content(image, firmware)
        load(link, loaded, lambda done, total: self.tell("blocks loaded", done, total))
        link.start()
        status = run.wait(link)
        link.hold()
        left = read_back(link, loaded, lambda done, total: self.tell("blocks read", done, total))
        return RunResult.of(status, left[IMAGE_ADDR - MAIN_MEMORY.base_addr :])

    @contextmanager
    def _linked(self) -> Iterator[Link]:
        with open_line(self.port, self.baud) as line:
            yield Link(line, timeouts_s=self.timeouts_s)


@dataclass(frozen=True)
class _Run:
    """What a run is waited for."""

    image_idx: int
    limit_cycles: int
    deadline: float | None
    report: Callable[[int, int], None]
    """Gets ``image_idx`` and the cycles so far."""

    def wait(self, link: Link) -> dict[str, int]:
        """The status of the end; raises BoardError if it does not come."""
        what = f"image {self.image_idx}"
        poll_s = FIRST_POLL_S
        cycles, moved = -1, time.monotonic()
        while not (status := link.status())["done"]:
            now = time.monotonic()
            if status["cycles"] != cycles:
                cycles, moved = status["cycles"], now
            if cycles > self.limit_cycles:
                raise BoardError(f"{what} was not finished after {cycles} cycles")
            if now - moved > STANDSTILL_S:
                raise BoardError(f"{what} stands still after {cycles} cycles")
            if self.deadline is not None and now > self.deadline:
                raise BoardError(f"{what} took longer than the time allowed")
            self.report(self.image_idx, cycles)
            time.sleep(poll_s)
            poll_s = min(2 * poll_s, LAST_POLL_S)
        return status


def check_machine(found: Identity, wanted: ClusterConfig, port: str) -> None:
    """Raise BoardError unless the board's machine is the one that is wanted."""
    if found.config_hash == wanted.hash:
        return
    ours = Identity.of(wanted, lanes=found.lanes, clock_hz=found.clock_hz)
    raise BoardError(
        f"the bitstream on {port} is another machine ({found.config_hash}: {found}) than "
        f"the one asked for ({ours.config_hash}: {ours})"
    )


def _content(image: ImageLike, firmware: bytes) -> bytes:
    """Main memory from its first byte to the end of what the run may touch."""
    content = bytearray(image.memory_end - MAIN_MEMORY.base_addr)
    for addr, data in ((FIRMWARE_ADDR, firmware), (IMAGE_ADDR, image.data)):
        begin = addr - MAIN_MEMORY.base_addr
        content[begin : begin + len(data)] = data
    return bytes(content)
