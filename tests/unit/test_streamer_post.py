import dataclasses
import random

import numpy as np
import pytest
from stream_bench import SIZE_BYTES, Conv, StreamBench
from test_streamer_random import IMAGE_BYTES, JOBS, random_conv, random_job
from tightrope.hw.config import TileConfig
from tightrope.hw.stream.job import JOB_POST, JobError

HERMES = TileConfig(rows=256, cols=256, adc_bits=8, mvm_latency_cycles=65)
LOST_CYCLES = 3


@pytest.mark.parametrize("words", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("seed", range(4))
def test_jobs_with_and_without_post_processing_write_what_golden_says(words, seed):
    rng = random.Random(100 * seed + words)
    config = TileConfig(
        rows=rng.choice([8, 48, 72]),
        cols=rng.choice([8, 24]),
        adc_bits=rng.choice([8, 12, 16, 32]),
        mvm_latency_cycles=rng.choice([1, 5, 30]),
        post_lanes=(1, 2, 4, 8)[seed],
    )
    bench = StreamBench(config, words, seed=seed, ready_ratio=rng.choice([1.0, 0.7, 0.2]))
    bench.fill(0, IMAGE_BYTES)
    convs = [random_conv(rng, config) for _ in range(JOBS)]
    jobs = [random_job(rng, config, conv, i) for i, conv in enumerate(convs)]
    for job in jobs:
        job["shift"] |= rng.choice([0, JOB_POST, JOB_POST])
    expected = bench.memory.copy()
    out_bytes = 0
    for conv, job in zip(convs, jobs, strict=True):
        for addr, values in bench.expected(conv, job):
            expected[addr : addr + len(values)] = values
            out_bytes += len(values)
    bench.run(jobs)
    ends = [(tag, error) for tag, error, _ in bench.ends]
    assert ends == [(job["tag"], JobError.NONE) for job in jobs], f"seed {seed}"
    assert (bench.memory == expected).all(), f"seed {seed}"
    assert bench.counters["bytes_out"] == out_bytes, f"seed {seed}"


def run_dense(config, words):
    """Pixels side by side that fill the array: the bench, and the cycles from MVM to MVM."""
    bench = StreamBench(config, words)
    bench.fill(0, 8192)
    conv = Conv(
        in_h=1, in_w=24, channels=256, out_h=1, out_w=24, rows=256, pixel_pitch=256, row_pitch=0
    )
    job = conv.job(cols=256, shift=JOB_POST | 6, destination=8192, destination_step=256)
    expected = bench.expected(conv, job)
    bench.run([job])
    for addr, values in expected:
        assert (bench.memory[addr : addr + len(values)] == values).all()
    steady = bench.starts[3:-4]
    return bench, (steady[-1] - steady[0]) / (len(steady) - 1)


@pytest.mark.parametrize(("lanes", "words"), [(1, 16), (2, 2), (4, 2), (4, 16), (8, 4)])
def test_a_long_job_takes_the_longest_of_compute_transfer_and_lanes(lanes, words):
    bench, period = run_dense(dataclasses.replace(HERMES, post_lanes=lanes), words)
    ideal = max(65, 2 * 256 // (4 * words), 256 // lanes)
    assert ideal <= period <= ideal + LOST_CYCLES
    assert bench.counters["bytes_out"] == 24 * 256


def test_ideal_converters_write_a_quarter_of_the_raw_bytes_in_full_beats():
    bench, period = run_dense(dataclasses.replace(HERMES, adc_bits=32, post_lanes=4), 16)
    assert period == 65
    assert bench.counters["bytes_out"] == 24 * 256
    assert bench.writes == 24 * 256 // 64


@pytest.mark.parametrize(("end", "results"), [(SIZE_BYTES, 6), (SIZE_BYTES + 4, 5)])
def test_places_are_those_of_int8_results(end, results):
    config = TileConfig(rows=8, cols=16, adc_bits=32, mvm_latency_cycles=3, post_lanes=2)
    bench = StreamBench(config, 4)
    bench.fill(0, 64)
    conv = Conv(
        in_h=1, in_w=6, channels=8, out_h=1, out_w=6, rows=8, pixel_pitch=8, row_pitch=0
    )
    job = conv.job(cols=16, shift=JOB_POST, destination=end - 96, destination_step=16)
    expected = bench.memory.copy()
    for addr, values in bench.expected(conv, job | {"count": results}):
        expected[addr : addr + 16] = values
    bench.run([job])
    error = JobError.NONE if results == 6 else JobError.DESTINATION
    assert [end[1] for end in bench.ends] == [error]
    assert np.array_equal(bench.memory, expected)
