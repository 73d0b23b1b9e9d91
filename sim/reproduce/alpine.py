"""``reproduce alpine``: ALPINE's gains beside those of a small model of its cores and tiles."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from .alpine_model import Model
from .alpine_remarks import remarks
from .core import constants_in_words, load_assumptions
from .published import load_published, not_published
from .rows import Reproduction, Row
from .variation import Spread, spread_of, variations

__all__ = ["reproduce_alpine"]

TITLES = {
    "mlp": "MLP",
    "lstm256": "LSTM, nh = 256",
    "lstm512": "LSTM, nh = 512",
    "lstm750": "LSTM, nh = 750",
    "cnn_f": "CNN-F",
    "cnn_m": "CNN-M",
    "cnn_s": "CNN-S",
}
GAINS = ("mlp", "lstm750", "cnn_f", "cnn_m", "cnn_s")
"""Networks whose gains were printed one by one."""
ONE_CORE = "our digital run waits for each line of weights, theirs seems faster"
CORE_CODE = "our core's code around the tile seems shorter than theirs"
MORE_CORES = "theirs loses more to traffic between cores, ours pays wake-ups only"
CNN = "their digital convolution seems slower than our NEON kernel"
LOOSE = (
    "ours does the accesses of their repository's first commit, and both our digital and our loose "
    "run seem to be slower than theirs"
)
CLOSE = 0.15
"""Ratios of at most so much beside 1 need no reason."""
COUNTED = "ours is a plain count of weights from the layers' shapes"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Line:
    """A row to be computed."""

    key: str
    """Of the published number."""
    what: str
    configuration: str
    value: Callable[[Model], float]
    why: str
    """What ours and theirs differ in."""
    detail: Callable[[Model], str] = lambda model: ""
    """Where ours spends its time."""


def reproduce_alpine() -> Reproduction:
    """All rows. Takes about a second."""
    assumed = load_assumptions()
    base = Model(assumed)
    varied = variations(assumed, Model)
    lines = [*_gain_lines(), *_range_lines(base), *_mlp_lines(), *_count_lines()]
    return Reproduction(
        name="alpine",
        title="ALPINE (Klein et al., IEEE TC 2023) beside our model of its system",
        rows=tuple(_row(line, base, varied) for line in lines),
        assumptions=constants_in_words(),
        not_published=not_published("alpine"),
        remarks=tuple(remarks(base)),
    )


def _row(line: _Line, base: Model, varied: dict[str, tuple[Model, ...]]) -> Row:
    published = load_published()[line.key]
    spread = spread_of(line.value, base, varied)
    bound = line.detail(base)
    if not spread.is_fixed:
        bound = f"Ours depends most on {spread.most}. {bound}".strip()
    return Row(
        what=line.what,
        paper=published.value,
        paper_source=f"{published.source}; {published.where}",
        ours=spread.value,
        unit=published.unit,
        configuration=line.configuration,
        note=_note(spread, published.value, line.why),
        bound=bound,
        low=None if spread.is_fixed else spread.low,
        high=None if spread.is_fixed else spread.high,
    )


def _note(spread: Spread, paper: float, why: str) -> str:
    if abs(spread.value / paper - 1) <= CLOSE:
        return f"Within {CLOSE:.0%} of theirs.".replace("%", " %")
    side = "Higher" if spread.value > paper else "Lower"
    if spread.is_fixed:
        return f"{side}: {why}."
    inside = "within" if spread.low <= paper <= spread.high else "outside"
    return f"{side}, theirs is {inside} our range: {why}."


def _gain_lines() -> Iterator[_Line]:
    published = load_published()
    for net in GAINS:
        keys = [key.split(".") for key in published if key.startswith(f"{net}.")]
        for _, system, cores, kind in (parts for parts in keys if len(parts) == 4):
            yield _gain_line(net, system, int(cores), kind)


def _gain_line(net: str, system: str, cores: int, kind: str) -> _Line:
    count = "1 core" if cores == 1 else f"{cores} cores"
    if net.startswith("cnn"):
        why = CNN
    else:
        why = ONE_CORE if cores == 1 else MORE_CORES
    return _Line(
        key=f"{net}.{system}.{cores}.{kind}",
        what=f"{TITLES[net]}: {'speed-up' if kind == 'time' else 'energy gain'}",
        configuration=f"alpine-{system}, {count}, tight",
        value=lambda model: model.gain(net, system, cores, kind),
        why=why,
        detail=lambda model: _detail(model, net, system, cores),
    )


def _detail(model: Model, net: str, system: str, cores: int) -> str:
    """What bounds each side."""
    words = []
    for on_tiles, side in ((False, "Digital"), (True, "with tiles")):
        found = model.run(net, system, cores, on_tiles=on_tiles)
        if found.dram_bound:
            words.append(f"{side} it is bound by the memory's bandwidth")
            continue
        slow = found.core_cycles[found.slowest]
        parts = (slow.active, slow.weights, slow.mvm)
        shares = [f"{100 * part / slow.total:.0f} %" for part in parts]
        core = f"core {found.slowest + 1}" if cores > 1 else "the core"
        words.append(
            f"{side} {core} works {shares[0]}, waits for memory {shares[1]} and for MVMs "
            f"{shares[2]} of its time"
        )
    return f"{'; '.join(words)}."


def _range_lines(base: Model) -> Iterator[_Line]:
    """nh = 256: only least and greatest gain of all cases were printed."""
    cases = [(system, cores) for system in base.systems for cores in base.networks["lstm256"].cases]

    def gains(model: Model) -> list[float]:
        return [model.gain("lstm256", system, cores, "time") for system, cores in cases]

    for key, pick in (("least", min), ("most", max)):
        yield _Line(
            key=f"lstm256.{key}",
            what=f"{TITLES['lstm256']}: {key} speed-up",
            configuration="both systems, 1, 2 and 5 cores, tight",
            value=lambda model, pick=pick: pick(gains(model)),
            why="theirs saves less where weights are in the LLC, by what was not published",
        )


def _mlp_lines() -> Iterator[_Line]:
    """Beyond gains: where time goes, more cores, and loose tiles."""
    one = "alpine-hp, 1 core"
    yield _mlp_line(
        "digital_mvm_share", "share of MVMs, digital", f"{one}, digital",
        lambda model: model.mlp_digital_share(), ONE_CORE,
    )  # fmt: skip
    yield _mlp_line(
        "process_share", "share of MVMs, tiles", f"{one}, tight",
        lambda model: model.mlp_process_share(), CORE_CODE,
    )  # fmt: skip
    for cores in (2, 4):
        yield _mlp_line(
            f"tiles.{cores}_over_1", f"time on {cores} cores / on 1, tiles",
            f"alpine-hp, {cores} cores, tight",
            lambda model, cores=cores: model.mlp_tight_ns(cores) / model.mlp_tight_ns(1),
            MORE_CORES,
        )  # fmt: skip
    loose = "alpine-hp (theirs inferred: 12.8 / 4.1 = 3.1), 1 core, loose, a byte per access"
    yield _mlp_line(
        "loose.speedup", "speed-up with loose tiles", loose,
        lambda model: model.mlp_digital_ns() / model.mlp_loose_ns(), LOOSE,
    )  # fmt: skip
    yield _mlp_line(
        "loose.slower", "time loose / tight", loose,
        lambda model: model.mlp_loose_ns() / model.mlp_tight_ns(1), LOOSE,
    )  # fmt: skip


def _mlp_line(
    key: str, what: str, configuration: str, value: Callable[[Model], float], why: str
) -> _Line:
    return _Line(
        key=f"mlp.{key}", what=f"MLP: {what}", configuration=configuration, value=value, why=why
    )


def _count_lines() -> Sequence[_Line]:
    """Weights: whether our networks are theirs."""
    lines = [
        _Line(
            key=f"{net}.params",
            what=f"{TITLES[net]}: weights",
            configuration="as built from data",
            value=lambda model, net=net: float(model.networks[net].network.params),
            why=f"{COUNTED}; the cell has nh + 100 inputs",
        )
        for net in ("lstm256", "lstm512", "lstm750")
    ]
    return lines + [
        _Line(
            key=f"{net}.tile_params",
            what=f"{TITLES[net]}: weights on tiles",
            configuration="the five convolutions",
            value=lambda model, net=net: float(model.networks[net].tile_params),
            why=f"{COUNTED}; what theirs leaves out was not published",
        )
        for net in ("cnn_f", "cnn_m", "cnn_s")
    ]
