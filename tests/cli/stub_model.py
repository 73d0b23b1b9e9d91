"""A made-up cycle model, so that the command can be tested without the calibrated one."""

from collections.abc import Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.explore.predictor import Cost, EnergyNumber
from tightrope.sim.explore.spread import Spread
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import Layer, LayerOp


class StubPredictor:
    """Tiles do a column of MACs at once; loose ones make harts wait for the bus."""

    mean_abs_error = 0.05
    worst_abs_error = 0.15
    shared_ratio = 0.5
    identity = "stub"
    numbers = (EnergyNumber(name="hart_pj", value="10 pJ", source="<made up>", assumed=True),)

    def __init__(self, profile: str = "stub") -> None:
        self.profile = profile

    def helped(self, layer, plan, machine):
        return plan

    def least_cycles(self, layer: Layer, groups, machine: ClusterConfig) -> float:
        return 0.0

    def area_mm2(self, machine: ClusterConfig) -> float:
        return 0.1 * machine.harts

    def energy_factors(self, rng: np.random.Generator, samples: int) -> Mapping[str, np.ndarray]:
        return {"harts": 2.0 ** rng.uniform(-1, 1, samples), "tiles": np.ones(samples)}

    def costs(
        self, work: Sequence[tuple[Layer, LayerPlan, ClusterConfig]], *, in_order: bool = False
    ) -> list[Cost]:
        return [self.cost(*task) for task in work]

    def cost(self, layer: Layer, plan: LayerPlan, machine: ClusterConfig) -> Cost:
        work = (layer.macs or layer.pixels * layer.out_shape[2]) / machine.harts
        wait = 0.0
        if plan.body is not Body.DOT4:
            work = work / layer.out_shape[2] + layer.pixels
            wait = work * {Body.LOOSE: machine.harts / 2, Body.STREAM: 0.2}.get(plan.body, 0.25)
        cycles = work + wait
        unknown = cycles if layer.op is LayerOp.ELEMENTWISE else 0.0
        return Cost(
            model_cycles=cycles,
            uncalibrated_cycles=unknown,
            terms={"compute": work, "bus_wait": wait},
            energy={"harts": 10 * cycles * machine.harts, "tiles": wait},
            spread=Spread() if unknown else Spread.of(cycles, (0.95 * cycles, 1.1 * cycles)),
            extrapolated=frozenset({"harts 1 (2 .. 8)"} if machine.harts == 1 else ()),
            extrapolated_cycles=cycles if machine.harts == 1 else 0.0,
        )
