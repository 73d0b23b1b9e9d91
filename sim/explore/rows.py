"""A row of the results: one point, predicted."""

import dataclasses
from typing import Any, Self

__all__ = ["Row", "TERM_PREFIX", "ENERGY_PREFIX"]

TERM_PREFIX = "model_cycles_"
"""Of columns that split ``model_cycles`` by cause."""
ENERGY_PREFIX = "model_energy_pj_"
"""Of columns that split ``model_energy_pj`` by component."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One point of a sweep. Everything predicted says ``model_``."""

    key: str
    """Names network, machine, mapping, calibration, profile and code: the row's identity."""
    network: str
    harts: int
    coupling: str
    """none (the digital baseline), tight, loose, or stream (loose tiles that stream)."""
    tiles: int
    """The budget."""
    tiled_harts: int
    """With tight tiles: all, or as many as there are tiles if these are fewer; else 0."""
    tiles_used: int
    """Tiles that hold weights."""
    balance: str
    split: str
    """How tight tiles are used (the better of both ways was kept), else empty."""
    policy: str
    profile: str
    asked_coverage: float
    """The largest part of the parameters that was allowed on tiles."""
    coverage: float
    """Parameters that sit on tiles / all parameters."""
    mac_coverage: float
    model_cycles: float
    model_low_cycles: float
    """The truth lies from here to ``model_high_cycles`` with a probability of 90 %, were what is
    not calibrated as predicted."""
    model_high_cycles: float
    model_energy_pj: float
    speedup: float
    """Against DOT4 code, statically balanced, on the same number of harts."""
    energy_gain: float
    """Energy of that baseline / energy of this point."""
    model_area_mm2: float
    """Of the machine without main memory: its tiles, harts, and all that streaming needs."""
    uncalibrated_ratio: float
    """Part of model_cycles that rests on something that was not calibrated."""
    extrapolated_ratio: float
    """Part of model_cycles that belongs to layers outside of all that was measured."""
    machine_hash: str
    terms: dict[str, float]
    """model_cycles by cause."""
    energy: dict[str, float]
    """model_energy_pj by component."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        # Not dataclasses.asdict, which copies value by value and takes ten times as long.
        return vars(self) | {"terms": dict(self.terms), "energy": dict(self.energy)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; TypeError if the fields differ."""
        return cls(**data)

    def flat(self) -> dict[str, Any]:
        """One value per column; the parts of cycles and energy become columns of their own."""
        data = self.to_dict()
        terms, energy = data.pop("terms"), data.pop("energy")
        data |= {TERM_PREFIX + name: value for name, value in terms.items()}
        return data | {ENERGY_PREFIX + name: value for name, value in energy.items()}
