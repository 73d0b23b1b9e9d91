"""A built image: bytes for the machine, and where everything is."""

import dataclasses

from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY

__all__ = ["GUARD_BYTE", "GUARD_BYTES", "Buffer", "Image"]

GUARD_BYTE = 0xA5
GUARD_BYTES = 64
"""At least this many on either side of each activation buffer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Buffer:
    """An activation in memory: pixel (y, x) at ``addr + (y * width + x) * pitch``."""

    addr: int
    shape: tuple[int, int, int]
    """(height, width, channels)."""
    pitch: int
    span_addr: int
    """From here to ``span_end_addr`` every byte that is not a channel of a pixel is a guard."""
    span_end_addr: int

    @property
    def end_addr(self) -> int:
        """The first address past the last channel of the last pixel."""
        height, width, channels = self.shape
        return self.addr + (height * width - 1) * self.pitch + channels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """Everything the host needs to run it and to read the results.

    A *descriptor* is one entry of the firmware's layer array. There is at least one for each step;
    those that program tiles belong to no step.
    """

    config: ClusterConfig
    data: bytes
    """Loaded at ``layout.IMAGE_ADDR``."""
    memory_end: int
    """First address past everything the run may touch."""
    outputs: tuple[Buffer, ...]
    """Of each step."""
    inputs: dict[str, Buffer]
    step_names: tuple[str, ...]
    layer_names: tuple[str, ...]
    """Of each descriptor."""
    layer_steps: tuple[int | None, ...]
    """The step of each descriptor; None if it programs tiles (never counted as inference)."""
    layer_counters_addr: int
    tile_counters_addr: int
    machine_counters_addr: int
    tile_count: int
    log_addr: int
    log_bytes: int
    activations: tuple[int, int]
    """First address and end of the memory for inputs and outputs (if each has its own, there are
    weights between them)."""

    @property
    def activation_bytes(self) -> int:
        """Peak of the memory for inputs and outputs: up to the last byte that one of them has.

        Guards between them count, that behind the last does not.
        """
        buffers = (*self.outputs, *self.inputs.values())
        return max(buffer.end_addr for buffer in buffers) - self.activations[0]

    @property
    def memory_bytes(self) -> int:
        """Everything from the beginning of main memory, where the firmware is, to the end."""
        return self.memory_end - MAIN_MEMORY.base_addr

    @property
    def layer_count(self) -> int:
        """Descriptors."""
        return len(self.layer_names)

    @property
    def program_layers(self) -> tuple[int, ...]:
        """Indices of the descriptors that program tiles."""
        return tuple(index for index, step in enumerate(self.layer_steps) if step is None)

    def layers_of(self, step: int) -> tuple[int, ...]:
        """Indices of a step's descriptors."""
        return tuple(index for index, owner in enumerate(self.layer_steps) if owner == step)
