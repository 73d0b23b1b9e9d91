"""What the papers printed, each number with its place, and what they did not print."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from .errors import ReproduceError

__all__ = ["Published", "load_published", "not_published"]

VERSION = 1
"""Of the format of published.json."""
_FILE = Path(__file__).with_name("data") / "published.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One printed number."""

    value: float
    unit: str
    source: str
    """The paper."""
    where: str
    """Its table, figure or section."""


def load_published() -> Mapping[str, Published]:
    """All printed numbers, by their names in published.json."""
    data = _data()
    return {
        name: Published(
            value=float(entry["value"]),
            unit=entry["unit"],
            source=data["sources"][entry["source"]],
            where=entry["where"],
        )
        for name, entry in data["numbers"].items()
    }


def not_published(name: str) -> tuple[str, ...]:
    """What one would need for reproduction ``name`` and nobody printed."""
    return tuple(_data()["not_published"][name])


def _data() -> dict:
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    if data.get("version") != VERSION:
        raise ReproduceError(f"{_FILE.name} must be of version {VERSION}")
    return data
