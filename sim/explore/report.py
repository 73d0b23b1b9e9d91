"""The report: one HTML file that opens without a network, verdict first."""

from html import escape
from pathlib import Path

from .chart import svg_chart
from .figures import figures_json
from .outcome import Outcome
from .report_parts import (
    front_section,
    live_section,
    method_section,
    rows_section,
    verdict_section,
)
from .tables import headline
from .words import count

__all__ = ["OFFLINE", "STYLE", "report_html"]

OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">"
)
"""The browser itself refuses whatever the report would load from elsewhere."""

STYLE = """
:root { color: #212529; background: #ffffff; font: 16px/1.55 system-ui, sans-serif; }
body { max-width: 1080px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .75rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0; font-weight: 600; }
p { max-width: 46rem; margin: .5rem 0; }
.answer { font-size: 1.1rem; border-left: 4px solid #0b7285; padding-left: 1rem; }
.facts { color: #495057; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #e9ecef; }
th { color: #495057; font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.long { min-width: 15rem; }
.scroll { overflow-x: auto; margin: .5rem 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 1rem; }
select { font: inherit; padding: .1rem .3rem; }
summary { cursor: pointer; color: #0b7285; }
@media (min-width: 1000px) { .long { min-width: 20rem; } }
@media (max-width: 520px) { .charts { grid-template-columns: 1fr; } }
"""


def report_html(outcome: Outcome) -> str:
    """The whole file."""
    from plotly.offline import get_plotlyjs

    rows = outcome.sweep.rows
    most = max(row.harts for row in rows)
    name = escape(outcome.network.name)
    figures = figures_json(rows, outcome.shown)
    code = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    picture = svg_chart(rows, most, f"{outcome.network.name} on {count(most, 'hart')}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{OFFLINE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: which coupling</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{name}</h1>
<p class="answer">{escape(headline(outcome))}</p>
<p class="facts">{escape(_facts(outcome))}</p>
{verdict_section(outcome)}
<h2>Speed-up and energy gain against coverage</h2>
<p><label>Harts: {_chooser(outcome, most)}</label> Solid: static balancing. Dotted: stealing.</p>
<noscript>{picture}</noscript>
<div class="charts"><div id="speedup"></div><div id="energy"></div></div>
<h2>Cycles, energy and tiles</h2>
<p>Every point of every number of harts. Circled: no other point is faster, needs less energy and
has fewer tiles at once.</p>
<div id="front"></div>
<h2>Where the energy goes</h2>
<p>Energy by component, for digital code and for the fastest point of each coupling.</p>
<div id="joules"></div>
<h2>Where the cycles go</h2>
<p>Cycles of each layer by cause, for the same points. Each chart has its own scale.</p>
{_layer_places(outcome)}
{front_section(outcome)}
{live_section(outcome)}
{rows_section(outcome)}
{method_section(outcome)}
<script type="application/json" id="figures">{figures}</script>
<script>{get_plotlyjs()}</script>
<script>{code}</script>
</body>
</html>
"""


def _facts(outcome: Outcome) -> str:
    network, tile = outcome.network, outcome.base.tile
    adc = "ideal converters" if tile.adc_bits == 32 else f"{tile.adc_bits}-bit converters"
    return (
        f"{len(network.layers)} layers, {network.params:,} parameters, {network.macs:,} MACs. "
        f"Tiles of {tile.rows} x {tile.cols} {tile.weight_bits}-bit weights, {adc}, "
        f"{tile.mvm_latency_cycles} cycles per MVM."
    )


def _chooser(outcome: Outcome, chosen: int) -> str:
    choices = "".join(
        f'<option value="{harts}"{" selected" if harts == chosen else ""}>{harts}</option>'
        for harts in dict.fromkeys(row.harts for row in outcome.sweep.rows)
    )
    return f'<select id="harts">{choices}</select>'


def _layer_places(outcome: Outcome) -> str:
    return "\n".join(
        f'<h3>{escape(title)}</h3>\n<div id="layers-{index}"></div>'
        for index, title in enumerate(outcome.shown)
    )
