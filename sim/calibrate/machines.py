"""Machines beside the nominal one: of the fit, and those that only held-out cases run on."""

from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig

from .layers import machine
from .stream_cases import stream_machine

__all__ = ["FIT", "FIT_STREAMING", "HELD_OUT", "HELD_OUT_STREAMING", "NOMINAL"]

NOMINAL = tuple(machine(harts) for harts in (1, 2, 4, 8))

FIT = (
    # Small tiles with a converter of 8 bits, fewer loose tiles than harts, slow narrow memory.
    ClusterConfig(
        harts=4, tight_tiles_per_hart=2, loose_tiles=2,
        tile=TileConfig(rows=128, cols=64, adc_bits=8, mvm_latency_cycles=130),
        memory=MemoryConfig(latency_cycles=20, bytes_per_cycle=8),
    ),
    # All harts want the slowest memory there is.
    ClusterConfig(
        harts=8, tight_tiles_per_hart=1, loose_tiles=16,
        memory=MemoryConfig(latency_cycles=40, bytes_per_cycle=4),
    ),
    # Many fast tiles and a fast memory.
    ClusterConfig(
        harts=2, tight_tiles_per_hart=4, loose_tiles=4,
        tile=TileConfig(rows=64, cols=512, adc_bits=10, mvm_latency_cycles=20),
        memory=MemoryConfig(latency_cycles=3, bytes_per_cycle=32),
    ),
)  # fmt: skip
FIT_STREAMING = (
    stream_machine(8, loose_tiles=8),
    stream_machine(
        2, tile=TileConfig(mvm_latency_cycles=30), stream_bytes_per_cycle=16,
        dma_bytes_per_cycle=16, memory=MemoryConfig(latency_cycles=24, bytes_per_cycle=8),
    ),
    stream_machine(4, tile=TileConfig(adc_bits=8)),
)  # fmt: skip

HELD_OUT = (
    ClusterConfig(
        harts=6, tight_tiles_per_hart=1, loose_tiles=6,
        tile=TileConfig(rows=192, cols=128, adc_bits=8, mvm_latency_cycles=100),
        memory=MemoryConfig(latency_cycles=12, bytes_per_cycle=16),
    ),
    ClusterConfig(
        harts=3, tight_tiles_per_hart=2, loose_tiles=8,
        tile=TileConfig(rows=128, cols=256, mvm_latency_cycles=40),
        memory=MemoryConfig(latency_cycles=30, bytes_per_cycle=8),
    ),
    machine(
        5, tile=TileConfig(post_lanes=8),
        memory=MemoryConfig(latency_cycles=16, bytes_per_cycle=32),
    ),
)  # fmt: skip
HELD_OUT_STREAMING = (
    stream_machine(
        2, tile=TileConfig(post_lanes=8, mvm_latency_cycles=100),
        memory=MemoryConfig(latency_cycles=16, bytes_per_cycle=8),
    ),
    stream_machine(6, loose_tiles=6, tile=TileConfig(adc_bits=8), stream_bytes_per_cycle=32),
)  # fmt: skip
