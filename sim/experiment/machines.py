"""Machines that layers and networks run on where nobody says otherwise."""

import dataclasses

from tightrope.hw.config import ClusterConfig, ScratchpadConfig

from .case import NOMINAL_LOOSE_TILES

__all__ = ["nominal_machine", "streaming_machine"]

STREAM_SCRATCHPAD = ScratchpadConfig(size_bytes=256 << 10, banks=16)
STREAM_PORTS = 4
STREAM_BYTES_PER_CYCLE = 64
STREAM_POST_LANES = 8


def nominal_machine(base: ClusterConfig) -> ClusterConfig:
    """``base`` with tiles of both kinds, so that one simulator serves both couplings."""
    return dataclasses.replace(base, tight_tiles_per_hart=1, loose_tiles=NOMINAL_LOOSE_TILES)


def streaming_machine(machine: ClusterConfig) -> ClusterConfig:
    """The machine with loose tiles that stream and requantise, and a DMA engine as wide."""
    return dataclasses.replace(
        machine,
        tile=dataclasses.replace(machine.tile, post_lanes=STREAM_POST_LANES),
        scratchpad=STREAM_SCRATCHPAD,
        stream_ports=min(STREAM_PORTS, machine.loose_tiles),
        stream_bytes_per_cycle=STREAM_BYTES_PER_CYCLE,
        dma_bytes_per_cycle=STREAM_BYTES_PER_CYCLE,
    )
