import dataclasses
import random

import pytest
from stream_bench import SIZE_BYTES, Conv, StreamBench
from tightrope.hw.config import TileConfig
from tightrope.hw.stream.job import JOB_POST, JobError

CONFIG = TileConfig(rows=24, cols=16, adc_bits=8, mvm_latency_cycles=6)
CONV = Conv(
    in_h=4, in_w=4, channels=5, kernel_h=2, kernel_w=2, out_h=3, out_w=3, pixel_pitch=6,
    row_pitch=30, image=40, rows=20,
)  # fmt: skip
RESULTS = 4096
WIDE = {
    "source": 32, "column_step": 32, "row_step": 32, "pixel_step": 32, "line_step": 32,
    "destination": 32, "shift": 8, "zero_point": 8,
}  # fmt: skip
GOOD = {"cols": 12, "destination": RESULTS, "destination_step": 12, "tag": 1}


def run(*jobs, **options):
    """A bench after these jobs, each with the number of its results, and a good one."""
    bench = StreamBench(CONFIG, 4, **options)
    bench.fill(0, 1024)
    bench.fill(SIZE_BYTES - 256, 256)
    expected = bench.memory.copy()
    good = CONV.job(**GOOD)
    for conv, job, results in (*jobs, (CONV, good, 9)):
        for addr, values in bench.expected(conv, job | {"count": results}):
            expected[addr : addr + len(values)] = values
    bench.run([job for _, job, _ in jobs] + [good])
    assert (bench.memory == expected).all()
    assert bench.ends[-1][:2] == (1, JobError.NONE)
    return bench


@pytest.mark.parametrize(
    ("change", "error"),
    [
        *(({name: 0}, JobError.EMPTY) for name in
          ("in_h", "in_w", "channels", "kernel_w", "out_w", "count")),
        ({"channel": 5}, JobError.START),
        ({"kernel_x": 2}, JobError.START),
        ({"kernel_x": 0xFFFF}, JobError.START),
        ({"out_x": 3}, JobError.START),
        ({"rows": 0}, JobError.WINDOW),
        ({"rows": 25}, JobError.WINDOW),
        ({"row": 5}, JobError.WINDOW),
        ({"row": 0xFFFF}, JobError.WINDOW),
        ({"row": 0xFFFF, "rows": 0xFFFF}, JobError.WINDOW),
        ({"cols": 0}, JobError.WINDOW),
        ({"cols": 20}, JobError.WINDOW),
        ({"cols": 6}, JobError.WINDOW),
        ({"col": 2}, JobError.WINDOW),
        ({"col": 8}, JobError.WINDOW),
        ({"shift": 32}, JobError.WINDOW),
        ({"shift": JOB_POST | 1}, JobError.WINDOW),
        ({"destination": RESULTS + 2}, JobError.ALIGNMENT),
        ({"destination_step": 13}, JobError.ALIGNMENT),
        ({"destination": SIZE_BYTES}, JobError.DESTINATION),
        ({"destination": SIZE_BYTES - 8}, JobError.DESTINATION),
        ({"destination": 0xFFFF_FFFC}, JobError.DESTINATION),
        ({"source": SIZE_BYTES}, JobError.SOURCE),
        ({"source": SIZE_BYTES - 4}, JobError.SOURCE),
        ({"source": 0xFFFF_FFFF}, JobError.SOURCE),
    ],
)  # fmt: skip
def test_a_bad_job_moves_nothing(change, error):
    bench = run((CONV, CONV.job(**GOOD | {"tag": 0xBAD} | change), 0))
    assert bench.ends[0][:2] == (0xBAD, error)
    assert bench.counters["bytes_in"] == 9 * 20
    assert bench.counters["bytes_out"] == 9 * 12


def test_the_lowest_of_several_errors_is_told():
    job = CONV.job(**GOOD | {"destination": SIZE_BYTES + 2, "cols": 18, "source": SIZE_BYTES})
    assert run((CONV, job, 0)).ends[0][1] is JobError.WINDOW


@pytest.mark.parametrize("ready_ratio", [1.0, 0.3])
def test_results_before_one_outside_of_the_memory_are_written(ready_ratio):
    job = CONV.job(**GOOD | {"destination": SIZE_BYTES - 5 * 12, "tag": 2})
    bench = run((CONV, job, 5), ready_ratio=ready_ratio)
    assert bench.ends[0][:2] == (2, JobError.DESTINATION)


def test_a_job_may_end_at_the_end_of_the_memory():
    job = CONV.job(**GOOD | {"destination": SIZE_BYTES - 9 * 12, "tag": 2})
    assert run((CONV, job, 9)).ends[0][:2] == (2, JobError.NONE)


@pytest.mark.parametrize("ready_ratio", [1.0, 0.3])
@pytest.mark.parametrize("lost_bytes", [0, 1, 5, 6, 31, 32, 62])
def test_results_before_a_byte_outside_of_the_memory_are_written(lost_bytes, ready_ratio):
    last_byte = 3 * CONV.row_pitch + 3 * CONV.pixel_pitch + 4
    image = SIZE_BYTES - 1 - last_byte + lost_bytes
    conv = dataclasses.replace(CONV, image=image)
    ends = [image + (oy + 1) * 30 + (ox + 1) * 6 + 4 for oy in range(3) for ox in range(3)]
    results = next((i for i, addr in enumerate(ends) if addr >= SIZE_BYTES), 9)
    job = conv.job(**GOOD | {"destination": RESULTS + 256, "tag": 2})
    bench = run((conv, job, results), ready_ratio=ready_ratio, seed=lost_bytes)
    assert bench.ends[0][:2] == (2, JobError.SOURCE if lost_bytes else JobError.NONE)
    assert (results == 9) == (lost_bytes == 0)


def test_a_job_with_an_error_leaves_nothing_in_the_tile():
    bench = StreamBench(CONFIG, 4, ready_ratio=0.3)
    conv = dataclasses.replace(CONV, image=SIZE_BYTES - 36)
    bench.run([conv.job(**GOOD)])
    assert bench.ends[0][1] is JobError.SOURCE
    assert bench.counters["bytes_in"] % 20
    assert not bench.unfinished


@pytest.mark.parametrize("seed", range(6))
def test_random_descriptors_leave_memory_outside_of_their_results_alone(seed):
    rng = random.Random(seed)
    bench = StreamBench(CONFIG, rng.choice([1, 4, 16]), seed=seed, ready_ratio=0.8)
    bench.fill(0, SIZE_BYTES)
    before = bench.memory.copy()
    allowed = set()
    jobs = []
    for _ in range(20):
        job = CONV.job(**GOOD)
        job["destination_step"] = rng.choice([0, 12, 400, 4000, 1 << 20, 1 << 31])
        for name in rng.sample(sorted(job), rng.randint(1, 4)):
            if name not in ("destination_step", "count"):
                job[name] = rng.choice([0, 1, 5, rng.getrandbits(15), rng.getrandbits(32)])
                job[name] %= 1 << 16 if name not in WIDE else 1 << WIDE[name]
        job["cols"] = rng.choice([4, 12, 16])
        for i in range(job["count"]):
            place = (job["destination"] + i * job["destination_step"]) % (1 << 32)
            allowed |= set(range(place, place + job["cols"]))
        jobs.append(job)
    bench.run(jobs)
    changed = {addr for addr in range(SIZE_BYTES) if bench.memory[addr] != before[addr]}
    assert changed <= allowed, f"seed {seed}"
    errors = {error for _, error, _ in bench.ends}
    assert JobError.NONE in errors and len(errors) > 2, f"seed {seed}"
