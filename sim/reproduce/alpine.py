"""``reproduce alpine``: ALPINE's gains beside those of a small model of its cores and tiles."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from .core import Assumptions, load_assumptions, load_systems
from .inference import Inference, run_inference
from .loose import MVMS, loose_time_ns
from .published import load_published, not_published
from .rows import Reproduction, Row
from .staged import load_networks
from .variation import FACTOR, Spread, spread_of, variations

__all__ = ["Model", "reproduce_alpine"]

TITLES = {
    "mlp": "MLP",
    "lstm256": "LSTM, nh = 256",
    "lstm512": "LSTM, nh = 512",
    "lstm750": "LSTM, nh = 750",
    "cnn_f": "CNN-F",
    "cnn_m": "CNN-M",
    "cnn_s": "CNN-S",
}
CNN_INFERENCES = 3
"""Of each of their runs of CNNs."""
GAINS = ("mlp", "lstm750", "cnn_f", "cnn_m", "cnn_s")
"""Networks whose gains were printed one by one."""
ONE_CORE = "our digital run waits for each line of weights, theirs seems faster"
CORE_CODE = "our core's code around the tile seems shorter than theirs"
MORE_CORES = "theirs loses more to traffic between cores, ours pays wake-ups only"
CNN = "their digital convolution seems slower than our NEON kernel"
CLOSE = 0.15
"""Ratios of at most so much beside 1 need no reason."""
COUNTED = "ours is a plain count of weights from the layers' shapes"


class Model:
    """All inferences under one set of assumptions; each is computed once."""

    def __init__(self, assumed: Assumptions) -> None:
        self.assumed = assumed
        self.networks = load_networks()
        self.systems = load_systems()
        self._known: dict[tuple[str, str, int, bool], Inference] = {}

    def run(self, net: str, system: str, cores: int, *, on_tiles: bool) -> Inference:
        """An inference of a network of ``alpine.json``."""
        key = (net, system, cores, on_tiles)
        if key not in self._known:
            self._known[key] = run_inference(
                self.networks[net],
                self.systems[system],
                self.assumed,
                cores=cores,
                on_tiles=on_tiles,
            )
        return self._known[key]

    def gain(self, net: str, system: str, cores: int, kind: str) -> float:
        """Digital / on tiles, on as many cores; ``kind`` is time or energy."""
        name = "time_ns" if kind == "time" else "energy_pj"
        digital = self.run(net, system, cores, on_tiles=False)
        tiles = self.run(net, system, cores, on_tiles=True)
        return getattr(digital, name) / getattr(tiles, name)


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
    assumed, words = load_assumptions()
    base = Model(assumed)
    varied = variations(assumed, Model)
    lines = [*_gain_lines(), *_range_lines(base), *_mlp_lines(), *_count_lines()]
    return Reproduction(
        name="alpine",
        title="ALPINE (Klein et al., IEEE TC 2023) beside our model of its system",
        rows=tuple(_row(line, base, varied) for line in lines),
        assumptions=words,
        not_published=not_published("alpine"),
        remarks=tuple(_remarks(base)),
    )


def _remarks(base: Model) -> Iterator[str]:
    """How to read the rows, and what absolute times one can infer from what was printed."""
    yield (
        "A pipeline's time is that from one inference to the next; cores that are not used cost no "
        "energy."
    )
    yield (
        "No assumption was fitted to a published gain. Range: least and greatest of ours if one of "
        f"them is multiplied or divided by {FACTOR:g}."
    )
    published = load_published()
    mvms_us = MVMS * base.systems["hp"].profile.mvm_latency_ns / 1000
    tiles_us = mvms_us / published["mlp.process_share"].value
    digital_us = tiles_us * published["mlp.hp.1.time"].value
    ours_us = [base.run("mlp", "hp", 1, on_tiles=side).time_ns / 1000 for side in (True, False)]
    yield (
        f"Inferred, MLP on one high-power core: if {MVMS} MVMs are their printed share of the run "
        f"time, theirs takes {tiles_us:.0f} us with tiles and {digital_us:.0f} us without; ours "
        f"takes {ours_us[0]:.0f} and {ours_us[1]:.0f} us."
    )
    for system in base.systems:
        end_s = published[f"cnn.{system}.axis_s"].value
        ours_s = max(
            CNN_INFERENCES * base.run(net, system, 8, on_tiles=False).time_ns / 1e9
            for net in ("cnn_f", "cnn_m", "cnn_s")
        )
        yield (
            f"The axis of their figure for CNNs on {base.systems[system].title} cores ends at "
            f"{end_s:g} s for {CNN_INFERENCES} inferences; our slowest takes {ours_s:.1f} s."
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
    hp = "alpine-hp, 1 core"

    def digital_share(model: Model) -> float:
        found = model.run("mlp", "hp", 1, on_tiles=False)
        products = found.works[0].product_instructions / model.assumed.ipc
        return (products + found.core_cycles[0].weights) / found.core_cycles[0].total

    def process_share(model: Model) -> float:
        core = model.run("mlp", "hp", 1, on_tiles=True).core_cycles[0]
        return core.mvm / core.total

    def loose_ns(model: Model) -> float:
        return loose_time_ns(model.networks["mlp"], model.systems["hp"], model.assumed)

    def tight_ns(model: Model, cores: int = 1) -> float:
        return model.run("mlp", "hp", cores, on_tiles=True).time_ns

    def line(key: str, what: str, configuration: str, value, why: str) -> _Line:
        return _Line(
            key=f"mlp.{key}", what=f"MLP: {what}", configuration=configuration, value=value, why=why
        )

    yield line(
        "digital_mvm_share", "share of MVMs, digital", f"{hp}, digital", digital_share, ONE_CORE
    )
    yield line("process_share", "share of MVMs, tiles", f"{hp}, tight", process_share, CORE_CODE)
    for cores in (2, 4):
        yield line(
            f"tiles.{cores}_over_1", f"time on {cores} cores / on 1, tiles",
            f"alpine-hp, {cores} cores, tight",
            lambda model, cores=cores: tight_ns(model, cores) / tight_ns(model), MORE_CORES,
        )  # fmt: skip
    loose = "alpine-hp (theirs inferred: 12.8 / 4.1 = 3.1), 1 core, loose, a byte per access"
    why = (
        "ours does the accesses of their repository's first commit, and both our digital and our "
        "loose run seem to be slower than theirs"
    )
    yield line(
        "loose.speedup", "speed-up with loose tiles", loose,
        lambda model: model.run("mlp", "hp", 1, on_tiles=False).time_ns / loose_ns(model), why,
    )  # fmt: skip
    yield line(
        "loose.slower", "time loose / tight", loose,
        lambda model: loose_ns(model) / tight_ns(model), why,
    )  # fmt: skip


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
