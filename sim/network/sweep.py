"""Runs points on RTL one after the other; rows are on disk as they come and reused later."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim import image as image_package
from tightrope.sim.cosim.build import build, cache_dir
from tightrope.sim.explore.errors import Interrupted
from tightrope.sim.explore.files import source_fingerprint
from tightrope.sim.explore.fingerprint import fingerprint
from tightrope.sim.explore.store import ResultStore
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.firmware import build_firmware
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.errors import ModelError
from tightrope.sim.quantise import QuantNetwork

from .errors import NetworkError
from .mapping import NetworkMapping, map_network
from .points import Point
from .rows import NetworkRow, make_row
from .run import run_on_rtl

__all__ = ["SweepResult", "Task", "Teller", "run_tasks"]

Teller = Callable[[str, int, int], None]
"""Called with what is counted, how many are done, and how many there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A network to run in one way."""

    qnet: QuantNetwork
    point: Point
    inputs: tuple[np.ndarray, ...]
    """(h, w, c) int8; taken in turn if the point wants more."""

    def __str__(self) -> str:
        return f"{self.qnet.name}: {self.point}"

    @property
    def run_inputs(self) -> list[np.ndarray]:
        """As many as the point wants."""
        return [self.inputs[n % len(self.inputs)] for n in range(self.point.inputs)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What there is to know of some tasks."""

    rows: tuple[NetworkRow | None, ...]
    """Of each task; None if it can't run."""
    skipped: tuple[str, ...]
    """Why others can't run, a sentence each."""
    reused: int
    """Rows that were there already."""

    @property
    def measured(self) -> tuple[NetworkRow, ...]:
        """The rows that there are."""
        return tuple(row for row in self.rows if row is not None)


def run_tasks(
    tasks: Sequence[Task],
    folder: Path,
    calibration: Calibration,
    *,
    progress: Teller = lambda what, done, total: None,
    message: Callable[[str], None] = lambda text: None,
) -> SweepResult:
    """Measure ``tasks``, except those whose rows ``folder`` already holds.

    A way that can't run, as a network that doesn't fit the memory, is skipped. Raises ExploreError
    if the folder can't be used, CosimError if a run fails, Interrupted on Ctrl-C; in each case
    every finished row is on disk, and the same call goes on from there.
    """
    rows: list[NetworkRow | None] = []
    skipped: list[str] = []
    reused = 0
    with ResultStore(folder, NetworkRow) as store:
        try:
            for number, task in enumerate(tasks):
                progress("runs", number, len(tasks))
                try:
                    mapping = _map(task, calibration)
                    key = _key(task, mapping, message)
                    reused += key in store.rows
                    if key not in store.rows:
                        store.add(_measure(key, task, mapping, progress, message))
                    rows.append(store.rows[key])
                except (MappingError, ModelError, NetworkError, ImageError) as error:
                    rows.append(None)
                    skipped.append(f"{task} can't run: {error}")
            progress("runs", len(tasks), len(tasks))
        except KeyboardInterrupt:
            done = sum(row is not None for row in rows)
            raise Interrupted(
                f"stopped with {done} of {len(tasks)} runs done; they are in {folder}, "
                "and the same command goes on from there"
            ) from None
        finally:
            store.write_table([row.key for row in rows if row is not None])
    return SweepResult(rows=tuple(rows), skipped=tuple(skipped), reused=reused)


def _map(task: Task, calibration: Calibration) -> NetworkMapping:
    point = task.point
    return map_network(
        task.qnet.as_network(),
        point.machine,
        coupling=point.way.coupling,
        balancing=point.balancing,
        calibration=calibration,
        coverage=point.coverage,
    )


def simulator_name(machine: ClusterConfig, message: Callable[[str], None]) -> str:
    """The name of the simulator's folder, which depends on all that the simulator is made of."""
    return build(machine, on_message=message).folder.name


def _key(task: Task, mapping: NetworkMapping, message: Callable[[str], None]) -> str:
    """Everything that a row can depend on."""
    firmware = build_firmware(cache_dir() / "firmware").bin.read_bytes()
    return fingerprint(
        task.point,
        task.qnet,
        task.run_inputs,
        mapping.plans,
        mapping.stage_harts,
        hashlib.sha256(firmware).hexdigest(),
        simulator_name(task.point.machine, message),
        source_fingerprint(Path(image_package.__file__).parent),
    )


def _measure(
    key: str,
    task: Task,
    mapping: NetworkMapping,
    progress: Teller,
    message: Callable[[str], None],
) -> NetworkRow:
    began = time.monotonic()
    run = run_on_rtl(
        task.qnet,
        mapping,
        task.run_inputs,
        on_message=message,
        on_progress=lambda done, total: progress("layers", done, total),
    )
    row = make_row(key, task.qnet.name, task.point, mapping, run, time.monotonic() - began)
    message(f"{task}: {row.cycles_per_input:,.0f} cycles per input, {row.problem or 'bit-exact'}")
    return row
