"""ALPINE's cores: a few named constants, and what work costs in cycles.

``active = instructions / ipc + port words * 1 ns``, where a port word is four bytes of CM_QUEUE or
CM_DEQUEUE; ``waiting = lines * latency / l1_mshrs + MVMs * 100 ns``, lines of LLC and DRAM apart,
and no line of DRAM faster than its bandwidth allows. That is all.
"""

import dataclasses
from collections.abc import Mapping

from tightrope.sim.energy.profiles import Profile, load_profile

from .staged import read_alpine

__all__ = [
    "Assumptions",
    "CoreCycles",
    "System",
    "Work",
    "constants_in_words",
    "load_assumptions",
    "load_systems",
]

PORT_WORD_BYTES = 4
"""That one CM_QUEUE or CM_DEQUEUE moves."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What nobody printed. ``alpine.json`` says of each why it has its value."""

    ipc: float
    mac_instructions: float
    """Per multiply-accumulate of int8."""
    dram_latency_ns: float
    dram_gb_per_s: float
    input_instructions: float
    """Per element of the network's input."""
    output_instructions: float
    """Per element of its output."""
    gather_instructions: float
    """Per byte of a convolution's patch."""
    queue_instructions: float
    """Per byte for a tile, beyond CM_QUEUE."""
    dequeue_instructions: float
    """Per byte from a tile, beyond CM_DEQUEUE."""
    requantise_instructions: float
    """Per output of a digital layer."""
    relu_instructions: float
    """Per element, as the next ones."""
    function_instructions: float
    combine_instructions: float
    lrn_instructions: float
    pool_instructions: float
    """Per input of a window."""
    handover_ns: float
    """Waking another core."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """One of the two systems of ALPINE's Table I."""

    name: str
    title: str
    profile: Profile
    l1_bytes: int
    llc_bytes: int
    line_bytes: int
    l1_mshrs: int
    llc_latency_cycles: float
    port_gb_per_s: float
    pio_latency_ns: float
    pio_byte_ns: float

    def cycles(self, time_ns: float) -> float:
        """A time in cycles of the cores."""
        return time_ns * self.profile.clock_mhz / 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoreCycles:
    """Cycles of one core for one inference."""

    active: float
    weights: float
    """Waiting for lines of LLC or DRAM."""
    mvm: float
    """Waiting for MVMs."""

    @property
    def total(self) -> float:
        """Busy: all but sleep."""
        return self.active + self.weights + self.mvm

    def __add__(self, other: "CoreCycles") -> "CoreCycles":
        return CoreCycles(
            active=self.active + other.active,
            weights=self.weights + other.weights,
            mvm=self.mvm + other.mvm,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What one core does for one inference. Can be added."""

    instructions: float = 0.0
    llc_bytes: float = 0.0
    """Read from the LLC, beyond L1."""
    dram_bytes: float = 0.0
    port_bytes: float = 0.0
    """Queued in tiles and dequeued."""
    mvms: float = 0.0
    mvm_rows: float = 0.0
    """Of all MVMs together."""
    mvm_cols: float = 0.0
    mvm_cells: float = 0.0
    product_instructions: float = 0.0
    """The part of instructions that is a digital layer's multiply-accumulates."""

    def __add__(self, other: "Work") -> "Work":
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return Work(**{name: mine[name] + theirs[name] for name in mine})

    def times(self, part: float) -> "Work":
        """``part`` of it."""
        return Work(**{name: part * value for name, value in dataclasses.asdict(self).items()})

    def cycles(self, system: System, assumed: Assumptions) -> CoreCycles:
        """What it takes on a core of ``system``."""
        words = self.port_bytes / PORT_WORD_BYTES
        word_cycles = max(1.0, system.cycles(PORT_WORD_BYTES / system.port_gb_per_s))
        llc_line = system.llc_latency_cycles / system.l1_mshrs
        dram_ns = max(
            assumed.dram_latency_ns / system.l1_mshrs, system.line_bytes / assumed.dram_gb_per_s
        )
        lines = self.llc_bytes * llc_line + self.dram_bytes * system.cycles(dram_ns)
        return CoreCycles(
            active=self.instructions / assumed.ipc + words * word_cycles,
            weights=lines / system.line_bytes,
            mvm=self.mvms * system.cycles(system.profile.mvm_latency_ns),
        )


def load_assumptions() -> Assumptions:
    """Those of alpine.json."""
    entries: Mapping[str, dict] = read_alpine()["assumptions"]
    return Assumptions(**{name: float(entry["value"]) for name, entry in entries.items()})


def constants_in_words() -> tuple[tuple[str, str, str], ...]:
    """Name, value with unit, and source or reason: what was printed, then what is assumed."""
    data = read_alpine()
    entries: list[tuple[str, dict, str]] = [
        *((name, entry, entry["source"]) for name, entry in data["published"].items()),
        *((name, entry, f"assumed: {entry['why']}") for name, entry in data["assumptions"].items()),
    ]
    systems = tuple(
        (
            system.profile.name,
            f"{system.profile.clock_mhz / 1000:g} GHz",
            (
                f"ALPINE, Table I: L1 {system.l1_bytes >> 10} kB, LLC {system.llc_bytes >> 10} kB, "
                f"{system.profile.mvm_latency_ns:g} ns per MVM; energies as in the profile"
            ),
        )
        for system in load_systems().values()
    )
    return systems + tuple(
        (name, f"{entry['value']:g} {entry['unit']}", why) for name, entry, why in entries
    )


def load_systems() -> dict[str, System]:
    """Both systems by name: hp, lp. Energies, clock, MVMs and LLC are those of the profile."""
    data = read_alpine()
    printed = {name: entry["value"] for name, entry in data["published"].items()}
    systems = {}
    for name, entry in data["systems"].items():
        profile = load_profile(entry["profile"])
        systems[name] = System(
            name=name,
            title=entry["title"],
            profile=profile,
            l1_bytes=entry["l1_kb"] << 10,
            llc_bytes=int(profile.published["llc_size"].value) << 10,
            **printed,
        )
    return systems
