"""The runner on the smallest real machine, with firmware of a few words."""

import os
import struct
from dataclasses import dataclass

import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.sim.cosim.bench import measure_cycles_per_s
from tightrope.sim.cosim.errors import CosimHang
from tightrope.sim.cosim.run import run_images
from tightrope.sim.image.layout import FIRMWARE_ADDR, IMAGE_ADDR

CONFIG = ClusterConfig(
    harts=1, tight_tiles_per_hart=0, memory=MemoryConfig(size_bytes=1 << 20, latency_cycles=255)
)
STORE_AND_EXIT = (
    0xE000_0537,  # lui  a0, 0xE0000
    0x0000_02B7 | IMAGE_ADDR,  # lui  t0, IMAGE_ADDR >> 12
    0x0002_A583,  # lw   a1, 0(t0)
    0x00B2_A223,  # sw   a1, 4(t0)
    0x0075_0313,  # addi t1, a0, 7
    0x0065_2023,  # sw   t1, 0(a0): exit with the low 8 bits
    0x0000_006F,  # j    .
)
SPIN = (
    0x0000_0013,  # nop
    0x0000_006F,  # j    .
)


@dataclass(frozen=True)
class Words:
    data: bytes
    memory_end: int = IMAGE_ADDR + 4096


def pack(*words):
    return struct.pack(f"<{len(words)}I", *words)


def run(firmware, *images, **options):
    return run_images(
        CONFIG,
        [Words(pack(image)) for image in images],
        firmware=pack(*firmware),
        limit_cycles=5000,
        timeout_s=120,
        **options,
    )


def test_last_store_is_in_the_snapshot_however_slow_the_memory():
    for value, result in zip((5, 6), run(STORE_AND_EXIT, 5, 6), strict=True):
        assert result.status == 7
        assert result.words(IMAGE_ADDR, 2).tolist() == [value, value]


def test_runs_in_a_batch_take_the_same_time():
    results = run(STORE_AND_EXIT, 1, 2, 3)
    assert len({result.cycles for result in results}) == 1


def test_hang_names_the_program_counter():
    with pytest.raises(CosimHang) as caught:
        run(SPIN, 0)
    assert caught.value.pcs == [FIRMWARE_ADDR + 4]


@pytest.mark.skipif(
    "TIGHTROPE_BENCH" not in os.environ, reason="takes minutes: set TIGHTROPE_BENCH"
)
def test_speed_is_near_that_of_a_bare_loop():
    speed = measure_cycles_per_s(ClusterConfig(), cycles=100_000)
    assert speed["ours"] >= 0.8 * speed["bare"]
    assert speed["ours"] >= 8 * speed["stock"]
