"""Runs a mapped network on the RTL, end to end, and compares it with the reference."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tightrope.hw.regs import HartCounter
from tightrope.sim.cosim.build import cache_dir
from tightrope.sim.cosim.run import run_images
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.explore.counters import run_counters_of
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.firmware import build_firmware, symbolise
from tightrope.sim.image.image import Image
from tightrope.sim.image.pipeline import Pipeline
from tightrope.sim.image.results import RunResults, check_outputs, read_results, touched_bytes
from tightrope.sim.image.running import Progress, RunImages
from tightrope.sim.image.steps import expected_outputs
from tightrope.sim.quantise import QuantNetwork

from .mapping import NetworkMapping
from .steps import network_steps, output_steps

__all__ = ["LayerRun", "NetworkRun", "build_network_image", "run_on_rtl"]

LIMIT_CYCLES = 4_000_000_000
"""Of a run; a hang is found by the simulator's own watchdog long before."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerRun:
    """One entry of the firmware's list: a layer of one input, programming, or a whole pipeline."""

    name: str
    step: int | None
    """Index of the network's layer; None for programming."""
    input: int
    """Which of the inputs."""
    rtl_cycles: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkRun:
    """What the RTL did with a network."""

    mapping: NetworkMapping
    inputs: int
    layers: tuple[LayerRun, ...]
    rtl_cycles: int
    """Of all inputs, from barrier to barrier; programming of tiles before the first left out."""
    program_cycles: int
    counters: RunCounters
    """Of all but programming."""
    outputs: tuple[np.ndarray, ...]
    """Of the network, input by input: (h, w, c) int8."""
    mismatches: int
    problem: str
    """The first difference from the reference in words."""
    activation_bytes: int
    """Planned for activations."""
    touched_bytes: int
    """Of these, up to the last one that anything was written to."""
    memory_bytes: int
    """Everything from the firmware's first byte to the end of what the run may touch."""

    @property
    def cycles_per_input(self) -> float:
        """The throughput, as cycles from one input to the next."""
        return self.rtl_cycles / self.inputs


def build_network_image(
    qnet: QuantNetwork,
    mapping: NetworkMapping,
    inputs: Sequence[np.ndarray],
    *,
    keep_all: bool = False,
) -> tuple[Image, list[np.ndarray | None]]:
    """The image of a run over ``inputs`` ((h, w, c) int8), and what each step must output.

    Activations share memory and only the network's outputs are compared, unless ``keep_all``.
    """
    steps, named, keep = network_steps(qnet, mapping.plans, inputs)
    pipeline = None
    if mapping.stage_harts:
        pipeline = Pipeline(harts=mapping.stage_harts, inputs=len(inputs))
    image = build_image(
        mapping.machine, steps, named, keep=None if keep_all else keep, pipeline=pipeline
    )
    expected: list[np.ndarray | None] = list(expected_outputs(mapping.machine, steps, named))
    if not keep_all:
        expected = [array if i in keep else None for i, array in enumerate(expected)]
    return image, expected


def run_on_rtl(
    qnet: QuantNetwork,
    mapping: NetworkMapping,
    inputs: Sequence[np.ndarray],
    *,
    keep_all: bool = False,
    runner: RunImages = run_images,
    waves_file: Path | None = None,
    timeout_s: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> NetworkRun:
    """Run a network on all ``inputs`` in one go.

    ``runner`` is what has the machine: the RTL, or a board. ``on_progress(done, total)`` counts
    layers. Raises RunError if the run fails; a wrong output is no error but a result with
    mismatches.
    """
    image, expected = build_network_image(qnet, mapping, inputs, keep_all=keep_all)
    files = build_firmware(cache_dir() / "firmware")

    def tell(progress: Progress) -> None:
        if on_progress:
            on_progress(progress.layers_done, image.layer_count)

    (run,) = runner(
        mapping.machine,
        [image],
        firmware=files.bin.read_bytes(),
        limit_cycles=LIMIT_CYCLES,
        timeout_s=timeout_s,
        waves_file=waves_file,
        on_progress=tell,
        on_message=on_message,
        symbolise=lambda pc: symbolise(pc, files.elf),
    )
    run.check()
    results = read_results(image, run.memory)
    wrong = check_outputs(image, run.memory, expected)
    problems = [str(mismatch) for mismatch in wrong] + list(results.guard_errors)
    layers = _layers(image, results, len(mapping.plans))
    return NetworkRun(
        mapping=mapping,
        inputs=len(inputs),
        layers=layers,
        rtl_cycles=sum(layer.rtl_cycles for layer in layers if layer.step is not None),
        program_cycles=sum(layer.rtl_cycles for layer in layers if layer.step is None),
        counters=_counters(image, results),
        outputs=tuple(results.outputs[i] for i in output_steps(qnet, len(inputs))),
        mismatches=sum(mismatch.count for mismatch in wrong) + len(results.guard_errors),
        problem=problems[0] if problems else "",
        activation_bytes=image.activation_bytes,
        touched_bytes=touched_bytes(image, run.memory),
        memory_bytes=image.memory_bytes,
    )


def _layers(image: Image, results: RunResults, per_input: int) -> tuple[LayerRun, ...]:
    cycles = results.layer_counters[:, :, HartCounter.CYCLES].max(axis=1)
    return tuple(
        LayerRun(
            name=name,
            step=None if step is None else step % per_input,
            input=0 if step is None else step // per_input,
            rtl_cycles=int(taken),
        )
        for name, step, taken in zip(image.layer_names, image.layer_steps, cycles, strict=True)
    )


def _counters(image: Image, results: RunResults) -> RunCounters:
    rows = [i for i, step in enumerate(image.layer_steps) if step is not None]
    harts = results.layer_counters.astype(np.int64)[rows]
    return run_counters_of(
        harts.sum(axis=0),
        results.tile_counters.astype(np.int64)[rows].sum(axis=0),
        results.machine_counters.astype(np.int64)[rows].sum(axis=0),
        int(harts[:, :, HartCounter.CYCLES].max(axis=1).sum()),
    )
