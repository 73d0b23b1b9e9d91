import random

import pytest
from stream_bench import SIZE_BYTES, Conv, StreamBench
from tightrope.hw.config import TileConfig
from tightrope.hw.stream.job import JobError

IMAGE_BYTES = SIZE_BYTES // 2
"""The lower half of memory holds images, the upper results."""
JOBS = 6


def random_conv(rng, config):
    """A slice that fits the array, of a convolution whose input fits in the images."""
    while True:
        channels = rng.choice([1, 2, 3, 4, 5, 8, 16, 17, 70, rng.randint(1, 70)])
        kernel_h, kernel_w = (rng.choice([1, 1, 2, 3, 5, 7]) for _ in range(2))
        stride_h, stride_w = (rng.choice([1, 1, 2, 3]) for _ in range(2))
        dilation_h, dilation_w = (rng.choice([1, 1, 1, 2]) for _ in range(2))
        pad_top, pad_left = (rng.choice([0, 0, 1, 2, 3]) for _ in range(2))
        in_h, in_w = rng.randint(1, 9), rng.randint(1, 12)
        pixel_pitch = channels + rng.choice([0, 0, 0, 1, 4, 9])
        row_pitch = in_w * pixel_pitch + rng.choice([0, 0, 1, 2, 8])
        # The output may end anywhere: padding below and on the right is as much as it needs.
        out_h, out_w = rng.randint(1, 4), rng.randint(1, 5)
        patch_bytes = kernel_h * kernel_w * channels
        first = rng.choice([0, 0, rng.randrange(patch_bytes)])
        rows = min(config.rows, patch_bytes - first)
        if rng.random() < 0.3:
            rows = rng.randint(1, rows)
        if in_h * row_pitch < IMAGE_BYTES - 8:
            break
    return Conv(
        in_h=in_h, in_w=in_w, channels=channels, kernel_h=kernel_h, kernel_w=kernel_w,
        stride_h=stride_h, stride_w=stride_w, dilation_h=dilation_h, dilation_w=dilation_w,
        pad_top=pad_top, pad_left=pad_left, out_h=out_h, out_w=out_w,
        pixel_pitch=pixel_pitch, row_pitch=row_pitch,
        image=rng.randrange(IMAGE_BYTES - in_h * row_pitch), zero_point=rng.randint(-128, 127),
        first=first, rows=rows, first_pixel=rng.choice([0, rng.randrange(out_h * out_w)]),
    )  # fmt: skip


def random_job(rng, config, conv, index):
    """The job with a window, and a place for its results that no other job has."""
    col = rng.randrange(0, config.cols, 4)
    cols = rng.randrange(4, config.cols - col + 1, 4)
    share = (SIZE_BYTES - IMAGE_BYTES) // JOBS & -4
    first = IMAGE_BYTES + index * share
    result_bytes = cols * config.output_bytes
    pitch = result_bytes + rng.choice([0, 0, 4, 12])
    backwards = rng.random() < 0.2
    return conv.job(
        row=rng.randint(0, config.rows - conv.rows), col=col, cols=cols, shift=rng.randrange(9),
        destination=first + (pitch * conv.out_h * conv.out_w if backwards else 4 * index),
        destination_step=-pitch if backwards else pitch, tag=rng.getrandbits(16),
    )  # fmt: skip


@pytest.mark.parametrize("words", [1, 4, 16])
@pytest.mark.parametrize("seed", range(8))
def test_random_convolutions_do_as_the_model(words, seed):
    rng = random.Random(100 * seed + words)
    config = TileConfig(
        rows=rng.choice([8, 48, 72]),
        cols=rng.choice([8, 24]),
        adc_bits=rng.choice([8, 16, 32]),
        mvm_latency_cycles=rng.choice([1, 5, 30]),
    )
    bench = StreamBench(
        config,
        words,
        seed=seed,
        ready_ratio=rng.choice([1.0, 1.0, 0.7, 0.2]),
        extra_cycles=rng.choice([0, 3]),
    )
    bench.fill(0, IMAGE_BYTES)
    convs = [random_conv(rng, config) for _ in range(JOBS)]
    jobs = [random_job(rng, config, conv, i) for i, conv in enumerate(convs)]
    expected = bench.memory.copy()
    for conv, job in zip(convs, jobs, strict=True):
        for addr, values in bench.expected(conv, job):
            expected[addr : addr + len(values)] = values
    bench.run(jobs)
    assert [(tag, error) for tag, error, _ in bench.ends] == [
        (job["tag"], JobError.NONE) for job in jobs
    ], f"seed {seed}"
    assert (bench.memory == expected).all(), f"seed {seed}"
    assert bench.counters["bytes_out"] == sum(
        job["count"] * job["cols"] * config.output_bytes for job in jobs
    ), f"seed {seed}"
