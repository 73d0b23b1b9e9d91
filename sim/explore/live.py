"""The live check: some of the network's own layers on the RTL, beside the model's prediction."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.case import NOMINAL_LOOSE_TILES, Case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.groups import empty_pools, place_layer
from tightrope.sim.workload.layers import Layer, LayerOp

from .crop import crop_to_work, work
from .evaluate import Evaluator
from .plans import plan_for
from .points import Coupling, Point, Sweep, streaming
from .predictor import Predictor
from .words import count

__all__ = ["LiveCheck", "choose_cases", "live_machines", "run_live"]

WORK_PER_HART = 1_500_000
"""Multiply-accumulates."""
MOST_CYCLES = 600_000
"""Predicted cycles of a case; the simulator does some 200 000 of an 8-hart machine in a second."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveCheck:
    """What the RTL did, and what the model says of the very same work."""

    name: str
    body: str
    rtl_cycles: int
    model_cycles: float
    model_low_cycles: float
    model_high_cycles: float
    problem: str
    """Empty if every output was bit-exact."""

    @property
    def error(self) -> float:
        """Of the model, as a fraction of the RTL's cycles: positive if it predicts too many."""
        return self.model_cycles / self.rtl_cycles - 1

    @property
    def inside(self) -> bool:
        """Whether the RTL's cycles lie in the model's interval, as nine in ten should."""
        return self.model_low_cycles <= self.rtl_cycles <= self.model_high_cycles

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the fields of ``summary.json``."""
        return {
            "name": self.name,
            "body": self.body,
            "rtl_cycles": self.rtl_cycles,
            "model_cycles": self.model_cycles,
            "model_low_cycles": self.model_low_cycles,
            "model_high_cycles": self.model_high_cycles,
            "inside": self.inside,
            "error": self.error,
            "checked": not self.problem,
            "problem": self.problem,
        }


def live_machines(base: ClusterConfig, sweep: Sweep) -> dict[Body, ClusterConfig]:
    """The machine for each body in the sweep: the most harts, and a few tiles of each coupling;
    those that stream are on a machine of their own."""
    loose = {Coupling.LOOSE, Coupling.STREAM} & set(sweep.couplings)
    machine = dataclasses.replace(
        base,
        harts=max(sweep.harts),
        tight_harts=None,
        tight_tiles_per_hart=1 if Coupling.TIGHT in sweep.couplings else 0,
        loose_tiles=NOMINAL_LOOSE_TILES if loose else 0,
        stream_ports=0,
    )
    found = {
        Body[coupling.name]: machine
        for coupling in sweep.couplings
        if coupling is not Coupling.NONE
    }
    if Body.STREAM in found:
        found[Body.STREAM] = streaming(machine, base)
    return found | {Body.DOT4: machine}


def choose_cases(evaluator: Evaluator, sweep: Sweep, count: int) -> list[Case]:
    """At most ``count`` layers: the heaviest of the network, with each coupling and digital in
    turn.

    No shape comes twice. Layers that don't fit the few tiles are not asked for on tiles.
    """
    machines = live_machines(evaluator.base, sweep)
    harts = max(sweep.harts)
    digital = Point(harts=harts, coupling=Coupling.NONE, tiles=0, balance=Balance.STATIC)
    costs = evaluator.evaluate(digital).layers
    order = sorted(range(len(costs)), key=lambda index: -costs[index].cost.model_cycles)
    ranked = [evaluator.network.layers[index] for index in order]
    rounds = itertools.cycle(machines)
    balances = itertools.cycle(sweep.balances)
    cases: list[Case] = []
    used: set[Layer] = set()
    misses = 0
    while len(cases) < count and misses < len(machines):
        body, balance = next(rounds), next(balances)
        case = next(_candidates(evaluator, ranked, used, machines[body], body, balance), None)
        misses = 0 if case else misses + 1
        if case:
            cases.append(case)
    return cases


def run_live(
    evaluator: Evaluator,
    cases: Sequence[Case],
    *,
    on_message: Callable[[str], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[LiveCheck]:
    """Run the cases on the RTL and predict them; raises CosimError and ModelError."""
    from tightrope.sim.experiment import measure

    measured = measure.measure(cases, on_message=on_message, on_progress=on_progress)
    checks = []
    for found in measured:
        case = found.case
        (cost,) = evaluator.predictor.costs([(case.layer, found.plan, case.machine)])
        low, high = cost.interval(evaluator.predictor.shared_ratio)
        checks.append(
            LiveCheck(
                name=_name(evaluator, case),
                body=case.body.name.lower(),
                rtl_cycles=found.rtl_cycles,
                model_cycles=cost.model_cycles,
                model_low_cycles=low,
                model_high_cycles=high,
                problem=found.problem,
            )
        )
    return checks


def _candidates(
    evaluator: Evaluator,
    ranked: Sequence[Layer],
    used: set[Layer],
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
) -> Iterator[Case]:
    for layer in ranked:
        shape = dataclasses.replace(layer, name="")
        if shape in used or layer.op is LayerOp.ELEMENTWISE:
            continue
        limit = WORK_PER_HART * machine.harts
        case = _case(evaluator.predictor, layer, limit, machine, body, balance)
        if case is None or case.plan is None:
            continue
        (cost,) = evaluator.predictor.costs([(case.layer, case.plan, machine)])
        if cost.model_cycles > MOST_CYCLES:
            limit = int(min(limit, work(case.layer)) * MOST_CYCLES / cost.model_cycles)
            case = _case(evaluator.predictor, layer, limit, machine, body, balance)
        if case is not None:
            used.add(shape)
            yield case


def _case(
    predictor: Predictor,
    layer: Layer,
    limit: int,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
) -> Case | None:
    """The layer cut to ``limit`` of work; None if it can't be on the machine's tiles."""
    cut = crop_to_work(layer, limit)
    groups = ()
    if body is not Body.DOT4:
        if not layer.fits_tiles or layer.groups != 1:
            return None
        placed = place_layer(cut, machine, body, empty_pools(machine, body))
        if placed is None:
            return None
        groups = placed[1]
    try:
        plan = plan_for(cut, machine, body, balance, groups)
    except MappingError:
        # Not every layer can be streamed.
        return None
    if balance is Balance.STEAL:
        plan = predictor.helped(cut, plan, machine)
    return Case(layer=cut, machine=machine, body=body, balance=balance, plan=plan)


def _name(evaluator: Evaluator, case: Case) -> str:
    layer = case.layer
    whole = next(known for known in evaluator.network.layers if known.name == layer.name)
    size = "x".join(map(str, layer.out_shape))
    part = "" if layer.out_shape == whole.out_shape else f" ({size} of its output)"
    harts = count(case.machine.harts, "hart")
    where = "digital" if case.body is Body.DOT4 else case.body.name.lower()
    return f"{layer.name}{part}, {where}, {harts}, {case.balance.name.lower()}"
