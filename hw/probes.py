"""Signals inside of the generated Verilog that a waveform shows beside the cluster's ports."""

from .config import ClusterConfig

__all__ = ["probes"]


def probes(config: ClusterConfig) -> dict[str, tuple[str, ...]]:
    """Hierarchical names below the instance of ``cluster`` by name of the probe, bit 0 first.

    They are as :func:`tightrope.hw.generate.generate` names them. To read them from above leaves
    the Verilog, and the speed of a simulator that doesn't, as they are.

    mvm_start, mvm_busy
        A bit per tile that is there, in the order of the cluster's ``tile_busy``: its array starts
        an MVM in this cycle; it computes one (programming excluded).
    memory_beat
        A bit per port of main memory, as in MainMemory's ``beats``: fetch and data port of each
        hart, then DMA.
    shared_transfer
        A transfer on the shared peripheral bus completes.
    stream_in, stream_out
        A bit per loose tile, if they stream: the input of an MVM of a job goes to the tile, from
        its first bytes to its last; the result of one goes to the scratchpad.
    dma_load, dma_store
        With a DMA engine: a block of that direction has begun and not ended.
    """
    inner = "tile.tile" if config.stream_ports else "tile"
    tiles = [
        f"hart_{hart}.cfu.tile_{tile}"
        for hart in range(config.harts)
        for tile in range(config.tight_tiles_of(hart))
    ]
    tiles += [f"loose_{tile}.{inner}" for tile in range(config.loose_tiles)]
    ports = 2 * config.harts + (2 if config.dma_bytes_per_cycle else 0)
    return _stream_probes(config) | {
        "mvm_start": tuple(f"{tile}.array.bus__start_en" for tile in tiles),
        "mvm_busy": tuple(f"{tile}.computing" for tile in tiles),
        "memory_beat": tuple(f"memory.beats[{port}]" for port in range(ports)),
        "shared_transfer": ("shared.transfer",),
    }


def _stream_probes(config: ClusterConfig) -> dict[str, tuple[str, ...]]:
    """Those of what moves data without a hart."""
    streams = {"stream_in": "feeder.feeding", "stream_out": "drain.draining"}
    moves = {"dma_load": "loading", "dma_store": "storing"}
    found = {}
    if config.stream_ports and config.loose_tiles:
        for name, path in streams.items():
            tiles = range(config.loose_tiles)
            found[name] = tuple(f"loose_{tile}.tile.streamer.{path}" for tile in tiles)
    if config.dma_bytes_per_cycle:
        found |= {name: (f"dma.{path}",) for name, path in moves.items()}
    return found
