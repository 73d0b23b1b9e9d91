import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.points import Coupling, Sweep, make_points
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.explore.search import Objective, point_grid, run_search
from tightrope.sim.image.layout import Balance
from tightrope.sim.sweeps.pareto import pareto_front
from tightrope.sim.sweeps.pool import InProcess
from tightrope.sim.sweeps.search import Axis, Grid, search
from tightrope.sim.workload.onnx_import import load_network

SWEEP = Sweep(
    harts=(1, 2, 4, 8),
    couplings=(Coupling.TIGHT, Coupling.LOOSE),
    tiles=(1, 2, 4, 8, 16, 32, 64),
    balances=(Balance.STATIC, Balance.STEAL),
    coverages=(0.2, 0.4, 0.6, 0.8, 1.0),
)
BUDGET_RATIO = 0.25
WORST_RATIO = 1.02


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("values", [2, 5, 1000])
def test_front_is_what_brute_force_finds(seed, values):
    rng = np.random.default_rng(seed)
    costs = [tuple(row) for row in rng.integers(values, size=(rng.integers(1, 60), 3)).tolist()]

    def beaten(index, cost):
        return any(
            all(a <= b for a, b in zip(other, cost, strict=True))
            and (other != cost or rival < index)
            for rival, other in enumerate(costs)
            if rival != index
        )

    expected = {index for index, cost in enumerate(costs) if not beaten(index, cost)}
    front = pareto_front(list(enumerate(costs)), lambda point: point[1])
    assert {index for index, _ in front} == expected, f"seed {seed}"
    assert [cost for _, cost in front] == sorted(cost for _, cost in front)


def test_front_of_nothing_is_empty():
    assert pareto_front([], lambda point: point) == []


def bowl(sizes, holes=()):
    places = np.ndindex(*sizes)
    points = {place: f"p{place}" for place in places if place not in holes}
    return Grid(axes=tuple(Axis(size=size, ordered=True) for size in sizes), points=points)


@pytest.mark.parametrize("budget", [1, 7, 40, 10_000])
def test_search_evaluates_no_point_twice_and_keeps_its_budget(budget):
    grid, asked = bowl((6, 7, 4), holes={(2, 2, 2), (0, 0, 0)}), []

    def evaluate(points):
        asked.extend(points)
        return [float(hash(point) % 97) for point in points]

    costs = search(grid, evaluate, budget=budget, seed=3, known={"p(1, 1, 1)": 5.0})
    assert len(asked) == len(set(asked)) == min(budget, 6 * 7 * 4 - 3)
    assert set(costs) == {*asked, "p(1, 1, 1)"}


@pytest.mark.parametrize("seed", range(10))
def test_search_goes_along_a_valley_that_runs_askew(seed):
    grid = bowl((8, 8, 4))
    # No single step along an axis is downhill anywhere in the valley.
    cost = {grid.points[x, y, z]: 10 * abs(x - y) - x - y + z for x, y, z in grid.points}
    found = search(grid, lambda points: [cost[p] for p in points], budget=140, seed=seed)
    assert min(found.values()) == min(cost.values()) == -14, f"seed {seed}"


def test_search_refuses_what_it_cannot_do():
    for grid, budget in ((bowl((2, 2)), 0), (bowl((1,), holes={(0,)}), 5)):
        with pytest.raises(ValueError, match="budget of at least 1"):
            search(grid, lambda points: [0.0] * len(points), budget=budget, seed=0)


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator(load_network("digits"), ClusterConfig(), load_predictor("gf22"))


@pytest.fixture(scope="module")
def grid_rows(evaluator):
    return [evaluator.row(point) for point in make_points(SWEEP, evaluator.base)[0]]


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("seed", range(5))
def test_search_finds_nearly_the_best_point_with_a_quarter_of_the_grid(
    evaluator, grid_rows, tmp_path, objective, seed
):
    budget = int(BUDGET_RATIO * len(grid_rows))
    found = run_search(
        evaluator, SWEEP, tmp_path, InProcess(), objective=objective, budget=budget, seed=seed
    )
    best = min(map(objective.cost, grid_rows))
    assert len({row.key for row in found.rows}) == len(found.rows) <= budget
    assert objective.cost(found.best) <= WORST_RATIO * best, f"seed {seed}"


def test_search_is_the_same_again_and_evaluates_nothing(evaluator, tmp_path):
    def run(seed):
        return run_search(
            evaluator, SWEEP, tmp_path, InProcess(), objective=Objective.EDP, budget=30, seed=seed
        )

    first, again = run(0), run(0)
    assert first.rows == again.rows and (first.reused, again.reused) == (0, 30)
    assert run(1).rows != first.rows


def test_budget_must_leave_something_beside_the_baselines(evaluator, tmp_path):
    with pytest.raises(ExploreError, match="budget above its 4 digital baselines, not 4"):
        run_search(
            evaluator, SWEEP, tmp_path, InProcess(), objective=Objective.EDP, budget=4
        )


def test_every_point_has_a_place_on_the_grid():
    points, _ = make_points(SWEEP, ClusterConfig())
    assert set(point_grid(SWEEP, points).points.values()) == set(points)
