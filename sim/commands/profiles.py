"""``tightrope profiles``: the energy and area profiles, and where each of their numbers is from."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.hw.config import ClusterConfig
    from tightrope.sim.energy.profiles import Number, Profile

__all__ = ["profiles"]


def profiles(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A known profile, or a JSON file; all if not given."),
    ] = None,
    machine_file: options.MachineFile = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """List the profiles; of one, every number with unit, node, voltage and source.

    Also the area that a machine would have with it: the default one, or that of --machine.
    """
    from tightrope.sim.energy.profiles import PROFILE_NAMES, load_profile

    talk = Talk(quiet=quiet, json_file=json_file)
    if name is None:
        if machine_file is not None:
            raise options.OptionError("--machine needs the NAME of a profile")
        _tell_all(talk, [load_profile(known) for known in PROFILE_NAMES], json_file)
        return
    machine = options.base_machine(machine_file, profile=name)
    _tell_one(talk, load_profile(name), machine, json_file)


def _tell_all(talk: Talk, known: "list[Profile]", json_file: str | None) -> None:
    from tightrope.sim.energy.profiles import PUBLISHED_COMPONENTS

    summaries = [_summary(profile) for profile in known]
    table = _table("Profiles", "name", "title", "MHz", "ns per MVM", "numbers", "assumed")
    for one in summaries:
        _add_row(table, (*one.values(),))
    write_json({"profiles": summaries, "components": _entries(PUBLISHED_COMPONENTS)}, json_file)
    talk.show(table, "`tightrope profiles NAME` shows each number of one, with its source.")


def _tell_one(
    talk: Talk, profile: "Profile", machine: "ClusterConfig", json_file: str | None
) -> None:
    from tightrope.sim.energy.area import area_of

    area = area_of(machine, profile)
    content = _summary(profile) | {
        "values": _entries(profile.numbers),
        "published": _entries(profile.published),
        "machine": machine.to_dict(),
        "area_mm2": area.to_dict() | {"total_mm2": area.total_mm2},
    }
    write_json(content, json_file)
    talk.show(_number_table(f"{profile.name}: {profile.title}", profile.numbers))
    if profile.published:
        talk.show(_number_table("Published: what these were derived from", profile.published))
    areas = _table(f"Area of a machine with {machine.harts} harts", "component", "mm2", "share")
    for part, mm2 in area.to_dict().items():
        _add_row(
            areas, (part.removesuffix("_mm2"), f"{mm2:.3f}", f"{100 * mm2 / area.total_mm2:.0f} %")
        )
    talk.show(areas, _in_words(profile, area.total_mm2))


def _in_words(profile: "Profile", total_mm2: float) -> str:
    count = len(profile.assumed)
    rest = "none of its numbers is assumed" if not count else f"{count} of its numbers are assumed"
    return f"{total_mm2:.2f} mm2 in all, main memory excluded; {rest}."


def _summary(profile: "Profile") -> dict[str, Any]:
    return {
        "name": profile.name,
        "title": profile.title,
        "clock_mhz": profile.clock_mhz,
        "mvm_latency_ns": profile.mvm_latency_ns,
        "numbers": len(profile.numbers),
        "assumed": len(profile.assumed),
    }


def _entries(numbers: "Mapping[str, Number]") -> list[dict[str, Any]]:
    return [{"name": name, **number.to_dict()} for name, number in numbers.items()]


def _number_table(title: str, numbers: "Mapping[str, Number]") -> Any:
    table = _table(title, "number", "value", "unit", "nm", "V", "assumed", "source")
    for name, number in numbers.items():
        conditions = ("" if x is None else f"{x:g}" for x in (number.node_nm, number.voltage_v))
        assumed = "assumed" if number.assumed else ""
        _add_row(
            table,
            (name, f"{number.value:.6g}", number.unit, *conditions, assumed, number.source),
        )
    return table


def _table(title: str, *columns: str) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    right = ("value", "nm", "V", "MHz", "ns per MVM", "numbers", "assumed", "mm2", "share")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _add_row(table: Any, cells: Iterable[object]) -> None:
    from rich.markup import escape

    table.add_row(
        *(escape(f"{cell:g}" if isinstance(cell, float) else str(cell)) for cell in cells)
    )
