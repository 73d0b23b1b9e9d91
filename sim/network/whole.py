"""The networks that must run: which, in which ways, and what they must reach."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.digits import load_digits
from tightrope.sim.explore.words import count, percent
from tightrope.sim.quantise import QuantNetwork, quantise
from tightrope.sim.workload.onnx_import import load_model

from .inputs import load_inputs
from .mapping import Balancing
from .points import Point, Way
from .rows import NetworkRow
from .sweep import Task
from .verdicts import GAIN_BAR, GAIN_NETWORKS, LOSS_BAR, Stealing, gaining, stealing

__all__ = [
    "DIGITS",
    "HARTS",
    "NAMES",
    "Verdict",
    "digits_network",
    "judge",
    "large_tasks",
    "small_tasks",
]

HARTS = 8
DIGITS = "digits"
SMALL = (DIGITS, "resnet8", "dscnn", "mobilenetv1_025")
COVERAGE = 0.4
"""Of the small ones where they are on tiles: too few tiles, the case this project is about."""
LARGE_DIGITAL = ("mobilenetv2", "squeezenet")
NAMES = (*SMALL, *LARGE_DIGITAL)
POINTWISE_TILE = TileConfig(rows=512, cols=512)
POINTWISE_TILES = 16
"""Enough for all pointwise layers of MobileNetV2; of 256x256 it would be 58, whose simulator takes
many minutes to build."""
POINTWISE_COVERAGE = 0.6311
"""All of MobileNetV2's weights but those of its last layer, a dense one, and the depth-wise."""
RATE_BAR = 8.0
"""MACs per cycle of MobileNetV2, digital, over the whole network."""
SECONDS_BAR = 600.0
"""Wall time of that."""
ERROR_BAR = 0.05
"""Of the model, in cycles of a whole network at the worst, as a fraction."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """A bar, and whether it holds."""

    what: str
    value: str
    bar: str
    holds: bool
    note: str = ""


def digits_network() -> tuple[QuantNetwork, tuple[np.ndarray, ...]]:
    """The trained CNN, calibrated as it was made for, and all test images as inputs."""
    digits = load_digits()
    qnet = quantise(load_model("digits"), samples=digits.calibration)
    return qnet, tuple(qnet.encode(x) for x in digits.images)


def small_tasks(names: Collection[str] = NAMES) -> Iterator[Task]:
    """Each small network of ``names`` in every way, in equal shares and by stealing."""
    base = ClusterConfig(harts=HARTS)
    for name in filter(names.__contains__, SMALL):
        qnet, inputs = digits_network() if name == DIGITS else load_inputs(name, 1)
        for way in Way:
            for balancing in (Balancing.STATIC, Balancing.STEAL):
                point = Point(
                    way=way,
                    balancing=balancing,
                    machine=way.machine(base),
                    coverage=0.0 if way is Way.DIGITAL else COVERAGE,
                )
                yield Task(qnet=qnet, point=point, inputs=inputs)


def large_tasks(names: Collection[str] = NAMES) -> Iterator[Task]:
    """Large networks, digital, in equal shares and by stealing; MobileNetV2 also with all its
    pointwise layers on tiles."""
    base = ClusterConfig(harts=HARTS)
    for name in filter(names.__contains__, LARGE_DIGITAL):
        qnet, inputs = load_inputs(name, 1)
        for balancing in (Balancing.STATIC, Balancing.STEAL):
            digital = Point(
                way=Way.DIGITAL, balancing=balancing, machine=Way.DIGITAL.machine(base)
            )
            yield Task(qnet=qnet, point=digital, inputs=inputs)
        if name == "mobilenetv2":
            large_tiles = dataclasses.replace(base, tile=POINTWISE_TILE)
            tiled = Point(
                way=Way.STREAM,
                balancing=Balancing.STATIC,
                machine=Way.STREAM.machine(large_tiles, POINTWISE_TILES),
                coverage=POINTWISE_COVERAGE,
            )
            yield Task(qnet=qnet, point=tiled, inputs=inputs)


def judge(rows: Sequence[NetworkRow]) -> list[Verdict]:
    """Every bar that these rows can tell of."""
    wrong = [row for row in rows if row.problem]
    verdicts = [
        Verdict(
            what="outputs that equal the reference",
            value=f"{len(rows) - len(wrong)} of {len(rows)} runs",
            bar="all",
            holds=not wrong,
            note=wrong[0].problem if wrong else "",
        )
    ]
    verdicts += [
        verdict
        for row in rows
        if row.network == "mobilenetv2" and row.way == Way.DIGITAL
        for verdict in _large_verdicts(row)
    ]
    pairs = stealing(rows)
    return verdicts + _model_verdicts(rows) + (_stealing_verdicts(pairs) if pairs else [])


def _model_verdicts(rows: Sequence[NetworkRow]) -> list[Verdict]:
    predicted = [row for row in rows if row.model_error is not None]
    if not predicted:
        return []
    worst = max(predicted, key=lambda row: abs(row.model_error))
    mean = sum(abs(row.model_error) for row in predicted) / len(predicted)
    return [
        Verdict(
            what="worst error of the model on a whole network",
            value=f"{100 * worst.model_error:+.1f} %",
            bar=percent(ERROR_BAR),
            holds=abs(worst.model_error) <= ERROR_BAR,
            note=f"{worst.network}, {worst.way}, {worst.balancing}; "
            f"{percent(mean)} in the mean of {count(len(predicted), 'run')}",
        )
    ]


def _large_verdicts(row: NetworkRow) -> list[Verdict]:
    return [
        Verdict(
            what="mobilenetv2, digital: MAC per cycle",
            value=f"{row.macs_per_cycle:.2f}",
            bar=f"{RATE_BAR:g}",
            holds=row.macs_per_cycle >= RATE_BAR,
        ),
        Verdict(
            what="mobilenetv2, digital: seconds of wall time",
            value=f"{row.seconds:.0f}",
            bar=f"{SECONDS_BAR:g} at the most",
            holds=row.seconds <= SECONDS_BAR,
        ),
    ]


def _stealing_verdicts(pairs: Sequence[Stealing]) -> list[Verdict]:
    worst = min(pairs, key=lambda pair: pair.gain)
    faster = gaining(pairs)
    return [
        Verdict(
            what="stealing / equal shares, at the worst",
            value=f"{worst.gain:.2f}x",
            bar=f"{LOSS_BAR}x",
            holds=worst.gain >= LOSS_BAR,
            note=f"{worst.steal.network}, {worst.steal.way}",
        ),
        Verdict(
            what=f"networks partly on tiles where stealing gains {GAIN_BAR}x",
            value=str(len(faster)),
            bar=str(GAIN_NETWORKS),
            holds=len(faster) >= GAIN_NETWORKS,
            note=", ".join(faster) or "the table above says what bounds each",
        ),
    ]
