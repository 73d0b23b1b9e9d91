"""``tightrope run``: one layer on the RTL, checked bit by bit, or through the model."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

__all__ = ["run"]

COUPLINGS = ("none", "tight", "loose")
BALANCES = ("static", "steal")
PLACES = ("rtl", "model")


def run(
    workload: Annotated[
        str,
        typer.Argument(metavar="MODEL|KERNEL", help="ONNX file, network or kernel."),
    ],
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which layer of a MODEL.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Compute only the first output rows.")
    ] = None,
    harts: Annotated[int, typer.Option(help="1 to 8.")] = 8,
    coupling: Annotated[str, typer.Option(help="none (digital), tight or loose.")] = "none",
    tiles: Annotated[
        int | None, typer.Option(help="Of the whole machine; 1 per hart and 4 loose if not given.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Loose tiles stream from a scratchpad by themselves.")
    ] = False,
    balance: Annotated[str, typer.Option(help="static or steal.")] = "static",
    on: Annotated[str, typer.Option(help="rtl or model.")] = "rtl",
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
    """Run one layer of a MODEL, or a KERNEL, and print what the hardware counted.

    A KERNEL is a text: conv:HxWxC:N:KHxKW[:sS][:pP][:gG] (input size, output channels, kernel
    size, stride, padding, groups), dwconv:HxWxC:KHxKW[:sS][:pP], dense:C:N,
    maxpool:HxWxC:KHxKW[:sS][:pP], avgpool the same, gap:HxWxC, add:HxWxC, clip:HxWxC.
    For example conv:56x56x64:64:3x3:s1:p1.

    Weights and inputs are random. A difference from the reference is exit status 1.
    """
    from tightrope.sim.commands import run_layer

    (where,) = options.words("--on", on, PLACES)[:1]
    (coupled,) = options.words("--coupling", coupling, COUPLINGS)[:1]
    (balanced,) = options.words("--balance", balance, BALANCES)[:1]
    if trace is not None and where == "model":
        raise options.OptionError("--trace needs --on rtl: the model has no waveform")
    if stream and coupled != "loose":
        raise options.OptionError(f"--stream needs --coupling loose, not {coupled}")
    talk = Talk(quiet=quiet, json_file=json_file)
    base = options.base_machine(
        machine,
        profile=profile,
        tile_rows=tile_rows,
        tile_cols=tile_cols,
        adc_bits=adc_bits,
        mvm_latency=mvm_latency,
    )
    chosen = run_layer.find_layer(workload, layer, rows, options.shapes(shape))
    config = run_layer.machine_for(base, harts, coupled, tiles)
    if stream:
        config = run_layer.with_streams(config)
    plan = run_layer.plan_single(chosen, config, coupled, balanced, talk.message)
    job = run_layer.Job(
        workload=workload if layer is None else f"{workload} {layer}",
        layer=chosen,
        plan=plan,
        machine=config,
        profile=profile,
        seed=seed,
    )
    if where == "model":
        content = run_layer.on_model(job, calibration)
    else:
        with talk.progress() as progress:
            content = run_layer.on_rtl(job, trace, progress, talk.message)
    write_json(content, json_file)
    talk.show(*run_layer.tables(content))
    if content["problem"]:
        talk.fail(f"{workload}: {content['problem']}")
        raise typer.Exit(EXIT_FAILED_CHECK)
