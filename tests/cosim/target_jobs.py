"""A small machine with everything that waits for an array or memory, and images for it."""

import numpy as np
from cosim_cases import TILE_WAYS, chain_job, layer_job, reprogrammed_job, resident_job
from cosim_jobs import run_firmware, system_firmware
from stream_layers import plan_stream
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.sim.image.layout import Balance
from tightrope.sim.image.results import check_outputs
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = ["LANES", "MACHINE", "check_same", "random_jobs", "run_all"]

MACHINE = ClusterConfig(
    harts=2,
    tight_tiles_per_hart=1,
    loose_tiles=1,
    tile=TileConfig(rows=32, cols=32, adc_bits=8, post_lanes=4),
    memory=MemoryConfig(size_bytes=4 << 20),
    scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=8),
    stream_ports=1,
    stream_bytes_per_cycle=16,
    dma_bytes_per_cycle=16,
)
LANES = 4
SEEDS = range(2)
LIMIT_CYCLES = 30_000_000


def stream_job(seed):
    layer = Layer(
        name="conv", op=LayerOp.CONV, source_op="Conv", in_shape=(5, 6, 3), out_shape=(5, 6, 20),
        kernel=(3, 3), pads=(1, 1, 1, 1),
    )  # fmt: skip
    plan = plan_stream(layer, MACHINE, Balance.STATIC)
    return layer_job(f"stream seed {seed}", MACHINE, layer, plan, np.random.default_rng(seed))


def random_jobs():
    jobs = [stream_job(seed) for seed in SEEDS]
    for way in TILE_WAYS:
        jobs += [resident_job(MACHINE, LayerOp.CONV, way, seed, channels=40) for seed in SEEDS]
    jobs.append(reprogrammed_job(MACHINE, LayerOp.DENSE, TILE_WAYS[1], 1, channels=80))
    return [*jobs, chain_job(MACHINE, seed=0, length=9)]


def run_all(jobs, simulator):
    config = jobs[0].config
    return run_firmware(
        config,
        [job.image for job in jobs],
        system_firmware(),
        limit_cycles=LIMIT_CYCLES,
        name=lambda index: jobs[index].name,
        simulator=simulator,
    )


def check_same(jobs, expected, runs):
    """Each run of a job is right, and equal to the other in cycles and every byte of memory."""
    for job, other, run in zip(jobs, expected, runs, strict=True):
        run.check()
        assert not check_outputs(job.image, run.memory, job.expected), job.name
        assert run.cycles == other.cycles, job.name
        # Outputs, the counters of harts, tiles and machine of each layer, scratch, guards: all.
        different = np.flatnonzero(run.memory != other.memory)
        assert not len(different), f"{job.name}: {len(different)} bytes, from {different[0]}"
