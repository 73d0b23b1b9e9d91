"""How fast a placed design is, from nextpnr's report: within its clocks and between them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Timing", "read_timing"]

_ASYNC = "<async>"
BOARD_NET = "crg.board_clk"
"""What Yosys calls the board's clock; nextpnr puts a prefix before it."""


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


def read_timing(report: Mapping, *, board_net: str = BOARD_NET) -> Timing:
    """Of the JSON that nextpnr's ``--report`` writes."""
    paths_ns: dict[str, float] = {}
    periods_ns: dict[str, float] = {}
    for path in report["critical_paths"]:
        ends = path["from"], path["to"]
        if _ASYNC in ends:
            continue
        delay_ns = sum(step["delay"] for step in path["path"])
        name = " to ".join(_clock(end, board_net) for end in ends)
        paths_ns[name] = round(delay_ns, 3)
        half = _edge(ends[0]) != _edge(ends[1])
        periods_ns[name] = delay_ns * (2 if half else 1)
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


def _clock(end: str, board_net: str) -> str:
    """Whose clock: the board's is named after what makes it, the machine's after anything."""
    clock = "board" if end.endswith(board_net) else "machine"
    return clock if _edge(end) == "posedge" else f"{clock}, falling"
