"""The machine: frozen dataclasses that describe a cluster and refuse one that can't be built."""

import dataclasses
import hashlib
import json

__all__ = [
    "ClusterConfig",
    "HwConfigError",
    "MemoryConfig",
    "ScratchpadConfig",
    "TileConfig",
    "check_kind",
    "check_power_of_two",
]


class HwConfigError(ValueError):
    """A machine that can't be built; the message names the field, the rule and the value."""


def _check_int(owner, name, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise HwConfigError(
            f"{owner}.{name} must be an integer from {low} to {high}, not {value!r}"
        )


def check_power_of_two(name, value, low, high):
    """Raise HwConfigError unless ``value`` is a power of two from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high or value & (value - 1):
        raise HwConfigError(f"{name} must be a power of two from {low} to {high}, not {value!r}")


def check_kind(name, value, kind):
    """Raise TypeError unless ``value`` is a ``kind``."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {value!r}")


def _changed(config):
    """The fields of a configuration that differ from their defaults, in depth."""
    changed = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            changed[field.name] = _changed(value) if dataclasses.is_dataclass(value) else value
    return changed


@dataclasses.dataclass(frozen=True, kw_only=True)
class TileConfig:
    """One analog in-memory-computing tile.

    An MVM computes, for each column of the window, ``clip(round_half_away(sum / 2**shift))`` to a
    signed number of ``adc_bits``; ``adc_bits=32`` is the ideal converter, which ignores the shift.
    """

    rows: int = 256
    """Word lines: inputs (int8) of one MVM at the most; 8 to 512, a multiple of 8."""
    cols: int = 256
    """Bit lines: outputs of one MVM at the most; 8 to 512, a multiple of 8."""
    weight_bits: int = 8
    """Signed weight width, 4 or 8. With 4, weights are clipped to -8..7 when programmed."""
    adc_bits: int = 32
    """Converter width, 4 to 16, or 32 for an exact result."""
    mvm_latency_cycles: int = 65
    """Cycles from the start of an MVM to its result, whatever its size.

    65 is 130 ns at 500 MHz, the HERMES core as used by Garofalo et al. (JETCAS 2022).
    """
    program_latency_cycles: int = 4
    """Cycles the array is busy for each programming write (four neighbouring weights)."""
    post_lanes: int = 0
    """Outputs that the tile itself requantises to int8 per cycle: 1, 2, 4 or 8; 0: it can't."""

    def __post_init__(self):
        for name in ("rows", "cols"):
            value = getattr(self, name)
            _check_int("tile", name, value, 8, 512)
            if value % 8:
                raise HwConfigError(f"tile.{name} must be a multiple of 8, not {value!r}")
        if self.weight_bits not in (4, 8):
            raise HwConfigError(f"tile.weight_bits must be 4 or 8, not {self.weight_bits!r}")
        if self.adc_bits != 32:
            _check_int("tile", "adc_bits", self.adc_bits, 4, 16)
        _check_int("tile", "mvm_latency_cycles", self.mvm_latency_cycles, 1, 65535)
        _check_int("tile", "program_latency_cycles", self.program_latency_cycles, 1, 65535)
        if type(self.post_lanes) is not int or self.post_lanes not in (0, 1, 2, 4, 8):
            raise HwConfigError(
                f"tile.post_lanes must be 0, 1, 2, 4 or 8, not {self.post_lanes!r}"
            )

    @property
    def output_bytes(self) -> int:
        """Bytes of one output element on the port: 1, 2 or 4."""
        return 1 if self.adc_bits <= 8 else 2 if self.adc_bits <= 16 else 4

    def mvm_board_cycles(self, lanes: int) -> int:
        """Cycles of a board for an MVM of the whole array, with so many multipliers: what
        ``mvm_latency_cycles`` would have to be for the machine never to wait for one."""
        groups = -(-self.cols // lanes)
        return groups * (self.rows + 3) + self.cols + 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """Main memory, shared by all harts."""

    size_bytes: int = 64 << 20
    """A multiple of 4096, at most 512 MiB."""
    latency_cycles: int = 8
    """Cycles from a granted request to its first data."""
    bytes_per_cycle: int = 16
    """Width of the array: 4, 8, 16 or 32. A 32-byte cache line occupies 32 / width cycles."""

    def __post_init__(self):
        _check_int("memory", "size_bytes", self.size_bytes, 1 << 16, 512 << 20)
        if self.size_bytes % 4096:
            raise HwConfigError(
                f"memory.size_bytes must be a multiple of 4096, not {self.size_bytes!r}"
            )
        _check_int("memory", "latency_cycles", self.latency_cycles, 1, 255)
        if self.bytes_per_cycle not in (4, 8, 16, 32):
            raise HwConfigError(
                f"memory.bytes_per_cycle must be 4, 8, 16 or 32, not {self.bytes_per_cycle!r}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchpadConfig:
    """Banked memory beside main memory, for harts and for what streams."""

    size_bytes: int = 0
    """A power of two, 16 to 512 KiB; 0: there is none."""
    banks: int = 16
    """4, 8, 16 or 32: words that move per cycle at the most."""

    def __post_init__(self):
        if self.size_bytes != 0 or type(self.size_bytes) is not int:
            check_power_of_two("scratchpad.size_bytes", self.size_bytes, 16 << 10, 512 << 10)
        check_power_of_two("scratchpad.banks", self.banks, 4, 32)


_PARTS = {"tile": TileConfig, "memory": MemoryConfig, "scratchpad": ScratchpadConfig}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """A cluster of harts with tight tiles (private to a hart) and loose tiles (shared)."""

    harts: int = 8
    """VexRiscv cores, 1 to 8."""
    tight_tiles_per_hart: int = 1
    """Tiles on each hart's CFU port, 0 to 16."""
    tight_harts: int | None = None
    """Harts that have them, from hart 0 on: 1 to ``harts``. None: all, or none without tiles."""
    loose_tiles: int = 0
    """Tiles on the shared peripheral bus, 0 to 64."""
    tile: TileConfig = TileConfig()
    memory: MemoryConfig = MemoryConfig()
    scratchpad: ScratchpadConfig = ScratchpadConfig()
    stream_ports: int = 0
    """Ports between loose tiles and scratchpad, up to 16 and to ``loose_tiles``; tile t streams
    through port t % stream_ports. 0: loose tiles don't stream."""
    stream_bytes_per_cycle: int = 16
    """Width of each of them: a power of two, 4 to 64, at most that of all banks together."""
    dma_bytes_per_cycle: int = 0
    """Width of the DMA engine's port to the scratchpad, as ``stream_bytes_per_cycle``. It has a
    channel for each hart. 0: there is no engine."""

    def __post_init__(self):
        _check_int("cluster", "harts", self.harts, 1, 8)
        _check_int("cluster", "tight_tiles_per_hart", self.tight_tiles_per_hart, 0, 16)
        _check_int("cluster", "loose_tiles", self.loose_tiles, 0, 64)
        if self.tight_harts is not None:
            _check_int("cluster", "tight_harts", self.tight_harts, 1, self.harts)
            if not self.tight_tiles_per_hart:
                raise HwConfigError(
                    f"cluster.tight_harts must be None without tight tiles, not {self.tight_harts}"
                )
        for name, kind in _PARTS.items():
            check_kind(f"cluster.{name}", getattr(self, name), kind)
        _check_int("cluster", "stream_ports", self.stream_ports, 0, 16)
        if self.stream_ports > self.loose_tiles:
            raise HwConfigError(
                f"cluster.stream_ports must be at most loose_tiles, {self.loose_tiles}, "
                f"not {self.stream_ports!r}"
            )
        self._check_port("stream_bytes_per_cycle", used="stream_ports")
        if self.dma_bytes_per_cycle != 0 or type(self.dma_bytes_per_cycle) is not int:
            self._check_port("dma_bytes_per_cycle", used="dma_bytes_per_cycle")

    def _check_port(self, name, *, used):
        """A port to the scratchpad, which is there if the field ``used`` is not 0."""
        width = getattr(self, name)
        check_power_of_two(f"cluster.{name}", width, 4, 64)
        if not getattr(self, used):
            return
        if not self.scratchpad.size_bytes:
            raise HwConfigError(
                f"cluster.{used} must be 0 without a scratchpad, not {getattr(self, used)!r}"
            )
        if width > 4 * self.scratchpad.banks:
            raise HwConfigError(
                f"cluster.{name} must be at most 4 * scratchpad.banks, "
                f"{4 * self.scratchpad.banks}, not {width!r}"
            )

    @property
    def tiled_harts(self) -> int:
        """Harts with tight tiles: 0 .. tiled_harts - 1."""
        every = self.harts if self.tight_tiles_per_hart else 0
        return every if self.tight_harts is None else self.tight_harts

    def tight_tiles_of(self, hart: int) -> int:
        """Tight tiles of one hart."""
        return self.tight_tiles_per_hart if hart < self.tiled_harts else 0

    def to_dict(self) -> dict:
        """Plain data, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict) -> "ClusterConfig":
        """The inverse of :meth:`to_dict`; refuses unknown fields with HwConfigError."""
        if not isinstance(data, dict):
            raise HwConfigError(f"a machine must be a table of fields, not {data!r}")
        data = dict(data)
        try:
            for name, kind in _PARTS.items():
                if name in data:
                    data[name] = kind(**data[name])
            return cls(**data)
        except TypeError as error:
            raise HwConfigError(f"not a machine: {error}") from None

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that name this configuration.

        Fields that have their default don't count, so a new one renames no machine.
        """
        text = json.dumps(_changed(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
