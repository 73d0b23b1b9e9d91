"""Runs on RTL, many in one simulator process, each compared with the reference by name."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.cosim.build import Build, cache_dir
from tightrope.sim.cosim.errors import CosimHang
from tightrope.sim.cosim.run import run_images
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.firmware import FirmwareFiles, build_firmware, symbolise
from tightrope.sim.image.image import Image
from tightrope.sim.image.layout import ExitStatus
from tightrope.sim.image.results import RunResults, check_outputs, read_results
from tightrope.sim.image.running import RunResult
from tightrope.sim.image.steps import Step, expected_outputs

__all__ = ["Job", "make_job", "run_firmware", "run_jobs", "system_firmware"]

TIMEOUT_S = 200
"""Of one process, the build excluded: several times what the slowest needs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One image and what it must output."""

    name: str
    config: ClusterConfig
    steps: tuple[Step, ...]
    image: Image
    expected: list[np.ndarray]


def make_job(
    name: str,
    config: ClusterConfig,
    steps: Sequence[Step],
    inputs: Mapping[str, np.ndarray],
    input_pitches: Mapping[str, int] | None = None,
) -> Job:
    """Builds the image and computes the reference's outputs."""
    return Job(
        name=name,
        config=config,
        steps=tuple(steps),
        image=build_image(config, steps, inputs, input_pitches=input_pitches),
        expected=expected_outputs(config, steps, inputs),
    )


def system_firmware() -> FirmwareFiles:
    """The firmware that interprets images."""
    return build_firmware(cache_dir() / "firmware")


def run_firmware(
    config: ClusterConfig,
    images: Sequence,
    files: FirmwareFiles,
    *,
    limit_cycles: int = 3_000_000,
    name: Callable[[int], str] = "image {}".format,
    simulator: Build | None = None,
) -> list[RunResult]:
    """Every image from reset; a hang fails with ``name`` of the image and what each hart does."""
    try:
        return run_images(
            config,
            images,
            firmware=files.bin.read_bytes(),
            limit_cycles=limit_cycles,
            timeout_s=TIMEOUT_S,
            symbolise=lambda pc: symbolise(pc, files.elf),
            simulator=simulator,
        )
    except CosimHang as hang:
        raise AssertionError(f"{name(hang.image_idx)}: {hang}") from hang


def run_jobs(jobs: Sequence[Job], *, limit_cycles: int = 3_000_000) -> list[RunResults]:
    """Runs jobs of one machine and fails with the name of each that is wrong in any way."""
    config = jobs[0].config
    assert all(job.config == config for job in jobs)
    runs = run_firmware(
        config,
        [job.image for job in jobs],
        system_firmware(),
        limit_cycles=limit_cycles,
        name=lambda index: jobs[index].name,
    )
    problems = [
        f"{job.name}: {problem}"
        for job, run in zip(jobs, runs, strict=True)
        for problem in _problems(job, run)
    ]
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems)
    return [read_results(job.image, run.memory) for job, run in zip(jobs, runs, strict=True)]


def _problems(job: Job, run: RunResult) -> list[str]:
    if run.status != ExitStatus.OK:
        return [f"status {run.status} {run.fault or ''} {run.log}"]
    wrong = check_outputs(job.image, run.memory, job.expected)
    return [
        *(f"{mismatch}\n  {job.steps[mismatch.step]}" for mismatch in wrong),
        *read_results(job.image, run.memory).guard_errors,
    ]
