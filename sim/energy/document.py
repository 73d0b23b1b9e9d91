"""The tables of docs/energy.md, from the data; ``sim/energy/__main__.py`` writes them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from .components import COMPONENTS
from .numbers import EnergyError, Number
from .profiles import PROFILE_NAMES, PUBLISHED_COMPONENTS, load_profile

__all__ = ["fill", "tables"]

_PLACE = re.compile(r"(<!-- table: (?P<name>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def tables() -> dict[str, str]:
    """Markdown tables by name: the components of energy, published numbers, each profile."""
    found = {"energy components": _components(), "published": _numbers(PUBLISHED_COMPONENTS)}
    return found | {name: _numbers(load_profile(name).numbers) for name in PROFILE_NAMES}


def fill(text: str) -> str:
    """A page whose places ``<!-- table: NAME -->`` to ``<!-- end -->`` hold these tables.

    Raises
    ------
    EnergyError: a place for an unknown table.
    """
    known = tables()

    def place(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in known:
            raise EnergyError(f"there is no table {name!r}, only {', '.join(known)}")
        return f"{match[1]}\n{known[name]}\n{match[3]}"

    return _PLACE.sub(place, text)


def _components() -> str:
    rows = (
        (one.label, one.event, " x ".join(f"`{name}`" for name in one.factors))
        for one in COMPONENTS
    )
    return _table(("component", "pays for each", "numbers of the profile"), rows)


def _numbers(numbers: Mapping[str, Number]) -> str:
    rows = (
        (
            f"`{name}`",
            f"{number.value:.6g}",
            "" if number.unit == "1" else number.unit,
            *("" if x is None else f"{x:g}" for x in (number.node_nm, number.voltage_v)),
            "yes" if number.assumed else "",
            number.source,
        )
        for name, number in numbers.items()
    )
    return _table(("number", "value", "unit", "nm", "V", "assumed", "source"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
