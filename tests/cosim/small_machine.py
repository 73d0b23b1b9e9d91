"""As little as has a core, its CFU, a tight and a loose tile, and arrays that are late."""

from cosim_cases import TILE_WAYS, chain_job, digital_job, reprogrammed_job, resident_job
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import LayerOp

__all__ = ["LANES", "MACHINE", "small_jobs"]

MACHINE = ClusterConfig(
    harts=1,
    loose_tiles=1,
    tile=TileConfig(rows=16, cols=16, adc_bits=8),
    memory=MemoryConfig(size_bytes=1 << 20, bytes_per_cycle=8),
)
LANES = 4
_TIGHT, _LOOSE = TILE_WAYS[0], TILE_WAYS[3]


def small_jobs():
    return [
        resident_job(MACHINE, LayerOp.CONV, _TIGHT, 0, channels=16),
        resident_job(MACHINE, LayerOp.CONV, _LOOSE, 1, channels=16),
        reprogrammed_job(MACHINE, LayerOp.DENSE, _TIGHT, 1, channels=40),
        digital_job(MACHINE, LayerOp.DWCONV, Body.DOT4, Balance.STATIC, 0, channels=16),
        chain_job(MACHINE, seed=0, length=5),
    ]
