"""``python -m tightrope.sim.bench``: how fast simulator, kernels and model are, against bars."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from tightrope.hw.config import ClusterConfig
from tightrope.sim.calibrate.cases import conv_layer, machine
from tightrope.sim.commands.guard import EXIT_FAILED_CHECK, GuardedGroup
from tightrope.sim.commands.output import Talk, write_json
from tightrope.sim.cosim.bench import measure_cycles_per_s
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.points import Coupling, Sweep, make_points
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.model.errors import ModelError
from tightrope.sim.model.predict import load_calibration
from tightrope.sim.workload.onnx_import import load_network

__all__ = ["Row", "app", "kernel_rows", "model_rows", "simulator_rows"]

DEFAULT_FILE = "build/bench.json"
PROFILE = "gf22"

STOCK_BAR = 8.0
BARE_BAR = 0.8
MAC_BAR = 1.0
MAC_LIMIT = 4.0
"""DOT4 multiplies four bytes per cycle."""
MEAN_ERROR_BAR = 0.08
WORST_ERROR_BAR = 0.20

SIZE = 14
"""Height and width of the pointwise layers, as in the second half of a CNN."""
CHANNELS = (64, 128, 256)
COMPARED_CHANNELS = 128
"""Of the layer that is also run on tiles and on 8 harts; it fits one tile."""

Message = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One measured number."""

    name: str
    value: float | None
    """None if it could not be measured; the note says why."""
    unit: str
    bar: float | None = None
    """What it must reach; None for a number that only informs."""
    limit: float | None = None
    """The best that is possible."""
    lower_is_better: bool = False
    note: str = ""

    @property
    def holds(self) -> bool:
        """False if there is a bar and the value does not reach it, or was not measured."""
        if self.bar is None:
            return True
        if self.value is None:
            return False
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the JSON file."""
        return dataclasses.asdict(self) | {"holds": self.holds}


def simulator_rows(*, stock: bool, on_message: Message) -> list[Row]:
    """Speed of the 8-hart machine, beside a bare C++ loop and, if asked, cocotb's own runner."""
    speeds = measure_cycles_per_s(machine(8), stock=stock, on_message=on_message)
    rows = [Row(name=f"cosim {name}", value=speeds[name], unit="cycles/s") for name in speeds]
    if stock:
        ratio = speeds["ours"] / speeds["stock"]
        rows.append(Row(name="cosim ours / stock", value=ratio, unit="ratio", bar=STOCK_BAR))
    ratio = speeds["ours"] / speeds["bare"]
    return [*rows, Row(name="cosim ours / bare", value=ratio, unit="ratio", bar=BARE_BAR, limit=1)]


def kernel_rows(*, on_message: Message, on_progress: Progress) -> list[Row]:
    """Pointwise convolutions on RTL: DOT4 on one hart and on eight, tiles beside DOT4."""
    cases = [_pointwise(channels, 1, Body.DOT4) for channels in CHANNELS]
    for harts in (1, 8):
        cases += [_pointwise(COMPARED_CHANNELS, harts, body) for body in (Body.TIGHT, Body.LOOSE)]
    cases.append(_pointwise(COMPARED_CHANNELS, 8, Body.DOT4))
    found = measure(
        cases,
        on_message=on_message,
        on_progress=lambda done, total: on_progress("kernels on RTL", done, total),
    )
    return list(_rows_of_kernels(found))


def _pointwise(channels: int, harts: int, body: Body) -> Case:
    return Case(layer=conv_layer(SIZE, channels, channels), machine=machine(harts), body=body)


def _rows_of_kernels(found: Sequence[Measurement]) -> Iterator[Row]:
    digital: dict[int, Measurement] = {}
    for one in found:
        case = one.case
        harts, channels = case.machine.harts, case.layer.in_shape[2]
        if case.body is not Body.DOT4:
            continue
        if channels == COMPARED_CHANNELS:
            digital[harts] = one
        rate = case.layer.macs / one.rtl_cycles / harts
        yield _checked(
            one,
            name=f"DOT4 pointwise, {channels} channels, {_harts(harts)}",
            value=rate,
            unit="MAC/cycle/hart",
            bar=MAC_BAR if harts == 1 else None,
            limit=MAC_LIMIT,
        )
    for one in found:
        body, harts = one.case.body, one.case.machine.harts
        if body is not Body.DOT4:
            yield _checked(
                one,
                name=f"{body.name.lower()} / DOT4, {COMPARED_CHANNELS} channels, {_harts(harts)}",
                value=digital[harts].rtl_cycles / one.rtl_cycles,
                unit="speed-up",
            )


def _harts(count: int) -> str:
    return "1 hart" if count == 1 else f"{count} harts"


def _checked(found: Measurement, **fields: Any) -> Row:
    """A row; without its value if the RTL computed something wrong."""
    if found.mismatches:
        fields |= {"value": None, "note": f"wrong outputs: {found.problem}"}
    return Row(**fields)


def model_rows() -> list[Row]:
    """What one prediction takes, and the stored calibration's error on the held-out cases."""
    return [_point_row(), *_error_rows()]


def _point_row() -> Row:
    row = Row(name="model point of ResNet-50 on 8 harts", value=None, unit="ms")
    try:
        predictor = load_predictor(PROFILE)
    except (ModelError, ExploreError) as error:
        return dataclasses.replace(row, note=f"not measured: {error}")
    sweep = Sweep(
        harts=(8,),
        couplings=(Coupling.TIGHT, Coupling.LOOSE),
        tiles=(8, 16, 32),
        balances=tuple(Balance),
    )
    points, _ = make_points(sweep, ClusterConfig())
    evaluator = Evaluator(load_network("resnet50"), ClusterConfig(), predictor)
    start = time.perf_counter()
    for point in points:
        evaluator.row(point)
    passed_s = time.perf_counter() - start
    note = f"mean of {len(points)} points"
    return dataclasses.replace(row, value=1000 * passed_s / len(points), note=note)


def _error_rows() -> list[Row]:
    bars = {"mean_abs_error": MEAN_ERROR_BAR, "worst_abs_error": WORST_ERROR_BAR}
    held_out, note = {}, "not measured: the calibration holds no validation"
    try:
        held_out = load_calibration().held_out
    except ModelError as error:
        note = f"not measured: {error}"
    if all(name in held_out for name in bars):
        note = f"{held_out['cases']} cases, when it was calibrated"
    return [
        Row(
            name=f"model {name.replace('_abs_', ' ')}, held-out cases",
            value=held_out.get(name),
            unit="fraction",
            bar=bar,
            limit=0,
            lower_is_better=True,
            note=note,
        )
        for name, bar in bars.items()
    ]


app = typer.Typer(
    cls=GuardedGroup,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Without cocotb's own runner, the slowest to build.")
    ] = False,
    json_file: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Where to write; - is stdout.")
    ] = DEFAULT_FILE,
) -> None:
    """Measure the speed of simulator, kernels and model; status 1 if a bar does not hold."""
    talk = Talk(json_file=json_file)
    if json_file != "-":
        Path(json_file).parent.mkdir(parents=True, exist_ok=True)
    talk.message("1 of 3: the model, on ResNet-50")
    rows = model_rows()
    talk.message("2 of 3: kernels, on RTL with 1 and with 8 harts")
    with talk.progress() as progress:
        rows += kernel_rows(on_message=talk.message, on_progress=progress)
    talk.message("3 of 3: the simulator of 8 harts" + ("" if quick else ", three times"))
    rows += simulator_rows(stock=not quick, on_message=talk.message)
    write_json([row.to_dict() for row in rows], json_file)
    talk.show(_table(rows))
    failed = [row for row in rows if not row.holds]
    for row in failed:
        talk.fail(f"{row.name}: {_missed(row)}")
    if failed:
        raise typer.Exit(EXIT_FAILED_CHECK)


def _missed(row: Row) -> str:
    if row.value is None:
        return row.note
    side = "above" if row.lower_is_better else "below"
    return f"{row.value:.4g} {row.unit} is {side} the bar of {row.bar:g}"


def _table(rows: Sequence[Row]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Speed and accuracy, with bars and limits", title_justify="left")
    table.add_column("what")
    for name in ("value", "unit", "bar", "limit", "holds"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    table.add_column("note")
    for row in rows:
        numbers = [
            "-" if number is None else f"{number:,.0f}" if number >= 10_000 else f"{number:.4g}"
            for number in (row.value, row.bar, row.limit)
        ]
        holds = "" if row.bar is None else "yes" if row.holds else "NO"
        table.add_row(row.name, numbers[0], row.unit, *numbers[1:], holds, escape(row.note))
    return table


if __name__ == "__main__":
    app()
