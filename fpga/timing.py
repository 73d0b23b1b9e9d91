"""How fast a placed design is, from nextpnr's report: within its clocks and between them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Timing", "read_timing"]


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
        if "async" in (path["from"], path["to"]) or _is_oscillator(path):
            continue
        name = f"{_edge(path['from'])} to {_edge(path['to'])}"
        delay_ns = sum(step["delay"] for step in path["path"])
        half = path["from"].split()[0] != path["to"].split()[0]
        paths_ns[name] = round(delay_ns, 3)
        periods_ns[name] = delay_ns * (2 if half else 1)
    limit = max(periods_ns, key=periods_ns.__getitem__)
    used = {name: counts["used"] for name, counts in report["utilization"].items()}
    return Timing(
        paths_ns=paths_ns,
        limit=limit,
        fmax_mhz=1000.0 / periods_ns[limit],
        used={name: count for name, count in used.items() if count},
    )
