# amaranth: UnusedElaboratable=no
import numpy as np
import pytest
from stream_bench import Conv, StreamBench
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.stream.check import JobCheck
from tightrope.hw.stream.fetch import StepFetcher
from tightrope.hw.stream.job import JOB_WORDS, JobError, StreamJob
from tightrope.hw.stream.loops import PatchLoops
from tightrope.hw.stream.merge import StepMerger
from tightrope.hw.stream.streamer import TileStreamer
from tightrope.hw.stream.walk import PatchWalker

HERMES = TileConfig(rows=256, cols=256, adc_bits=8, mvm_latency_cycles=65)
LOST_CYCLES = 3
"""What one MVM may take longer than the longest of its parts."""


def make(component, **arguments):
    return component(
        **{"config": TileConfig(), "words": 4, "size_bytes": 64, "addr_width": 8} | arguments
    )


@pytest.mark.parametrize("component", [JobCheck, PatchLoops, StepMerger])
def test_refuses_what_is_not_a_tile_config(component):
    with pytest.raises(TypeError, match="^config must be a TileConfig, not None$"):
        component(config=None)


@pytest.mark.parametrize(
    ("component", "arguments"),
    [
        (PatchWalker, {"size_bytes": 64, "addr_width": 8}),
        (StepFetcher, {"words": 4, "addr_width": 8}),
        (TileStreamer, {"words": 4, "size_bytes": 64, "addr_width": 8}),
    ],
)
def test_refuses_what_is_not_a_tile_config_beside_others(component, arguments):
    with pytest.raises(TypeError, match="^config must be a TileConfig, not None$"):
        component(config=None, **arguments)


@pytest.mark.parametrize("words", [0, 3, 32, None, True])
def test_refuses_a_bad_width(words):
    with pytest.raises(HwConfigError, match="^streamer words must be 1, 2, 4, 8 or 16, not "):
        make(TileStreamer, words=words)


@pytest.mark.parametrize("size_bytes", [0, -4, 62, 1028, None])
def test_refuses_a_bad_size(size_bytes):
    rule = "^streamer size_bytes must be a multiple of 4 up to 1024, not "
    with pytest.raises(HwConfigError, match=rule):
        make(TileStreamer, size_bytes=size_bytes)


def test_a_job_is_whole_words():
    assert StreamJob.size == 32 * JOB_WORDS
    assert {field.offset % field.width for _, field in StreamJob} == {0}


def dense(*, rows=256, count=24, channels=None):
    """A 1x1 convolution whose pixels lie side by side."""
    channels = channels or rows
    return Conv(
        in_h=1, in_w=count, channels=channels, out_h=1, out_w=count, rows=rows,
        pixel_pitch=channels, row_pitch=0,
    )  # fmt: skip


def timed(config, words, conv, *, cols, **options):
    """A bench after one job, and the mean period of its MVMs but the first and last few."""
    bench = StreamBench(config, words, **options)
    bench.fill(0, 8192)
    job = conv.job(cols=cols, shift=6, destination=8192, destination_step=1024)
    expected = bench.expected(conv, job)
    bench.run([job])
    for addr, values in expected:
        assert (bench.memory[addr : addr + len(values)] == values).all()
    # Transfer-bound MVMs start in pairs: an even number of them.
    steady = bench.starts[3 : -4 + len(bench.starts) % 2]
    return bench, (steady[-1] - steady[0]) / (len(steady) - 1)


@pytest.mark.parametrize("words", [1, 2, 4, 8, 16])
def test_a_long_job_takes_the_longer_of_compute_and_transfer(words):
    bench, period = timed(HERMES, words, dense(), cols=256)
    ideal = max(65, 2 * 256 // (4 * words))
    assert ideal <= period <= 1.05 * ideal
    assert bench.counters == {
        "bytes_in": 24 * 256,
        "bytes_out": 24 * 256,
        "conflict_cycles": 0,
        "busy_cycles": bench.counters["busy_cycles"],
    }
    assert bench.counters["busy_cycles"] <= 24 * period + 65 + 2 * 256 // (4 * words) + 16


def test_the_array_of_the_published_size_never_waits():
    bench, period = timed(HERMES, 16, dense(), cols=256)
    assert set(np.diff(bench.starts)) == {65}
    (_, _, end) = bench.ends[0]
    assert 24 * 65 / end > 0.95


@pytest.mark.parametrize("latency", [1, 8, 13, 16, 17, 24])
@pytest.mark.parametrize(("rows", "cols"), [(64, 64), (64, 16), (16, 64), (60, 68)])
def test_the_period_whichever_part_is_the_longest(latency, rows, cols):
    config = TileConfig(rows=64, cols=72, adc_bits=8, mvm_latency_cycles=latency)
    words = 2
    _, period = timed(config, words, dense(rows=rows), cols=cols)
    transfer = -(-rows // (4 * words)) + -(-cols // (4 * words))
    assert period <= max(latency, transfer) + LOST_CYCLES


@pytest.mark.parametrize("words", [1, 4, 16])
def test_kernel_rows_are_read_as_one_if_pixels_lie_side_by_side(words):
    config = TileConfig(rows=152, cols=8, adc_bits=8, mvm_latency_cycles=4)
    conv = Conv(
        in_h=16, in_w=40, channels=3, kernel_h=7, kernel_w=7, out_h=1, out_w=24, rows=147,
        pixel_pitch=3, row_pitch=120,
    )  # fmt: skip
    _, period = timed(config, words, conv, cols=8)
    # 21 bytes, from any byte of a word on: at most six words. 49 kernel positions.
    requests = 7 * -(-6 // words) + -(-2 // words)
    assert period <= max(49, requests) + LOST_CYCLES


@pytest.mark.parametrize("words", [1, 4, 16])
def test_padding_takes_no_requests(words):
    config = TileConfig(rows=144, cols=8, adc_bits=8, mvm_latency_cycles=4)
    conv = Conv(
        in_h=1, in_w=40, channels=16, kernel_h=9, pad_top=4, out_h=1, out_w=24, rows=144,
        pixel_pitch=16, row_pitch=640, image=3, zero_point=-3,
    )  # fmt: skip
    bench, period = timed(config, words, conv, cols=8)
    assert bench.counters["bytes_in"] == 24 * 16
    assert period <= 9 + 128 // (4 * words) + LOST_CYCLES


def test_a_job_follows_another_within_a_few_cycles():
    bench = StreamBench(HERMES, 16)
    bench.fill(0, 4096)
    conv = dense(count=4)
    jobs = [
        conv.job(cols=256, shift=shift, destination=8192 + 1024 * i, destination_step=256, tag=i)
        for i, shift in enumerate([4, 7, 5, 6])
    ]
    expected = [bench.expected(conv, job) for job in jobs]
    bench.run(jobs)
    for results in expected:
        for addr, values in results:
            assert (bench.memory[addr : addr + len(values)] == values).all()
    # The next job is read while the last MVM of the one before computes.
    assert set(np.diff(bench.starts)) == {65}
    assert [(tag, error) for tag, error, _ in bench.ends] == [(i, JobError.NONE) for i in range(4)]
    for start, (_, _, end) in zip(bench.starts[3::4], bench.ends, strict=True):
        assert end - start <= 65 + 4 + LOST_CYCLES


def test_conflicts_are_counted():
    bench, _ = timed(HERMES, 16, dense(count=12), cols=256, ready_ratio=0.5, seed=3)
    requests = 12 * 8
    assert 0.5 * requests < bench.counters["conflict_cycles"] < 2 * requests
