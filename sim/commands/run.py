"""``tightrope run``: a layer or network on RTL or a board, checked bit by bit, or modelled."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.hw.config import ClusterConfig
    from tightrope.sim.commands.run_board import Place

__all__ = ["run"]

COUPLINGS = ("none", "tight", "loose")
BALANCES = ("static", "weighted", "pipeline", "steal")
OF_A_LAYER = ("static", "steal")
POLICIES = ("macs_per_weight", "in_order", "columns")
SIMULATED = ("rtl", "model")
"""Where a run may be that is not on a board."""
DEFAULT_HARTS = 8


def run(
    workload: Annotated[
        str,
        typer.Argument(metavar="MODEL|KERNEL", help="ONNX file, network or kernel."),
    ],
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="One layer of a MODEL; without, all of it.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Compute only the first output rows.")
    ] = None,
    harts: Annotated[int | None, typer.Option(help="1 to 8; 8 if not given.")] = None,
    coupling: Annotated[str, typer.Option(help="none (digital), tight or loose.")] = "none",
    tiles: Annotated[
        int | None, typer.Option(help="Of the whole machine; 1 per hart and 4 loose if not given.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Loose tiles stream from a scratchpad by themselves.")
    ] = False,
    balance: Annotated[
        str, typer.Option(help="static or steal; of a whole MODEL also weighted or pipeline.")
    ] = "static",
    coverage: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of a MODEL's weights that may be on tiles."),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="What is on tiles: macs_per_weight, in_order or columns.")
    ] = "macs_per_weight",
    images: Annotated[int, typer.Option(min=1, max=256, help="Inputs of a MODEL to run.")] = 1,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inputs (.npy, .npz) to quantise with and to run."),
    ] = None,
    check_layers: Annotated[
        bool, typer.Option("--check-layers", help="Compare every layer of a MODEL, not the end.")
    ] = False,
    on: Annotated[str, typer.Option(help="rtl, model, or a board such as ulx3s-85f.")] = "rtl",
    port: Annotated[
        str | None, typer.Option(help="Serial port of the board, such as /dev/ttyUSB0.")
    ] = None,
    baud: Annotated[
        int | None, typer.Option(min=1, help="Of that port, if not that of our bitstreams.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Machine of a board, see tightrope fpga --list; for any --on."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random weights and inputs.")] = 0,
    profile: options.Profile = "gf22",
    tile_rows: options.TileRows = None,
    tile_cols: options.TileCols = None,
    adc_bits: options.AdcBits = None,
    mvm_latency: options.MvmLatency = None,
    machine: options.MachineFile = None,
    shape: options.Shape = None,
    calibration: options.CalibrationFile = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a waveform and a Perfetto timeline.")
    ] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Run a MODEL, one layer of it, or a KERNEL, and print what the hardware counted.

    A KERNEL is a text: conv:HxWxC:N:KHxKW[:sS][:pP][:gG] (input size, output channels, kernel
    size, stride, padding, groups), dwconv:HxWxC:KHxKW[:sS][:pP], dense:C:N,
    maxpool:HxWxC:KHxKW[:sS][:pP], avgpool the same, gap:HxWxC, add:HxWxC, clip:HxWxC.
    For example conv:56x56x64:64:3x3:s1:p1.

    Weights and inputs of a KERNEL or a layer are random; a whole MODEL has its own weights, and is
    quantised if it is not yet. A difference from the reference is exit status 1.
    """
    from tightrope.sim.explore.kernels import is_kernel

    (coupled,) = options.words("--coupling", coupling, COUPLINGS)[:1]
    whole = layer is None and not is_kernel(workload)
    (balanced,) = options.words("--balance", balance, BALANCES if whole else OF_A_LAYER)[:1]
    (chosen_policy,) = options.words("--policy", policy, POLICIES)[:1]
    if trace is not None and on != "rtl":
        raise options.OptionError(f"--trace needs --on rtl: {on} has no waveform")
    if stream and coupled != "loose":
        raise options.OptionError(f"--stream needs --coupling loose, not {coupled}")
    if whole and rows is not None:
        raise options.OptionError("--rows is for one layer: name it with --layer")
    if not whole and (coverage is not None or samples is not None or images != 1 or check_layers):
        raise options.OptionError(
            "--coverage, --samples, --images and --check-layers are for a whole MODEL"
        )
    talk = Talk(quiet=quiet, json_file=json_file)
    varied = {
        "--harts": harts, "--tiles": tiles, "--stream": stream or None, "--tile-rows": tile_rows,
        "--tile-cols": tile_cols, "--adc-bits": adc_bits, "--mvm-latency": mvm_latency,
    }  # fmt: skip
    place, exact = _place(on, port, baud, preset, machine, varied)
    asked = _Asked(
        workload=workload,
        layer=layer,
        rows=rows,
        base=exact
        or options.base_machine(
            machine,
            profile=profile,
            tile_rows=tile_rows,
            tile_cols=tile_cols,
            adc_bits=adc_bits,
            mvm_latency=mvm_latency,
        ),
        exact=exact is not None,
        harts=DEFAULT_HARTS if harts is None else harts,
        coupling=coupled,
        tiles=tiles,
        stream=stream,
        balance=balanced,
        coverage=1.0 if coverage is None else coverage,
        policy=chosen_policy,
        images=images,
        samples=samples,
        check_layers=check_layers,
        on=on,
        place=place,
        seed=seed,
        profile=profile,
        shape=options.shapes(shape),
        calibration=calibration,
        trace=trace,
    )
    content, shown = (_run_network if whole else _run_layer)(asked, talk)
    write_json(content, json_file)
    talk.show(*shown)
    if content["problem"]:
        talk.fail(f"{workload}: {content['problem']}")
        raise typer.Exit(EXIT_FAILED_CHECK)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Asked:
    """The options, checked."""

    workload: str
    layer: str | None
    rows: int | None
    base: "ClusterConfig"
    exact: bool
    """``base`` is the machine, not what it is made of."""
    harts: int
    coupling: str
    tiles: int | None
    stream: bool
    balance: str
    coverage: float
    policy: Any
    images: int
    samples: Path | None
    check_layers: bool
    on: str
    place: "Place | None"
    """Where it runs, if on a board."""
    seed: int
    profile: str
    shape: dict[str, tuple[int, ...]]
    calibration: Path | None
    trace: Path | None


def _place(
    on: str,
    port: str | None,
    baud: int | None,
    preset: str | None,
    machine: Path | None,
    varied: dict[str, Any],
) -> "tuple[Place | None, ClusterConfig | None]":
    """The board, if it is one, and the machine, if it is that of a bitstream."""
    if on in SIMULATED and port is not None:
        raise options.OptionError(f"--port needs --on BOARD, not {on}")
    if on in SIMULATED and preset is None:
        return None, None
    from tightrope.sim.commands import run_board

    place = None if on in SIMULATED else run_board.find_place(on, port, baud)
    return place, run_board.exact_machine(preset, machine, place, varied)


def _machine(asked: _Asked) -> "ClusterConfig":
    from tightrope.sim.commands import run_layer

    if asked.exact:
        return asked.base
    machine = run_layer.machine_for(asked.base, asked.harts, asked.coupling, asked.tiles)
    return run_layer.with_streams(machine) if asked.stream else machine


def _run_layer(asked: _Asked, talk: Talk) -> tuple[dict[str, Any], list]:
    """One layer, alone: what ``--json`` gets, and what is shown."""
    from tightrope.sim.commands import run_layer

    chosen = run_layer.find_layer(asked.workload, asked.layer, asked.rows, asked.shape)
    machine = _machine(asked)
    name = asked.workload if asked.layer is None else f"{asked.workload} {asked.layer}"
    job = run_layer.Job(
        workload=name,
        layer=chosen,
        plan=run_layer.plan_single(chosen, machine, asked.coupling, asked.balance, talk.message),
        machine=machine,
        profile=asked.profile,
        seed=asked.seed,
    )
    if asked.on == "model":
        content = run_layer.on_model(job, asked.calibration)
    else:
        with talk.progress() as progress:
            content = run_layer.on_rtl(
                job, asked.trace, progress, talk.message, asked.calibration, place=asked.place
            )
    return content, run_layer.tables(content)


def _run_network(asked: _Asked, talk: Talk) -> tuple[dict[str, Any], list]:
    """A whole network: what ``--json`` gets, and what is shown."""
    from tightrope.sim.commands import run_network

    job = run_network.make_job(
        asked.workload,
        _machine(asked),
        coupling=asked.coupling,
        balance=asked.balance,
        policy=asked.policy,
        coverage=asked.coverage,
        images=asked.images,
        samples=asked.samples,
        shape=asked.shape,
        calibration=asked.calibration,
        profile=asked.profile,
        seed=asked.seed,
    )
    if asked.on == "model":
        content = run_network.on_model(job, asked.calibration)
    else:
        with talk.progress() as progress:
            content = run_network.on_rtl(
                job,
                check_layers=asked.check_layers,
                trace=asked.trace,
                progress=progress,
                message=talk.message,
                calibration=asked.calibration,
                place=asked.place,
            )
    return content, run_network.tables(job, content)
