import dataclasses
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from tightrope.sim.sweeps import code
from tightrope.sim.sweeps.cluster import Cluster, _Hands
from tightrope.sim.sweeps.engine import Run
from tightrope.sim.sweeps.errors import Interrupted, SweepError
from tightrope.sim.sweeps.pool import FEW_TASKS, InProcess, Workers, _local_client
from tightrope.sim.sweeps.store import ResultStore
from tightrope.sim.sweeps.tasks import Task, compute

THROUGHPUT_BAR = 1.8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    key: str
    square: int
    process: int

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    flat = to_dict

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Row":
        return cls(**data)


class Odd(ValueError):
    """A task that has no row."""


@dataclasses.dataclass
class Squares:
    """Refuses 7, fails at ``bad``, and kills its process once (``deadly``: always) at ``kills``."""

    bad: int = -1
    kills: int = -1
    marker: Path | None = None
    deadly: bool = False
    delay_s: float = 0.0

    refusals = (Odd,)

    def row(self, key, payload):
        time.sleep(self.delay_s)
        if payload == 7:
            raise Odd("7 is odd")
        if payload == self.bad:
            raise ZeroDivisionError("a bug")
        if payload == self.kills and (self.deadly or not self.marker.exists()):
            if self.marker:
                self.marker.touch()
            os._exit(1)
        return Row(key=key, square=payload**2, process=os.getpid())


def tasks(count):
    return [Task(key=f"k{n}", payload=n, group=f"g{n // 10}") for n in range(count)]


def run_all(folder, job, pool, asked, **options):
    with (
        ResultStore(folder, Row) as store,
        Run(store, job, pool, total=len(asked), **options) as run,
    ):
        run.run(asked)
    return store.rows, run


@pytest.fixture(scope="module")
def workers():
    with Workers(workers=2) as pool:
        yield pool


@pytest.fixture(params=["here", "workers"])
def pool(request):
    return InProcess() if request.param == "here" else request.getfixturevalue("workers")


def test_every_task_is_a_row_but_those_refused(pool, tmp_path):
    told = []
    rows, run = run_all(
        tmp_path, Squares(), pool, tasks(60), progress=lambda *done: told.append(done)
    )
    assert {key: row.square for key, row in rows.items()} == {
        f"k{n}": n**2 for n in range(60) if n != 7
    }
    assert {key: str(error) for key, error in run.refused.items()} == {"k7": "7 is odd"}
    assert (run.done, run.reused) == (59, 0) and told == [(n, 60) for n in range(61)]
    assert (os.getpid() in {row.process for row in rows.values()}) == isinstance(pool, InProcess)


def test_the_steady_rate_begins_with_the_first_row(tmp_path):
    class Late(InProcess):
        def outcomes(self, asked, job):
            for index, task in enumerate(asked):
                time.sleep(0.01 if index else 0.5)
                yield compute(job, task)

    _, run = run_all(tmp_path, Squares(), Late(), tasks(7))
    assert run.done == 7 and run.steady_per_second > 3 * run.done / run.seconds
    _, again = run_all(tmp_path, Squares(), Late(), tasks(7))
    assert again.reused == 7 and again.steady_per_second == 0


def test_rows_that_are_there_are_not_computed_again(pool, tmp_path):
    run_all(tmp_path, Squares(), InProcess(), tasks(30))
    before = {path.name for path in (tmp_path / "results.parts").iterdir()}
    rows, run = run_all(tmp_path, Squares(bad=3), pool, [*tasks(40), *tasks(40)])
    assert len(rows) == 39 and (run.done, run.reused) == (10, 29)
    assert before < {path.name for path in (tmp_path / "results.parts").iterdir()}


def test_bug_of_a_job_ends_the_run_and_keeps_what_was_done(pool, tmp_path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_all(tmp_path, Squares(bad=50, delay_s=0.01), pool, tasks(51))
    rows, run = run_all(tmp_path, Squares(), pool, tasks(51))
    assert len(rows) == 50 and run.reused > 0


def test_error_of_a_job_is_not_taken_for_the_scheduler(workers, tmp_path):
    class Unreadable(Squares):
        def row(self, key, payload):
            raise FileNotFoundError("no.json")

    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        run_all(tmp_path, Unreadable(), workers, tasks(3))


def test_interrupt_says_what_is_kept(pool, tmp_path):
    def stop(task, row):
        if stop.left == 0:
            raise KeyboardInterrupt
        stop.left -= 1

    stop.left = 4
    with pytest.raises(Interrupted, match="stopped with 5 of 20 points done"):
        run_all(tmp_path, Squares(), pool, tasks(20), on_row=stop)
    _, run = run_all(tmp_path, Squares(), pool, tasks(20))
    assert run.reused == 5


def test_batch_of_a_worker_that_dies_runs_on_another(workers, tmp_path):
    job = Squares(kills=23, marker=tmp_path / "died", delay_s=0.002)
    rows, _ = run_all(tmp_path / "o", job, workers, tasks(100))
    assert len(rows) == 99 and (tmp_path / "died").exists()


def test_task_that_kills_every_worker_is_said_to(tmp_path):
    with Workers(workers=2) as pool, pytest.raises(SweepError, match="died again and again"):
        run_all(tmp_path, Squares(kills=5, deadly=True), pool, tasks(10))


def test_few_tasks_run_here_and_many_on_a_process_for_each_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    with Workers() as pool:
        rows, _ = run_all(tmp_path / "few", Squares(), pool, tasks(20))
        assert {row.process for row in rows.values()} == {os.getpid()}
        job = Squares(delay_s=0.005)
        rows, _ = run_all(tmp_path / "many", job, pool, tasks(FEW_TASKS))
        assert len({row.process for row in rows.values()} - {os.getpid()}) == 3


@pytest.fixture
def cluster():
    options = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, protocol="tcp",
                      silence_logs=logging.CRITICAL, **options) as cluster:  # fmt: skip
        yield cluster


def test_scheduler_that_is_there_does_the_work(cluster, tmp_path):
    with Workers(scheduler=cluster.scheduler_address) as pool:
        rows, _ = run_all(tmp_path, Squares(), pool, tasks(30))
    assert len(rows) == 29


def test_scheduler_that_goes_away_is_said_to_and_rows_are_kept(cluster, tmp_path):
    def end(task, row):
        if task.payload == 3:
            cluster.close()

    with (
        pytest.raises(SweepError, match="were lost"),
        Workers(scheduler=cluster.scheduler_address) as pool,
    ):
        run_all(tmp_path, Squares(delay_s=0.05), pool, tasks(40), on_row=end)
    _, run = run_all(tmp_path, Squares(), InProcess(), tasks(40))
    assert run.reused >= 1


def test_scheduler_without_workers_is_refused(cluster, tmp_path):
    cluster.scale(0)
    cluster.sync(cluster._correct_state)
    with (
        pytest.raises(SweepError, match="has no workers"),
        Workers(scheduler=cluster.scheduler_address) as pool,
    ):
        run_all(tmp_path, Squares(), pool, tasks(3))


def test_worker_with_other_code_is_refused():
    class Client:
        def nthreads(self):
            return {"tcp://a": 1}

        def run(self, function):
            return {"tcp://a": "0123"}

    with pytest.raises(SweepError, match="tcp://a has another version"):
        code.check_workers(Client(), "tcp://scheduler")


def test_a_worker_stays_with_its_group_then_begins_another_then_helps():
    hands = _Hands(tasks(30))
    hands.took(1, 1e-9)
    hands.took(2, 1e-9)
    dealt = [(who, {task.group for task in hands.deal(who)}) for who in "aabab"]
    assert dealt == [("a", {"g0"}), ("a", {"g0"}), ("b", {"g2"}), ("a", {"g0"}), ("b", {"g2"})]
    rest = [[task.payload for task in hands.deal(who)] for who in "abababab"]
    assert rest[0] == [10, 11, 12, 13] and rest[1] == [28, 29]
    assert rest[2] == [14, 15, 16, 17] and rest[3] == [19, 18] and rest[4] == []
    assert hands.left == 0


def test_a_worker_stays_with_its_family_and_a_new_one_begins_another():
    asked = [
        Task(key=f"{family}{group}{n}", payload=n, group=f"{family}{group}", family=family)
        for family in "xy"
        for group in range(3)
        for n in range(2)
    ]
    hands = _Hands(asked)
    hands.took(1, 1e-9)
    dealt = [hands.deal(who)[0].group for who in "ababa"]
    assert dealt == ["x0", "y0", "x1", "y1", "x2"]
    # It is done with x; what is new of y is taken from its end, before any group is shared.
    assert [hands.deal(who)[0].group for who in "a"] == ["y2"]
    assert hands.left == 0


@pytest.mark.parametrize(("seconds", "size"), [(1e-6, 2), (0.3, 1), (100.0, 1)])
def test_batches_grow_only_while_they_are_short(seconds, size):
    hands = _Hands(tasks(10))
    hands.took(1, seconds)
    assert len(hands.deal("a")) == size


def test_two_workers_do_nearly_twice_the_work_of_one(tmp_path):
    # Tasks that sleep: what is measured is what the engine adds, and not how busy this machine is.
    asked = [Task(key=f"k{n}", payload=8, group=f"g{n // 100}") for n in range(600)]
    ratios = []
    for attempt in range(3):
        seconds = []
        for count in (1, 2):
            with _local_client(count) as client:
                pool, job = Cluster(client), Squares(delay_s=0.005)
                run_all(tmp_path / f"warm{attempt}{count}", job, pool, asked[:20])
                seconds.append(run_all(tmp_path / f"{attempt}{count}", job, pool, asked)[1].seconds)
        ratios.append(seconds[0] / seconds[1])
        if ratios[-1] >= THROUGHPUT_BAR:
            break
    assert max(ratios) >= THROUGHPUT_BAR
