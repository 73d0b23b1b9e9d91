"""One number with its unit and its source, read strictly from JSON."""

import dataclasses
import sys
from typing import Any

__all__ = ["EnergyError", "Number", "read_number", "read_numbers"]


class EnergyError(ValueError):
    """A profile or counters that make no sense; one sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number:
    """One number and where it comes from."""

    value: float
    unit: str
    node_nm: float | None
    """Technology it holds for; None: not said, or it has none."""
    voltage_v: float | None
    """Supply it holds for; None: not said, or it has none."""
    assumed: bool
    """Nobody published it: it is our choice, or rests on one."""
    source: str
    """Table and paper, how it was derived from them, or why it was assumed."""
    based_on: tuple[str, ...] = ()
    """Published numbers that it was derived from."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; :func:`read_number` reads it."""
        return dataclasses.asdict(self) | {"based_on": list(self.based_on)}


_KINDS = {"value": (int, float), "unit": str, "assumed": bool, "source": str}
_RANGES = {"node_nm": (1, 1000), "voltage_v": (0.1, 5)}
_OPTIONAL = {"based_on"}


def read_numbers(where: str, data: Any) -> dict[str, Number]:
    """A table of numbers by name; ``where`` begins the sentence of an EnergyError."""
    if not isinstance(data, dict):
        raise EnergyError(f"{where} must be a table of numbers")
    return {name: read_number(f"{where}: {name}", entry) for name, entry in data.items()}


def read_number(where: str, data: Any) -> Number:
    """One number; ``where`` begins the sentence of an EnergyError."""
    if not isinstance(data, dict):
        raise EnergyError(f"{where} must be a table with {', '.join((*_KINDS, *_RANGES))}")
    unknown = set(data) - set(_KINDS) - set(_RANGES) - _OPTIONAL
    if unknown:
        raise EnergyError(f"{where} has the unknown field {min(unknown)!r}")
    for key, kind in _KINDS.items():
        wrong = not isinstance(data.get(key), kind)
        if wrong or (key == "value" and isinstance(data[key], bool)):
            raise EnergyError(f"{where}.{key} is missing or of the wrong kind")
    if not abs(data["value"]) <= sys.float_info.max:
        raise EnergyError(f"{where}.value must be finite, not {data['value']!r}")
    if not data["source"].strip():
        raise EnergyError(f"{where}.source must say where the number comes from")
    for key in _RANGES:
        _check_condition(where, key, data)
    names = data.get("based_on", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EnergyError(f"{where}.based_on must be a list of names")
    return Number(**{**data, "value": float(data["value"]), "based_on": tuple(names)})


def _check_condition(where: str, key: str, data: dict[str, Any]) -> None:
    """Node and voltage must be there: whoever doesn't know them has to say so with null."""
    low, high = _RANGES[key]
    if key not in data:
        raise EnergyError(f"{where}.{key} is missing; null says that it is not known")
    value = data[key]
    if value is None:
        return
    if type(value) not in (int, float) or not low <= value <= high:
        raise EnergyError(f"{where}.{key} must be null or from {low} to {high}, not {value!r}")
