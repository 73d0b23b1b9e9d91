"""Tables for people, on a terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from .front import front_of
from .live import LiveCheck
from .outcome import Outcome
from .points import Coupling
from .rows import Row
from .search import SearchResult
from .sweep import SweepResult
from .verdicts import TOO_CLOSE, Verdict
from .words import around, count, gain, percent, rests_on, sureness

__all__ = ["effort", "found_best", "front_table", "headline", "live_table", "verdict_table"]

COLOURS = {"tight": "cyan", "loose": "magenta", "stream": "green", TOO_CLOSE: "yellow"}


def verdict_table(outcome: Outcome) -> Table:
    """A line for each number of harts and tile budget."""
    title = f"{outcome.network.name}: which coupling, for each tile budget"
    table = Table(title=escape(title), title_justify="left")
    for name in ("harts", "tiles", "coverage", "MACs"):
        table.add_column(name, justify="right")
    table.add_column("verdict", min_width=24)
    table.add_column("balance")
    table.add_column("speed-up", justify="right")
    table.add_column("energy", justify="right")
    table.add_column("less energy", justify="right")
    table.add_column("bound by")
    harts = None
    for verdict in outcome.verdicts:
        if harts not in (None, verdict.best.harts):
            table.add_section()
        harts = verdict.best.harts
        _add_verdict(table, verdict)
    return table


def live_table(checks: Sequence[LiveCheck]) -> Table:
    """A line for each layer that was run on the RTL."""
    table = Table(title="Live check: this network's layers on the RTL", title_justify="left")
    table.add_column("layer")
    for name in ("rtl cycles", "model cycles", "error"):
        table.add_column(name, justify="right")
    table.add_column("outputs")
    for check in checks:
        exact = f"[red]{escape(check.problem)}[/]" if check.problem else "bit-exact"
        table.add_row(
            escape(check.name),
            f"{check.rtl_cycles:,}",
            around(check.model_cycles, check.model_low_cycles, check.model_high_cycles),
            f"{100 * check.error:+.1f} %{'' if check.inside else ', outside'}",
            exact,
        )
    return table


def front_table(name: str, rows: Sequence[Row]) -> Table:
    """A line for each point of the Pareto front."""
    title = f"{name}: no other point is faster, thriftier and smaller at once"
    table = Table(title=escape(title), title_justify="left")
    for column in ("tiles", "harts", "coupling", "balance", "coverage"):
        table.add_column(column, justify="left" if column in ("coupling", "balance") else "right")
    for column in ("model cycles", "model energy, uJ", "area, mm2", "speed-up"):
        table.add_column(column, justify="right")
    for row in front_of(rows):
        table.add_row(
            str(row.tiles),
            str(row.harts),
            "digital" if row.coupling == Coupling.NONE else row.coupling,
            row.balance,
            percent(row.coverage),
            around(row.model_cycles, row.model_low_cycles, row.model_high_cycles),
            f"{row.model_energy_pj / 1e6:,.1f}",
            f"{row.model_area_mm2:.2f}",
            f"{row.speedup:.2f}x",
        )
    return table


def found_best(result: SearchResult) -> str:
    """What a search found, and how much of the grid it looked at."""
    best = result.best
    tiles = count(best.tiles, Coupling(best.coupling).tile) if best.tiles else "no tile"
    part = percent(len(result.rows) / result.grid_points)
    return (
        f"The best point by {result.objective} of {len(result.rows)} evaluated ones ({part} of "
        f"the grid's {result.grid_points}): {count(best.harts, 'hart')}, {tiles}, {best.balance} "
        f"balancing, {percent(best.coverage)} of the parameters on tiles: "
        f"{_cycles(best)}; {best.model_energy_pj / 1e6:,.1f} uJ. A search may miss the grid's best "
        "point."
    )


def headline(outcome: Outcome) -> str:
    """The answer in a sentence or two: the fastest point, and where the couplings part."""
    if not outcome.verdicts:
        return "There is no point with tiles."
    top = max(outcome.verdicts, key=lambda verdict: verdict.best.speedup)
    best = top.best
    text = (
        f"The highest speed-up of {len(outcome.sweep.rows)} points is {best.speedup:.2f}x, with "
        f"{gain(best.energy_gain)}, against digital code on the same harts: with "
        f"{count(best.tiles, Coupling(best.coupling).tile)} on {count(best.harts, 'hart')}, "
        f"{best.balance} balancing, and {percent(best.coverage)} of the parameters on tiles, in "
        f"{_cycles(best)}"
    )
    if best.speedup <= 1:
        text = "No number of tiles beats digital code on the same harts"
    compared = [verdict for verdict in outcome.verdicts if not verdict.is_only]
    if not compared:
        return f"{text}."
    there = [name for name in Coupling if any(r.coupling == name for r in outcome.sweep.rows)]
    names = [name for name in there if name is not Coupling.NONE]
    text += (
        f". Of {count(len(compared), 'tile budget')} where several couplings can be built, "
        f"{_wins(compared, names)}."
    )
    unstreamed = [v.unstreamed for v in compared if v.unstreamed and not v.unstreamed.is_only]
    if not unstreamed:
        return text
    names.remove(Coupling.STREAM)
    return f"{text} Without streaming, {_wins(unstreamed, names)}."


def _wins(verdicts: Sequence[Verdict], names: Sequence[Coupling]) -> str:
    """Who wins how many of them."""
    wins = [f"{name} wins {sum(v.coupling == name for v in verdicts)}" for name in names]
    close = sum(verdict.coupling == TOO_CLOSE for verdict in verdicts)
    return f"{', '.join(wins)}, and {close} {'is' if close == 1 else 'are'} too close to call"


def _cycles(row: Row) -> str:
    cycles = around(row.model_cycles, row.model_low_cycles, row.model_high_cycles)
    return f"{cycles} cycles, {rests_on(row.uncalibrated_ratio, row.extrapolated_ratio)}"


def effort(sweep: SweepResult | SearchResult) -> str:
    """How long the points took."""
    fresh = len(sweep.rows) - sweep.reused
    if not fresh:
        return f"All {len(sweep.rows)} points were there from an earlier run."
    kept = f"; {sweep.reused} were there from an earlier run" if sweep.reused else ""
    rate = fresh / max(sweep.seconds, 1e-9)
    return f"{fresh} points took {sweep.seconds:.1f} s ({rate:.0f} points per second){kept}."


def _add_verdict(table: Table, verdict: Verdict) -> None:
    best = verdict.best
    judged = [one.coupling for one in (verdict, verdict.unstreamed) if one]
    said = zip(map(COLOURS.__getitem__, judged), verdict.every_word(), strict=True)
    table.add_row(
        str(best.harts),
        str(best.tiles),
        percent(best.coverage),
        percent(best.mac_coverage),
        "\n".join(f"[{colour}]{escape(words)}[/]" for colour, words in said),
        best.balance,
        f"{best.speedup:.2f}x",
        f"{best.energy_gain:.2f}x",
        f"in {sureness(verdict.energy_confidence)}",
        verdict.bound_by.replace("_", " "),
    )
