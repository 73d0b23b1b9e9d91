"""Runs cases on RTL or a board, checks them against golden, and returns their counters."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.regs import HartCounter
from tightrope.sim.cosim.build import cache_dir
from tightrope.sim.cosim.run import run_images
from tightrope.sim.golden.random_layers import random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.firmware import build_firmware, symbolise
from tightrope.sim.image.image import Image
from tightrope.sim.image.results import check_outputs, read_results
from tightrope.sim.image.running import Progress, RunImages, RunResult
from tightrope.sim.image.steps import expected_outputs, independent_steps

from .case import Case, Measurement, plan_case

__all__ = ["measure"]

LIMIT_CYCLES = 400_000_000
"""Of one image; a hang is found by the simulator's own watchdog long before."""


def measure(
    cases: Sequence[Case],
    *,
    runner: RunImages = run_images,
    limit_cycles: int = LIMIT_CYCLES,
    timeout_s: float | None = None,
    waves_file=None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> list[Measurement]:
    """Measure all cases, machine by machine, in as few simulator processes as there are machines.

    ``runner`` is what has the machines: the RTL, or a board. ``on_progress(done, total)`` is told
    whenever a case is finished. Raises RunError if a run fails; a wrong output is not an error but
    a Measurement with mismatches.
    """
    results: dict[int, Measurement] = {}
    done = 0
    for machine, members in _by_machine(cases):

        def tell(progress: Progress, before: int = done) -> None:
            if on_progress:
                on_progress(before + progress.image_idx, len(cases))

        prepared = [_prepare(cases[i]) for i in members]
        files = build_firmware(cache_dir() / "firmware")
        runs = runner(
            machine,
            [image for image, _, _ in prepared],
            firmware=files.bin.read_bytes(),
            limit_cycles=limit_cycles,
            timeout_s=timeout_s,
            waves_file=waves_file,
            on_progress=tell,
            on_message=on_message,
            symbolise=lambda pc, elf=files.elf: symbolise(pc, elf),
        )
        for i, (image, plan, expected), run in zip(members, prepared, runs, strict=True):
            results[i] = _judge(cases[i], plan, image, expected, run)
        done += len(members)
    return [results[i] for i in range(len(cases))]


def _by_machine(cases: Sequence[Case]) -> Iterator[tuple[ClusterConfig, list[int]]]:
    machines: dict[ClusterConfig, list[int]] = {}
    for i, case in enumerate(cases):
        machines.setdefault(case.machine, []).append(i)
    yield from machines.items()


def _prepare(case: Case):
    rng = np.random.default_rng(case.seed)
    plan = plan_case(case)
    qlayer = random_quant_layer(case.layer, rng, weight_bits=case.machine.tile.weight_bits)
    arrays = random_inputs(case.layer, rng)
    steps, inputs = independent_steps([(qlayer, plan)], [arrays])
    image = build_image(case.machine, steps, inputs)
    return image, plan, expected_outputs(case.machine, steps, inputs)


def _judge(
    case: Case, plan, image: Image, expected: list[np.ndarray], run: RunResult
) -> Measurement:
    run.check()
    results = read_results(image, run.memory)
    wrong = check_outputs(image, run.memory, expected)
    problems = [str(mismatch) for mismatch in wrong] + list(results.guard_errors)
    layers = list(image.layers_of(0))
    programs = list(image.program_layers)
    counters = results.layer_counters.astype(np.int64)
    cycles = counters[:, :, HartCounter.CYCLES].max(axis=1)
    return Measurement(
        case=case,
        plan=plan,
        rtl_cycles=int(cycles[layers].sum()),
        program_cycles=int(cycles[programs].sum()) if programs else 0,
        hart_counters=counters[layers].sum(axis=0),
        tile_counters=results.tile_counters.astype(np.int64)[layers].sum(axis=0),
        machine_counters=results.machine_counters.astype(np.int64)[layers].sum(axis=0),
        mismatches=sum(mismatch.count for mismatch in wrong) + len(results.guard_errors),
        problem=problems[0] if problems else "",
    )
