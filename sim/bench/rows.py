"""One measured number beside what it must reach."""

import dataclasses
from collections.abc import Callable
from typing import Any

from tightrope.sim.experiment.case import Measurement

__all__ = ["Message", "Progress", "Row", "checked", "hart_count"]

Message = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One measured number."""

    name: str
    value: float | None
    """None if it could not be measured; the note says why."""
    unit: str
    bar: float | None = None
    """What it must reach; None for a number that only informs."""
    limit: float | None = None
    """The best that is possible."""
    lower_is_better: bool = False
    note: str = ""

    @property
    def holds(self) -> bool:
        """False if there is a bar and the value does not reach it, or was not measured."""
        if self.bar is None:
            return True
        if self.value is None:
            return False
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the JSON file."""
        return dataclasses.asdict(self) | {"holds": self.holds}


def hart_count(count: int) -> str:
    """In words, for a name."""
    return "1 hart" if count == 1 else f"{count} harts"


def checked(found: Measurement, **fields: Any) -> Row:
    """A row; without its value if the RTL computed something wrong."""
    if found.mismatches:
        fields |= {"value": None, "note": f"wrong outputs: {found.problem}"}
    return Row(**fields)
