"""The Pareto front: what nothing else beats in every cost."""

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["pareto_front"]

T = TypeVar("T")


def pareto_front(points: Sequence[T], costs: Callable[[T], tuple[float, ...]]) -> list[T]:
    """The points that no other one beats or equals in all costs, cheapest by the first cost first.

    Of points whose costs are all equal only the first is kept.
    """
    # Whatever beats a point comes before it in this order.
    ranked = sorted(((costs(point), index) for index, point in enumerate(points)))
    front: list[tuple[tuple[float, ...], int]] = []
    for cost, index in ranked:
        if not any(_no_worse(kept, cost) for kept, _ in front):
            front.append((cost, index))
    return [points[index] for _, index in front]


def _no_worse(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(left, right, strict=True))
