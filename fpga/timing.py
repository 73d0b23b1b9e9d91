"""How fast a placed design is, from nextpnr's report: within its clocks and between them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Timing", "read_timing"]

_ASYNC = "<async>"
_GLOBAL = "$glbnet$"
"""nextpnr's prefix of nets that it makes global itself. The board's clock is one; the machine's is
global already, by the gate that it comes from."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The highest frequency, and what else of a placement a person wants to know.

    nextpnr reports paths between the machine's clock and the board's without a limit, see
    docs/fpga.md. They have one: a period, or half of one where the gate's register, of the falling
    edge, is at one end. So ``fmax_mhz`` is the least of all.
    """

    paths_ns: dict[str, float]
    """The longest path of each pair of clock edges, from a register to a register."""
    limit: str
    """The pair that ``fmax_mhz`` is from."""
    fmax_mhz: float
    used: dict[str, int]
    """What nextpnr counts, where it is not 0."""

    def to_dict(self) -> dict:
        """Plain data, ready for JSON."""
        return {
            "fmax_mhz": round(self.fmax_mhz, 2), "limit": self.limit,
            "paths_ns": self.paths_ns, "used": self.used,
        }  # fmt: skip


def read_timing(report: Mapping) -> Timing:
    """Of the JSON that nextpnr's ``--report`` writes."""
    paths_ns: dict[str, float] = {}
    periods_ns: dict[str, float] = {}
    for path in report["critical_paths"]:
        ends = path["from"], path["to"]
        if _ASYNC in ends:
            continue
        delay_ns = sum(step["delay"] for step in path["path"])
        name = " to ".join(map(_clock, ends))
        paths_ns[name] = max(round(delay_ns, 3), paths_ns.get(name, 0.0))
        half = _edge(ends[0]) != _edge(ends[1])
        periods_ns[name] = max(delay_ns * (2 if half else 1), periods_ns.get(name, 0.0))
    limit = max(periods_ns, key=periods_ns.__getitem__)
    used = {name: counts["used"] for name, counts in report["utilization"].items()}
    return Timing(
        paths_ns=paths_ns,
        limit=limit,
        fmax_mhz=1000.0 / periods_ns[limit],
        used={name: count for name, count in used.items() if count},
    )


def _edge(end: str) -> str:
    """posedge or negedge."""
    return end.split()[0]


def _clock(end: str) -> str:
    """Whose clock; what either is called depends on what Yosys finds first."""
    clock = "board" if _GLOBAL in end else "machine"
    return clock if _edge(end) == "posedge" else f"{clock}, falling"
