"""``tightrope layers``: how single layers scale with harts and tile sizes, however coupled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.sim.explore.predictor import Predictor
    from tightrope.sim.scaling.layers import Space
    from tightrope.sim.scaling.rows import LayerRow

__all__ = ["layers"]

MODELS = ("alexnet", "vgg19", "resnet50", "inception_v1", "squeezenet", "mobilenetv2")
JSON_NAME = "layers.json"
REPORT_NAME = "report.html"
DEFAULT_FOLDER = Path("tightrope-out") / "layers"


def layers(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="ONNX files or known networks; six full-size CNNs if none is named."),
    ] = None,
    harts: Annotated[str, typer.Option(help="Numbers of harts, 1 to 8 each.")] = "1,2,4,8",
    tile_sizes: Annotated[
        str, typer.Option(help="Rows, and as many columns, of a tile.")
    ] = "64,128,256,512",
    coupling: Annotated[str, typer.Option(help="Some of tight, loose, stream.")] = ",".join(
        options.COUPLINGS
    ),
    most: Annotated[
        int,
        typer.Option(min=0, help="Convolutions of each network, the heaviest first; 0: all."),
    ] = 6,
    profile: options.Profile = "gf22",
    adc_bits: options.AdcBits = None,
    mvm_latency: options.MvmLatency = None,
    machine: options.MachineFile = None,
    shape: options.Shape = None,
    calibration: options.CalibrationFile = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the results.")
    ] = DEFAULT_FOLDER,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Predict a network's distinct convolutions and dense layers one by one: speed-up against the
    fewest harts and against digital code, for each coupling and tile size.

    Each layer has as many tiles as there can be. Writes layers.json and report.html.
    """
    from tightrope.sim.explore.points import Coupling
    from tightrope.sim.explore.predictor import load_predictor
    from tightrope.sim.scaling import tables
    from tightrope.sim.scaling.layers import Space, pick_layers, scale_layers
    from tightrope.sim.workload.onnx_import import load_network

    talk = Talk(quiet=quiet, json_file=json_file)
    space = Space(
        base=options.base_machine(
            machine, profile=profile, adc_bits=adc_bits, mvm_latency=mvm_latency
        ),
        harts=options.integers("--harts", harts),
        sizes=options.integers("--tile-sizes", tile_sizes),
        couplings=tuple(map(Coupling, options.words("--coupling", coupling, options.COUPLINGS))),
    )
    predictor = load_predictor(profile, calibration)
    shapes = options.shapes(shape)
    networks = {name: load_network(name, shape=shapes) for name in dict.fromkeys(models or MODELS)}
    found: dict[str, list[LayerRow]] = {}
    with talk.progress() as progress:
        for name, network in networks.items():
            picked = pick_layers(network, most)
            if not picked:
                raise options.OptionError(f"{name} has no layer that can be on tiles")
            found[network.name] = scale_layers(
                network, picked, space, predictor,
                lambda done, n, what=name: progress(f"layers of {what}", done, n),
            )  # fmt: skip
    content = _write(out, found, space, predictor)
    write_json(content, json_file)
    talk.show(*(tables.layers_table(name, rows) for name, rows in found.items()))
    talk.show(*(tables.headline(name, rows) for name, rows in found.items()))
    talk.show(f"The report is {out / REPORT_NAME}.")


def _write(
    out: Path, found: "Mapping[str, Sequence[LayerRow]]", space: "Space", predictor: "Predictor"
) -> dict[str, Any]:
    """Write both files; returns what is in layers.json."""
    from tightrope.sim.scaling.report import report_html
    from tightrope.sim.sweeps.files import make_folder, write_text

    content = {
        "profile": predictor.profile,
        "machine": space.base.to_dict(),
        "mean_abs_error": predictor.mean_abs_error,
        "worst_abs_error": predictor.worst_abs_error,
        "rows": [row.to_dict() for rows in found.values() for row in rows],
    }
    make_folder(out)
    write_text(out / JSON_NAME, json.dumps(content, indent=1) + "\n")
    page = report_html(found, predictor.mean_abs_error, predictor.worst_abs_error)
    write_text(out / REPORT_NAME, page)
    return content
