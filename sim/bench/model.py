"""How fast and how good the model is."""

import dataclasses
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

from tightrope.hw.config import ClusterConfig
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.points import Coupling, Point, Sweep, make_points
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.image.layout import Balance
from tightrope.sim.model.errors import ModelError
from tightrope.sim.model.predict import load_calibration
from tightrope.sim.workload.onnx_import import load_network

from .rows import Row

__all__ = ["model_rows"]

PROFILE = "gf22"
MEAN_ERROR_BAR = 0.08
WORST_ERROR_BAR = 0.20


COLD_BAR_MS = 20.0
COLD_LIMIT_MS = 2.0
COLD_RUNS = 3
"""Processes for each machine, of which the fastest counts: others may use this computer."""
MACHINES = ((Coupling.NONE, 0), (Coupling.LOOSE, 8), (Coupling.LOOSE, 64), (Coupling.TIGHT, 64))


def model_rows() -> list[Row]:
    """What one prediction takes, and the stored calibration's error on the held-out cases."""
    return [_point_row(), *_cold_rows(), *_error_rows()]


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


def _cold_rows() -> list[Row]:
    """Points in processes that have evaluated nothing before."""
    note = f"processor's time where nothing is known before, best of {COLD_RUNS}"
    try:
        load_predictor(PROFILE)
    except (ModelError, ExploreError) as error:
        return [_cold_row(*machine, None, f"not measured: {error}") for machine in MACHINES]
    return [
        _cold_row(*machine, min(_in_new_process(*machine) for _ in range(COLD_RUNS)), note)
        for machine in MACHINES
    ]


def _cold_row(coupling: Coupling, tiles: int, spent_ms: float | None, note: str) -> Row:
    machine = f"{tiles} {coupling} tiles" if tiles else "no tiles"
    return Row(
        name=f"model cold point of ResNet-50 on 8 harts, {machine}",
        value=spent_ms,
        unit="ms",
        bar=COLD_BAR_MS,
        limit=COLD_LIMIT_MS,
        lower_is_better=True,
        note=note,
    )


def _in_new_process(coupling: Coupling, tiles: int) -> float:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_cold_point_ms, coupling, tiles).result()


def _cold_point_ms(coupling: Coupling, tiles: int) -> float:
    """Of the processor, for a point that steals; network and calibration are read before."""
    network, predictor = load_network("resnet50"), load_predictor(PROFILE)
    evaluator = Evaluator(network, ClusterConfig(), predictor)
    point = Point(harts=8, coupling=coupling, tiles=tiles, balance=Balance.STEAL)
    start = time.process_time()
    evaluator.evaluate(point)
    return 1000 * (time.process_time() - start)


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
