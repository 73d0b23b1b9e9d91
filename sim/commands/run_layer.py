"""What ``tightrope run`` does: find a layer, map it alone on a machine, run it, report."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from tightrope.hw.config import ClusterConfig
from tightrope.sim.energy import energy, profiles
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.machines import nominal_machine, streaming_machine
from tightrope.sim.explore.beside import (
    NOTHING,
    error_of,
    predict,
    predict_if_possible,
    prediction_words,
)
from tightrope.sim.explore.counters import counters_json, run_counters
from tightrope.sim.explore.crop import crop_window
from tightrope.sim.explore.explore import Teller
from tightrope.sim.explore.kernels import is_kernel, parse_kernel
from tightrope.sim.explore.plans import plan_for
from tightrope.sim.explore.points import Coupling, Point
from tightrope.sim.explore.words import count
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import Layer, LayerOp
from tightrope.sim.workload.onnx_import import load_network

from .options import OptionError

if TYPE_CHECKING:
    from .run_board import Place

__all__ = [
    "Job",
    "find_layer",
    "machine_for",
    "on_model",
    "on_rtl",
    "plan_single",
    "tables",
    "waves_file",
    "with_streams",
    "write_timeline_beside",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One layer with everything that decides how it runs."""

    workload: str
    """As the user named it."""
    layer: Layer
    plan: LayerPlan
    machine: ClusterConfig
    profile: str
    seed: int

    def work(self) -> list[tuple[Layer, LayerPlan]]:
        """As the model takes it."""
        return [(self.layer, self.plan)]

    def header(self) -> dict[str, Any]:
        """What was run, ready for JSON."""
        plan = self.plan
        return {
            "workload": self.workload,
            "op": self.layer.op.value,
            "in_shape": list(self.layer.in_shape),
            "out_shape": list(self.layer.out_shape),
            "macs": self.layer.macs,
            "machine": self.machine.to_dict(),
            "body": plan.body.name.lower(),
            "balance": plan.balance.name.lower(),
            "resident": not any(group.reprogram for group in plan.groups),
            "profile": self.profile,
            "seed": self.seed,
        }


def find_layer(
    workload: str, name: str | None, rows: int | None, shape: Mapping[str, tuple[int, ...]]
) -> Layer:
    """The kernel, or the layer of a network; raises OptionError with the names if there is none."""
    if is_kernel(workload):
        if name is not None:
            raise OptionError("--layer is for a MODEL; a KERNEL is one layer")
        layer = parse_kernel(workload)
    else:
        layers = {layer.name: layer for layer in load_network(workload, shape=shape).layers}
        if name not in layers:
            wrong = "is missing" if name is None else f"can't be {name!r}"
            raise OptionError(f"--layer {wrong}; {workload} has: {', '.join(layers)}")
        layer = layers[name]
    if rows is not None and rows > layer.out_shape[0]:
        raise OptionError(f"--rows must be at most {layer.out_shape[0]} here, not {rows}")
    return layer if rows is None else crop_window(layer, rows)


def machine_for(base: ClusterConfig, harts: int, coupling: str, tiles: int | None) -> ClusterConfig:
    """The machine; without a tile budget it has tiles of both kinds, so that one serves all."""
    base = dataclasses.replace(base, harts=harts)
    if tiles is None:
        return nominal_machine(base)
    kind = Coupling.STREAM if coupling == "loose" and base.stream_ports else Coupling(coupling)
    point = Point(harts=harts, coupling=kind, tiles=tiles, balance=Balance.STATIC)
    if tiles < 1 or coupling == "none":
        raise OptionError(f"--tiles must be at least 1 and have a coupling, not {tiles} {coupling}")
    if coupling == "tight" and tiles > harts and tiles % harts:
        raise OptionError(
            f"--tiles must be at most, or a multiple of, {harts} harts if tight, not {tiles}"
        )
    return point.machine(base)


def with_streams(machine: ClusterConfig) -> ClusterConfig:
    """The machine with loose tiles that stream and requantise, and a DMA engine as wide."""
    if not machine.loose_tiles:
        raise OptionError("--stream needs loose tiles")
    return streaming_machine(machine)


def plan_single(
    layer: Layer,
    machine: ClusterConfig,
    coupling: str,
    balance: str,
    message: Callable[[str], None] = lambda text: None,
) -> LayerPlan:
    """The layer alone on its machine; raises MappingError, OptionError.

    Loose tiles stream if they can; if this layer can't be streamed, ``message`` is told why.
    """
    if layer.op is LayerOp.ELEMENTWISE:
        raise OptionError(f"{layer.name} ({layer.source_op}) has no kernel to run")
    if coupling == "none":
        return plan_for(layer, machine, Body.DOT4, Balance[balance.upper()])
    if coupling == "loose" and machine.stream_ports:
        try:
            groups = single_layer_groups(layer, machine, Body.STREAM)
            return plan_for(layer, machine, Body.STREAM, Balance[balance.upper()], groups)
        except MappingError as error:
            message(f"runs without streaming: {error}")
    body = Body[coupling.upper()]
    groups = single_layer_groups(layer, machine, body)
    return plan_for(layer, machine, body, Balance[balance.upper()], groups)


def on_rtl(
    job: Job,
    trace: Path | None,
    progress: Teller,
    message: Callable[[str], None],
    calibration: Path | None = None,
    place: "Place | None" = None,
) -> dict[str, Any]:
    """Run the job on the RTL, or on a board; check it, predict it too: fields of ``run --json``."""
    from tightrope.sim.cosim.run import run_images
    from tightrope.sim.experiment import measure

    profile = profiles.load_profile(job.profile)
    beside = predict_if_possible(job.work(), job.machine, job.profile, calibration, message)
    waves = waves_file(trace)
    case = Case(
        layer=job.layer,
        machine=job.machine,
        body=job.plan.body,
        balance=job.plan.balance,
        seed=job.seed,
        plan=job.plan,
    )
    (found,) = measure.measure(
        [case],
        runner=place.runner(progress) if place else run_images,
        waves_file=waves,
        on_message=message,
        on_progress=lambda done, total: progress("layers", done, total),
    )
    if waves:
        write_timeline_beside(waves, job.machine, profile.clock_mhz, message)
    measured = _measured(job, found, beside.fields() if beside else dict(NOTHING))
    return job.header() | measured | (place.fields() if place else {})


def _measured(job: Job, found: Measurement, prediction: dict[str, Any]) -> dict[str, Any]:
    """Fields of what ran, and of what was predicted of it."""
    profile = profiles.load_profile(job.profile)
    spent = energy.energy_of(run_counters(found), job.machine, profile)
    error = error_of(prediction["model_cycles"], found.rtl_cycles)
    one = {
        "name": job.layer.name,
        "op": job.layer.op.value,
        "rtl_cycles": found.rtl_cycles,
        "model_cycles": prediction["model_cycles"],
        "error": error,
    }
    return prediction | {
        "on": "rtl",
        "checked": True,
        "mismatches": found.mismatches,
        "problem": found.problem,
        "rtl_cycles": found.rtl_cycles,
        "program_cycles": found.program_cycles,
        "error": error,
        "energy_pj": float(spent.total_pj),
        "energy": {name: float(value) for name, value in spent.to_dict().items()},
        "counters": counters_json(found),
        "layers": [one],
    }


def on_model(job: Job, calibration: Path | None = None) -> dict[str, Any]:
    """Predict the job; the fields of ``run --json``."""
    found = predict(job.work(), job.machine, job.profile, calibration)
    cost = found.total
    one = {"name": job.layer.name, "op": job.layer.op.value, "model_cycles": cost.model_cycles}
    return job.header() | found.fields() | {
        "on": "model",
        "checked": False,
        "mismatches": 0,
        "problem": "",
        "model_error": found.mean_abs_error,
        "terms": dict(cost.terms),
        "energy_pj": cost.model_energy_pj,
        "energy": dict(cost.energy),
        "counters": {"harts": [], "tiles": [], "memory": {}},
        "layers": [one],
    }


def tables(content: dict[str, Any]) -> list[Table | str]:
    """What to show to people."""
    kind = "model_cycles" if content["on"] == "model" else "rtl_cycles"
    table = Table(title=escape(content["workload"]), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    size = " -> ".join("x".join(map(str, content[key])) for key in ("in_shape", "out_shape"))
    machine = content["machine"]
    table.add_row("input -> output", size)
    harts = count(machine["harts"], "hart")
    table.add_row("runs as", f"{content['body']}, {content['balance']}, {harts}")
    if board := content.get("board"):
        table.add_row("runs on", escape(f"{content['on']}, {board['port']}"))
    if content["on"] != "model":
        table.add_row("rtl cycles", f"{content['rtl_cycles']:,}")
    for words in prediction_words(content):
        table.add_row(*words)
    if content["macs"]:
        rate = content["macs"] / content[kind]
        table.add_row("MACs per cycle", f"{rate:.2f} ({rate / machine['harts']:.2f} per hart)")
    table.add_row(f"energy ({content['profile']})", f"{content['energy_pj'] / 1e6:,.3f} uJ")
    if content["checked"]:
        verdict = content["problem"] or "bit-exact"
        table.add_row("outputs", escape(verdict))
    found: list[Table | str] = [table]
    if content["counters"]["harts"]:
        found.append(_counter_table("harts", content["counters"]["harts"]))
    busy = [tile for tile in content["counters"]["tiles"] if any(tile.values())]
    if busy:
        found.append(_counter_table("tiles that worked", busy))
    if terms := content.get("terms"):
        found.append(_counter_table("model cycles by cause", [terms]))
    return found


def _counter_table(title: str, parts: list[dict[str, float]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("counter")
    for index in range(len(parts)):
        table.add_column(str(index), justify="right")
    for name in parts[0]:
        table.add_row(name, *(f"{part[name]:,.0f}" for part in parts))
    return table


def waves_file(trace: Path | None) -> Path | None:
    """Where the waveform goes; the folder is made. Raises OptionError if it can't be."""
    if trace is None:
        return None
    try:
        trace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"can't write to {trace}: {error.strerror}") from error
    return trace / "run.vcd"


def write_timeline_beside(
    waves: Path, machine: ClusterConfig, clock_mhz: float, message: Callable[[str], None]
) -> None:
    """The timeline of a waveform, in the same folder."""
    from tightrope.sim.cosim.trace import write_timeline

    timeline = waves.with_name("timeline.json")
    write_timeline(waves, timeline, machine, clock_mhz=clock_mhz)
    message(f"wrote {waves} and {timeline} (open it at https://ui.perfetto.dev)")
