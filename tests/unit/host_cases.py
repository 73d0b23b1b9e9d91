"""Random machines, plans and runs of the kernels that are compiled for the host."""

import dataclasses

from host_firmware import run_image
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.sim.golden import random_inputs
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import ExitStatus
from tightrope.sim.image.results import check_outputs, read_results
from tightrope.sim.image.steps import expected_outputs, independent_steps
from tightrope.sim.mapping.plan import Chunk, LayerPlan

__all__ = ["check", "machine", "random_plan"]


def machine(rng, *, tight=0, loose=0, rows=64, cols=32, post=(0, 1, 4, 8)):
    return ClusterConfig(
        harts=int(rng.integers(1, 5)),
        tight_tiles_per_hart=tight,
        loose_tiles=loose,
        tile=TileConfig(
            rows=rows,
            cols=cols,
            weight_bits=int(rng.choice([4, 8])),
            adc_bits=int(rng.choice([4, 7, 8, 9, 16, 32])),
            post_lanes=int(rng.choice(post)),
        ),
        memory=MemoryConfig(size_bytes=1 << 24),
    )


def random_plan(layer, config, body, balance, groups, rng, *, split=None, adc_shift=0):
    """Random cuts of pixels x channels (or groups), dealt to harts at random."""
    others = len(groups) if groups else layer.out_shape[2] // layer.groups

    def cuts(total):
        inner = rng.integers(0, total + 1, rng.integers(0, 4))
        edges = sorted({0, total, *(int(cut) for cut in inner)})
        return list(zip(edges, edges[1:], strict=False))

    chunks = [Chunk(pixel_begin=a, pixel_end=b, begin=c, end=d)
              for a, b in cuts(layer.pixels) for c, d in cuts(others)]  # fmt: skip
    first = sorted(int(edge) for edge in rng.integers(0, len(chunks) + 1, config.harts - 1))
    return LayerPlan(
        body=body,
        balance=balance,
        chunks=tuple(chunks),
        hart_first=(0, *first, len(chunks)),
        groups=groups,
        split=split,
        adc_shift=adc_shift,
    )


def check(config, cases, rng, seed, **pitches):
    """Runs (quantised layer, plan) pairs as one image and compares everything with golden."""
    arrays = [random_inputs(qlayer.layer, rng) for qlayer, _ in cases]
    steps, inputs = independent_steps(cases, arrays)
    steps = [dataclasses.replace(step, **pitches) for step in steps]
    extra = {}
    if pitches:
        extra = {name: x.shape[2] + int(rng.integers(0, 6)) for name, x in inputs.items()}
    image = build_image(config, steps, inputs, input_pitches=extra)
    status, message, memory = run_image(image, config, seed=seed)
    results = read_results(image, memory)
    about = f"seed {seed}: {message} {results.log}"
    assert status == ExitStatus.OK, about
    assert results.guard_errors == (), about
    mismatches = check_outputs(image, memory, expected_outputs(config, steps, inputs))
    shapes = "".join(f"\n{qlayer.layer}\n{plan}" for qlayer, plan in cases) if mismatches else ""
    assert mismatches == (), about + shapes
    return results
