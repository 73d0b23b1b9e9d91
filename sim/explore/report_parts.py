"""Pieces of the report as HTML; every text that comes from files is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from .confidence import SAMPLES
from .front import front_of
from .outcome import Outcome
from .points import Coupling
from .rows import Row
from .verdicts import SURE
from .words import around, percent, sureness

__all__ = [
    "front_section",
    "live_section",
    "method_section",
    "rows_section",
    "table",
    "verdict_section",
]

METHOD = """<h2>Method and error</h2>
<p>Cycles come from a model that was fitted, cause by cause, to runs of compiled firmware on the
RTL. On layers the fit never saw its mean absolute error is {mean}, the worst {worst}. At most
{unknown} of the cycles of any point rest on something that was not calibrated (operators without a
kernel, for example), and at most {outside} belong to layers or machines outside of all that was
measured.</p>
<p>In the interval beside a number of cycles the truth lies with a probability of 90 %, by the
errors on layers the fit never saw; what was not calibrated is in there as predicted.</p>
<p>The speed-up and the energy gain are against DOT4 code, statically balanced, on the same number
of harts of the same machine. Tight tiles belong to one hart each: as many on every hart, or one on
each of the first harts if there are fewer tiles than harts, and the others compute digitally. A
tight point uses its tiles in the better of two ways: every hart with tiles holds all weights of a
layer, or each the weights of its share of the output channels. Loose tiles are shared by all harts,
which move every byte by loads and stores. Tiles that stream are loose ones that read and write a
scratchpad by themselves, requantise, and have a DMA engine.</p>
<p>The margin is slower / faster - 1, in cycles of the best point of the fastest coupling and of the
next, with half its 90 % interval. The confidence is the share of {samples} samples in which the
coupling is the fastest one, and beside the energy gain that in which it needs the least energy. In
each, all predictions err within their intervals, each for itself; what is not calibrated takes half
to twice as long in all; and every energy that nobody published is half to twice as large in all.
Below {sure} it is too close to call.</p>
<p>Energy is the energy per event of the profile {profile} times the predicted counters.
Programming the weights is not counted: they are written once. The area is that of harts, tiles,
interconnect, scratchpad and DMA engine by the same profile; main memory is left out.</p>
"""


LONG_CHARACTERS = 24
"""A text from here on may be broken into lines, but not after every word."""


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0, *, leading: int = 0
) -> str:
    """A table; the last ``numbers`` and the first ``leading`` columns are numbers, aligned to the
    right. Cells are escaped.
    """
    first_number = len(head) - numbers

    def line(cells: Sequence[object], tag: str) -> str:
        parts = []
        for index, cell in enumerate(cells):
            kind = ' class="long"' if len(str(cell)) >= LONG_CHARACTERS else ""
            if not leading <= index < first_number:
                kind = ' class="number"'
            parts.append(f"<{tag}{kind}>{escape(str(cell))}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return (
        f'<div class="scroll"><table><thead>{line(head, "th")}</thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def verdict_section(outcome: Outcome) -> str:
    """The verdict for each number of harts and tile budget."""
    head = ("harts", "tiles", "verdict", "balance", "most cycles go to", "params on tiles",
            "MACs on tiles", "cycles", "speed-up", "energy gain", "less energy in")  # fmt: skip
    rows = [
        (
            verdict.best.harts,
            verdict.best.tiles,
            "; ".join(verdict.every_word()),
            verdict.best.balance,
            verdict.bound_by.replace("_", " "),
            percent(verdict.best.coverage),
            percent(verdict.best.mac_coverage),
            _cycles(verdict.best),
            f"{verdict.best.speedup:.2f}x",
            f"{verdict.best.energy_gain:.2f}x",
            sureness(verdict.energy_confidence),
        )
        for verdict in outcome.verdicts
    ]
    return "<h2>Which coupling, for each tile budget</h2>\n" + table(
        head, rows, 6, leading=2
    )


def live_section(outcome: Outcome) -> str:
    """What the RTL says of a sample of the network's layers."""
    title = "<h2>Live check on the RTL</h2>\n"
    if not outcome.live:
        return f"{title}<p>{escape(outcome.live_note or 'There was none.')}</p>"
    rows = [
        (
            check.name,
            check.problem or "bit-exact",
            f"{check.rtl_cycles:,}",
            around(check.model_cycles, check.model_low_cycles, check.model_high_cycles),
            f"{100 * check.error:+.1f} %{'' if check.inside else ', outside'}",
        )
        for check in outcome.live
    ]
    text = (
        "<p>Layers of this network, cut to a size that simulates in seconds, run as compiled "
        "firmware on the Verilog of the machine; the model predicts the very same work, with its "
        "90 % interval.</p>\n"
    )
    head = ("layer", "outputs", "rtl cycles", "model cycles", "error")
    return title + text + table(head, rows, 3)


def front_section(outcome: Outcome) -> str:
    """The points that are worth having."""
    head = ("tiles", "harts", "coupling", "balance", "params on tiles", "model cycles",
            "model energy, uJ", "area, mm2", "speed-up")  # fmt: skip
    rows = [
        (
            row.tiles,
            row.harts,
            "digital" if row.coupling == Coupling.NONE else row.coupling,
            row.balance,
            percent(row.coverage),
            f"{row.model_cycles:,.0f}",
            f"{row.model_energy_pj / 1e6:,.1f}",
            f"{row.model_area_mm2:.2f}",
            f"{row.speedup:.2f}x",
        )
        for row in front_of(outcome.sweep.rows)
    ]
    title = "<h2>Nothing else is faster, thriftier and smaller at once</h2>\n"
    return title + table(head, rows, 5, leading=2)


def rows_section(outcome: Outcome) -> str:
    """Every point."""
    head = ("coupling", "balance", "split", "harts", "with tiles", "tiles", "tiles used",
            "params on tiles", "MACs on tiles", "model cycles", "model energy, uJ", "area, mm2",
            "speed-up", "energy gain", "uncalibrated", "extrapolated")  # fmt: skip
    rows = [
        (
            row.coupling,
            row.balance,
            row.split,
            row.harts,
            row.tiled_harts or "",
            row.tiles,
            row.tiles_used,
            percent(row.coverage),
            percent(row.mac_coverage),
            _cycles(row),
            f"{row.model_energy_pj / 1e6:,.1f}",
            f"{row.model_area_mm2:.2f}",
            f"{row.speedup:.2f}x",
            f"{row.energy_gain:.2f}x",
            percent(row.uncalibrated_ratio),
            percent(row.extrapolated_ratio),
        )
        for row in outcome.sweep.rows
    ]
    return (
        f"<details><summary>All {len(rows)} points (also in results.parquet)</summary>\n"
        f"{table(head, rows, 13)}</details>"
    )


def method_section(outcome: Outcome) -> str:
    """How the numbers were made, and how wrong they may be."""
    predictor, rows = outcome.predictor, outcome.sweep.rows
    text = METHOD.format(
        mean=percent(predictor.mean_abs_error),
        worst=percent(predictor.worst_abs_error),
        unknown=percent(max((row.uncalibrated_ratio for row in rows), default=0.0)),
        outside=percent(max((row.extrapolated_ratio for row in rows), default=0.0)),
        samples=SAMPLES,
        sure=percent(SURE),
        profile=escape(predictor.profile),
    )
    skipped = [sentence[:1].upper() + sentence[1:] + "." for sentence in outcome.skipped]
    notes = [f"<p>{escape(note)}</p>" for note in (*skipped, *outcome.network.notes)]
    return text + _outside(outcome) + "\n".join(notes) + _energy_numbers(outcome)


def _outside(outcome: Outcome) -> str:
    """What of the points whose layers are shown was never measured."""
    names = sorted(frozenset().union(*(p.total.extrapolated for p in outcome.shown.values())))
    if not names:
        return ""
    return (
        "<p>Of the points whose layers are drawn, this lies outside of what was measured (from .. "
        f"to), and their errors are a guess there: {escape('; '.join(names))}.</p>\n"
    )


def _cycles(row: Row) -> str:
    return around(row.model_cycles, row.model_low_cycles, row.model_high_cycles)


def _energy_numbers(outcome: Outcome) -> str:
    rows = [
        (number.name, number.value, "assumed" if number.assumed else "published", number.source)
        for number in outcome.predictor.numbers
    ]
    return (
        "\n<details><summary>Where each number of the energy profile comes from</summary>\n"
        f"{table(('number', 'value', 'kind', 'source'), rows)}</details>"
    )
