"""The machines of these tests. Each is a build of its own, so there are few, and all differ.

Where tiles requantise, harts still do for groups of several blocks and reprogrammed ones.
"""

from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig

__all__ = ["BIG_TILES", "MACHINES", "machine_id"]

MACHINES = (
    # Everything is larger than a tile, and there are many of them; the narrowest memory.
    ClusterConfig(
        harts=1,
        tight_tiles_per_hart=9,
        loose_tiles=2,
        tile=TileConfig(rows=8, cols=8, adc_bits=8, mvm_latency_cycles=3, post_lanes=2),
        memory=MemoryConfig(size_bytes=4 << 20, latency_cycles=3, bytes_per_cycle=4),
    ),
    # Exact converter, a slow array, a slow memory; the second hart has no tight tiles.
    ClusterConfig(
        harts=2,
        tight_tiles_per_hart=2,
        tight_harts=1,
        loose_tiles=3,
        tile=TileConfig(
            rows=16, cols=16, mvm_latency_cycles=90, program_latency_cycles=9, post_lanes=8
        ),
        memory=MemoryConfig(size_bytes=4 << 20, latency_cycles=20, bytes_per_cycle=8),
    ),
    # Narrow weights, results of two bytes, fewer loose tiles than harts, the fastest memory.
    ClusterConfig(
        harts=4,
        tight_tiles_per_hart=1,
        loose_tiles=2,
        tile=TileConfig(rows=24, cols=8, weight_bits=4, adc_bits=12, post_lanes=4),
        memory=MemoryConfig(size_bytes=4 << 20, latency_cycles=1, bytes_per_cycle=32),
    ),
    # The machine that the model is calibrated on.
    ClusterConfig(harts=8, tight_tiles_per_hart=1, loose_tiles=8),
)

BIG_TILES = ClusterConfig(harts=1, loose_tiles=1, tile=TileConfig(rows=512, cols=512, adc_bits=16))


def machine_id(machine: ClusterConfig) -> str:
    """Names a machine in the list of tests."""
    return f"{machine.harts}-harts-{machine.tile.rows}x{machine.tile.cols}"
