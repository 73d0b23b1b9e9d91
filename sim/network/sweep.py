"""Points on RTL as tasks: rows are on disk as they come and reused later."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim import image as image_package
from tightrope.sim.cosim.build import build, cache_dir
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.firmware import build_firmware
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.errors import ModelError
from tightrope.sim.quantise import QuantNetwork
from tightrope.sim.sweeps.engine import Run
from tightrope.sim.sweeps.files import source_fingerprint
from tightrope.sim.sweeps.fingerprint import fingerprint
from tightrope.sim.sweeps.pool import InProcess, Pool
from tightrope.sim.sweeps.store import ResultStore
from tightrope.sim.sweeps.tasks import Task as SweepTask

from .beside import model_cycles_of
from .errors import NetworkError
from .mapping import NetworkMapping, map_network
from .points import Point
from .rows import NetworkRow, make_row, same_run
from .run import run_on_rtl

__all__ = ["SweepResult", "Task", "Teller", "run_tasks"]

REFUSALS = (MappingError, ModelError, NetworkError, ImageError)
"""What says that a network can't run in one way."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Mapped:
    """A task with its mapping, ready to run."""

    task: Task
    mapping: NetworkMapping
    run_key: str
    """Of what is run, whatever it is called."""
    model_cycles: float | None
    """What the model says of it."""


class _RtlJob:
    """Measures tasks on RTL; says what it does, unless it was sent to another process.

    Balancings often make the same plans. What was run once is not run again, in one process.
    """

    refusals: tuple[type[Exception], ...] = REFUSALS

    def __init__(
        self,
        progress: Teller,
        message: Callable[[str], None],
        known: Iterable[NetworkRow] = (),
    ) -> None:
        self._progress, self._message = progress, message
        self._known = {row.run_key: row for row in known}

    def __reduce__(self) -> tuple[Any, ...]:
        return _RtlJob, (_say_nothing, _say_nothing)

    def row(self, key: str, payload: _Mapped) -> NetworkRow:
        """A run on RTL as a row."""
        task, mapping, run_key = payload.task, payload.mapping, payload.run_key
        if run_key not in self._known:
            self._known[run_key] = self._measured(key, payload)
        known = self._known[run_key]
        return same_run(known, key, task.point, mapping, payload.model_cycles)

    def _measured(self, key: str, payload: _Mapped) -> NetworkRow:
        began = time.monotonic()
        task, mapping = payload.task, payload.mapping
        run = run_on_rtl(
            task.qnet,
            mapping,
            task.run_inputs,
            on_message=self._message,
            on_progress=lambda done, total: self._progress("layers", done, total),
        )
        seconds = time.monotonic() - began
        return make_row(
            key,
            payload.run_key,
            task.qnet.name,
            task.point,
            mapping,
            run,
            seconds,
            payload.model_cycles,
        )


class _Ways:
    """Maps tasks one after the other, as they are asked for, and remembers their keys."""

    def __init__(
        self, tasks: Sequence[Task], calibration: Calibration, message: Callable[[str], None]
    ) -> None:
        self._tasks, self._calibration, self._message = tasks, calibration, message
        self.keys: dict[int, str] = {}
        """Of the tasks that can be mapped, by their number."""
        self.unmapped: dict[int, Exception] = {}
        """Why others can't be."""

    def mapped(self) -> Iterator[SweepTask[_Mapped]]:
        """Those that can. For its key, the simulator of each must have been built."""
        for number, task in enumerate(self._tasks):
            try:
                mapping = _map(task, self._calibration)
            except REFUSALS as error:
                self.unmapped[number] = error
                continue
            run_key = _run_key(task, mapping, self._message)
            model_cycles = model_cycles_of(mapping, task.point.inputs, self._calibration)
            # What another calibration says is another row, but not another run.
            key = self.keys[number] = fingerprint(run_key, task.point, model_cycles)
            payload = _Mapped(
                task=task, mapping=mapping, run_key=run_key, model_cycles=model_cycles
            )
            yield SweepTask(key=key, payload=payload)

    def skipped(self, refused: Mapping[str, Exception]) -> Iterator[str]:
        """A sentence for each task without a row; ``refused`` by their runs, by key."""
        for number, task in enumerate(self._tasks):
            error = self.unmapped.get(number) or refused.get(self.keys.get(number, ""))
            if error:
                yield f"{task} can't run: {error}"


def run_tasks(
    tasks: Sequence[Task],
    folder: Path,
    calibration: Calibration,
    *,
    progress: Teller = lambda what, done, total: None,
    message: Callable[[str], None] = lambda text: None,
    pool: Pool | None = None,
) -> SweepResult:
    """Measure ``tasks``, except those whose rows ``folder`` already holds.

    They run in this process one after the other, as a simulator fills a machine, unless there is a
    ``pool``. A way that can't run, as a network that doesn't fit the memory, is skipped. Raises
    SweepError if the folder can't be used, CosimError if a run fails, Interrupted on Ctrl-C; in
    each case every finished row is on disk, and the same call goes on from there.
    """
    ways = _Ways(tasks, calibration, message)

    def tell(done: SweepTask[_Mapped], row: NetworkRow) -> None:
        cycles = f"{row.cycles_per_input:,.0f} cycles per input"
        message(f"{done.payload.task}: {cycles}, {row.problem or 'bit-exact'}")

    with (
        ResultStore(folder, NetworkRow, flush_seconds=0.0) as store,
        Run(
            store,
            _RtlJob(progress, message, store.rows.values()),
            pool or InProcess(),
            total=len(tasks),
            noun="runs",
            progress=lambda done, total: progress("runs", done, total),
            on_row=tell,
        ) as run,
    ):
        run.run(ways.mapped())
    keys = [ways.keys.get(number, "") for number in range(len(tasks))]
    return SweepResult(
        rows=tuple(store.rows.get(key) for key in keys),
        skipped=tuple(ways.skipped(run.refused)),
        reused=run.reused,
    )


def _say_nothing(*what: object) -> None:
    """In place of progress and messages, in a process that nobody watches."""


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


def _run_key(task: Task, mapping: NetworkMapping, message: Callable[[str], None]) -> str:
    """Everything that a run can depend on."""
    firmware = build_firmware(cache_dir() / "firmware").bin.read_bytes()
    return fingerprint(
        task.point.machine,
        task.qnet,
        task.run_inputs,
        mapping.plans,
        mapping.stage_harts,
        hashlib.sha256(firmware).hexdigest(),
        simulator_name(task.point.machine, message),
        source_fingerprint(Path(image_package.__file__).parent),
    )
