"""A published number beside ours."""

import dataclasses
from typing import Any

__all__ = ["Reproduction", "Row"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a reproduction."""

    what: str
    ours: float
    unit: str
    """``x``: a gain, times."""
    configuration: str
    note: str
    """On the deviation, a sentence."""
    bound: str = ""
    """What ours spends its time on, or depends on."""
    paper: float | None = None
    """None: nobody printed it."""
    paper_source: str = ""
    """Paper and place in it."""
    source: str = "model"
    """Of ours: model or rtl."""
    low: float | None = None
    """Least of ours when assumptions vary by a factor of two, one at a time; None: not varied."""
    high: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours / paper."""
        return None if self.paper is None else self.ours / self.paper

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**dataclasses.asdict(self), "ratio": self.ratio}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reproduction:
    """All lines of one reproduction, and what to know about them."""

    name: str
    title: str
    rows: tuple[Row, ...]
    assumptions: tuple[tuple[str, str, str], ...]
    """Constants that ours rests on: name, value with unit, source or why it is assumed."""
    not_published: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "rows": [row.to_dict() for row in self.rows],
            "assumptions": [
                {"name": name, "value": value, "why": why} for name, value, why in self.assumptions
            ],
            "not_published": list(self.not_published),
            "remarks": list(self.remarks),
        }
