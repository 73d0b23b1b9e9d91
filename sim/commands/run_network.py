"""What ``tightrope run MODEL`` does without a layer's name: the whole network, end to end."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape
from rich.table import Table
from tightrope.hw.config import ClusterConfig
from tightrope.sim.energy import energy, profiles
from tightrope.sim.explore.beside import (
    NOTHING,
    Predicted,
    error_of,
    predict,
    predict_if_possible,
    prediction_words,
    scaled,
)
from tightrope.sim.explore.counters import run_counters_json
from tightrope.sim.explore.explore import Teller
from tightrope.sim.explore.words import count
from tightrope.sim.mapping.allocate import Policy
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.network.beside import run_fields
from tightrope.sim.network.inputs import load_inputs
from tightrope.sim.network.mapping import Balancing, NetworkMapping, map_network
from tightrope.sim.quantise import QuantNetwork
from tightrope.sim.workload.layers import Layer

from .run_layer import waves_file, write_timeline_beside

if TYPE_CHECKING:
    from tightrope.sim.network.run import LayerRun, NetworkRun

    from .run_board import Place

__all__ = ["NetworkJob", "make_job", "on_model", "on_rtl", "tables"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkJob:
    """A network with everything that decides how it runs."""

    workload: str
    """As the user named it."""
    qnet: QuantNetwork
    mapping: NetworkMapping
    inputs: tuple[np.ndarray, ...]
    """(h, w, c) int8."""
    profile: str
    seed: int
    asked_coverage: float

    def header(self) -> dict[str, Any]:
        """What was run, ready for JSON."""
        mapping, allocation = self.mapping, self.mapping.allocation
        return {
            "workload": self.workload,
            "macs": mapping.network.macs,
            "params": mapping.network.params,
            "machine": mapping.machine.to_dict(),
            "coupling": allocation.coupling if allocation else "none",
            "balance": mapping.balancing.value,
            "split": (allocation.split or "") if allocation else "",
            "policy": allocation.policy if allocation else "",
            "coverage": allocation.coverage if allocation else 0.0,
            "mac_coverage": allocation.mac_coverage if allocation else 0.0,
            "tiles_used": allocation.used_tiles if allocation else 0,
            "stage_harts": list(mapping.stage_harts),
            "inputs": len(self.inputs),
            "profile": self.profile,
            "seed": self.seed,
            "notes": list(self.qnet.notes),
        }

    def work(self) -> list[tuple[Layer, LayerPlan]]:
        """As the model takes it."""
        return list(zip(self.mapping.network.layers, self.mapping.plans, strict=True))

    def bodies(self) -> list[str]:
        """What computes each layer: more than one kernel if it is partly on tiles."""
        return [
            "+".join(dict.fromkeys(plan.body_of(chunk).name.lower() for chunk in plan.chunks))
            for plan in self.mapping.plans
        ]


def make_job(
    workload: str,
    machine: ClusterConfig,
    *,
    coupling: str,
    balance: str,
    policy: Policy,
    coverage: float,
    images: int,
    samples: Path | None,
    shape: dict[str, tuple[int, ...]],
    calibration: Path | None,
    profile: str,
    seed: int,
) -> NetworkJob:
    """Import, quantise, map; inputs are the first of ``samples``, or seeded random ones.

    Raises the errors of each, sentences all.
    """
    qnet, inputs = load_inputs(workload, images, samples=samples, shape=shape, seed=seed)
    mapping = map_network(
        qnet.as_network(),
        machine,
        coupling=coupling,
        balancing=Balancing(balance),
        calibration=load_calibration(calibration),
        policy=policy,
        coverage=coverage,
    )
    return NetworkJob(
        workload=workload,
        qnet=qnet,
        mapping=mapping,
        inputs=inputs,
        profile=profile,
        seed=seed,
        asked_coverage=coverage,
    )


def on_rtl(
    job: NetworkJob,
    *,
    check_layers: bool,
    trace: Path | None,
    progress: Teller,
    message: Callable[[str], None],
    calibration: Path | None = None,
    place: "Place | None" = None,
) -> dict[str, Any]:
    """Run the job on the RTL, or on a board; check it, predict it too: fields of ``run --json``."""
    from tightrope.sim.cosim.run import run_images
    from tightrope.sim.network.run import run_on_rtl

    waves = waves_file(trace)
    machine = job.mapping.machine
    beside = predict_if_possible(
        job.work(), machine, job.profile, calibration, message, in_order=True
    )
    found = run_on_rtl(
        job.qnet,
        job.mapping,
        job.inputs,
        keep_all=check_layers,
        runner=place.runner(progress) if place else run_images,
        waves_file=waves,
        on_message=message,
        on_progress=lambda done, total: progress("layers", done, total),
    )
    if waves:
        clock_mhz = profiles.load_profile(job.profile).clock_mhz
        write_timeline_beside(waves, machine, clock_mhz, message)
    measured = _measured(job, found, beside)
    return job.header() | measured | (place.fields() if place else {})


def _measured(job: NetworkJob, found: "NetworkRun", beside: Predicted | None) -> dict[str, Any]:
    """Fields of what ran, and of what was predicted of it."""
    profile = profiles.load_profile(job.profile)
    spent = energy.energy_of(found.counters, job.mapping.machine, profile)
    prediction = run_fields(beside, job.mapping.stage_harts, len(job.inputs))
    return prediction | {
        "on": "rtl",
        "checked": True,
        "mismatches": found.mismatches,
        "problem": found.problem,
        "rtl_cycles": found.rtl_cycles,
        "rtl_cycles_per_input": found.cycles_per_input,
        "error": error_of(prediction["model_cycles"], found.rtl_cycles),
        "program_cycles": found.program_cycles,
        "energy_pj": float(spent.total_pj),
        "energy": {name: float(value) for name, value in spent.to_dict().items()},
        "memory": {
            "activation_bytes": found.activation_bytes,
            "touched_bytes": found.touched_bytes,
            "total_bytes": found.memory_bytes,
        },
        "counters": run_counters_json(found.counters),
        "layers": [_layer_fields(job, layer, beside) for layer in found.layers],
    }


def _layer_fields(job: NetworkJob, run: "LayerRun", found: Predicted | None) -> dict[str, Any]:
    """One entry of the firmware's list: a layer, a group of one, programming, or a pipeline."""
    fields = {
        "name": run.name,
        "op": "",
        "body": "",
        "input": run.input,
        "rtl_cycles": run.rtl_cycles,
        "model_cycles": None,
        "error": None,
    }
    if run.step is None:
        return fields
    layer = job.mapping.network.layers[run.step]
    fields |= {"op": layer.op.value, "body": job.bodies()[run.step]}
    if found:
        # Groups are alike, and run one after the other.
        cycles = found.costs[run.step].model_cycles / layer.groups
        if job.mapping.stage_harts:
            cycles = run_fields(found, job.mapping.stage_harts, len(job.inputs))["model_cycles"]
        fields |= {"model_cycles": cycles, "error": error_of(cycles, run.rtl_cycles)}
    return fields


def on_model(job: NetworkJob, calibration: Path | None = None) -> dict[str, Any]:
    """Predict the job; the fields of ``run --json``, per input."""
    mapping = job.mapping
    found = predict(job.work(), mapping.machine, job.profile, calibration, in_order=True)
    inputs = len(job.inputs)
    prediction = scaled(run_fields(found, mapping.stage_harts, inputs), 1 / inputs)
    return job.header() | prediction | {
        "on": "model",
        "checked": False,
        "mismatches": 0,
        "problem": "",
        "model_error": found.mean_abs_error,
        "energy_pj": found.total.model_energy_pj,
        "energy": dict(found.total.energy),
        "counters": {"harts": [], "tiles": [], "memory": {}},
        "layers": [
            {
                "name": layer.name,
                "op": layer.op.value,
                "body": body,
                "input": 0,
                "model_cycles": cost.model_cycles,
            }
            for layer, body, cost in zip(
                mapping.network.layers, job.bodies(), found.costs, strict=True
            )
        ],
    }


def tables(job: NetworkJob, content: dict[str, Any]) -> list[Table | str]:
    """What to show to people."""
    measured = content["on"] != "model"
    kind = "rtl_cycles" if measured else "model_cycles"
    inputs = content["inputs"] if measured else 1
    table = Table(title=escape(content["workload"]), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    harts = count(content["machine"]["harts"], "hart")
    table.add_row("runs as", f"{content['coupling']}, {content['balance']}, {harts}")
    if content["tiles_used"]:
        held = f"{content['coverage']:.1%} of weights, {content['mac_coverage']:.1%} of MACs"
        if job.asked_coverage < 1:
            held += f" ({job.asked_coverage:.1%} of weights asked for)"
        table.add_row(f"on {count(content['tiles_used'], 'tile')}", held)
    cycles = content[kind] / inputs
    if board := content.get("board"):
        table.add_row("runs on", escape(f"{content['on']}, {board['port']}"))
    if measured:
        table.add_row("rtl cycles per input", f"{cycles:,.0f}")
    prediction = scaled({name: content[name] for name in NOTHING}, 1 / inputs)
    prediction["error"] = content.get("error")
    for words in prediction_words(prediction, "model cycles per input"):
        table.add_row(*words)
    if content.get("program_cycles"):
        table.add_row("programming, once", f"{content['program_cycles']:,.0f}")
    table.add_row("MACs per cycle", f"{content['macs'] / cycles:.2f}")
    energy_uj = content["energy_pj"] / inputs / 1e6
    table.add_row(f"energy per input ({content['profile']})", f"{energy_uj:,.3f} uJ")
    if memory := content.get("memory"):
        planned, touched = memory["activation_bytes"], memory["touched_bytes"]
        held = f"{planned:,} bytes planned, {touched:,} touched"
        table.add_row("peak memory for activations", held)
        table.add_row("memory in all", f"{memory['total_bytes']:,} bytes")
    if content["checked"]:
        table.add_row("outputs", escape(content["problem"] or "bit-exact"))
    found: list[Table | str] = [table, _layer_table(content, kind)]
    return found + list(content["notes"])


def _layer_table(content: dict[str, Any], kind: str) -> Table:
    """The first input's layers; of a pipeline, the whole."""
    table = Table(title="layers", title_justify="left")
    for name, justify in (("layer", "left"), ("op", "left"), ("computed by", "left")):
        table.add_column(name, justify=justify)
    measured = kind == "rtl_cycles"
    for name in (kind.replace("_", " "), "share", *(["model cycles", "error"] * measured)):
        table.add_column(name, justify="right")
    rows = [layer for layer in content["layers"] if layer["input"] == 0]
    total = sum(layer[kind] for layer in rows)
    for layer in rows:
        beside = _beside(layer) if measured else []
        table.add_row(
            escape(layer["name"]), layer["op"], layer["body"], f"{layer[kind]:,.0f}",
            f"{layer[kind] / total:.1%}", *beside,
        )  # fmt: skip
    return table


def _beside(layer: dict[str, Any]) -> list[str]:
    if layer["model_cycles"] is None:
        return ["", ""]
    return [f"{layer['model_cycles']:,.0f}", f"{100 * layer['error']:+.1f} %"]
