"""A CNN on ALPINE's eight cores, all of them in each layer, as many weights on tiles as one likes.

That is the machine that the exploration paper most likely had: its authors', and their last.
"""

import dataclasses
from collections.abc import Mapping

from tightrope.sim.workload.layers import Layer, LayerOp, Network

from .core import Assumptions, CoreCycles, System, Work
from .inference import run_energy_pj
from .layer_work import layer_work

__all__ = ["SharedRun", "run_shared", "tile_shares"]

CORES = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedRun:
    """One inference."""

    time_ns: float
    energy_pj: float
    mac_coverage: float


def tile_shares(network: Network, coverage: float) -> dict[str, float]:
    """The share of each layer's channels that is on tiles, by name.

    Layers whose weights are used most often come first; the last one gets what is left.
    """
    shares: dict[str, float] = {}
    left = coverage * network.params
    fits = [layer for layer in network.layers if layer.fits_tiles and layer.groups == 1]
    for layer in sorted(fits, key=lambda one: -one.macs / one.params):
        share = min(1.0, left / layer.params)
        if share <= 0:
            break
        shares[layer.name] = share
        left -= share * layer.params
    return shares


def run_shared(
    network: Network, system: System, assumed: Assumptions, shares: Mapping[str, float]
) -> SharedRun:
    """Layer by layer, with one wake-up of all cores for each, and perfect balance within.

    The cores share a convolution's pixels (each has its own copy of what is on tiles) and a dense
    layer's channels.
    """
    interval = 0.0
    works, busy = Work(), CoreCycles(active=0.0, weights=0.0, mvm=0.0)
    for layer in network.layers:
        work = _layer(layer, system, assumed, shares.get(layer.name, 0.0))
        taken = work.cycles(system, assumed)
        memory_ns = CORES * work.dram_bytes / assumed.dram_gb_per_s
        interval += max(taken.total, system.cycles(memory_ns))
        interval += system.cycles(assumed.handover_ns)
        works, busy = works + work, busy + taken
    on_tiles = sum(shares.get(layer.name, 0.0) * layer.macs for layer in network.layers)
    return SharedRun(
        time_ns=interval / system.cycles(1.0),
        energy_pj=run_energy_pj(system, interval, [works] * CORES, [busy] * CORES),
        mac_coverage=on_tiles / network.macs,
    )


def _layer(layer: Layer, system: System, assumed: Assumptions, share: float) -> Work:
    """Of one core."""
    if not layer.has_weights:
        return layer_work(layer, system, assumed, on_tile=False, cores=CORES)
    work = Work()
    for part, on_tile in ((share, True), (1.0 - share, False)):
        if part:
            work += _part(layer, system, assumed, part, on_tile=on_tile)
    return work


def _part(
    layer: Layer, system: System, assumed: Assumptions, part: float, *, on_tile: bool
) -> Work:
    """``part`` of the layer's channels, for one core."""
    fits = layer.params <= system.llc_bytes
    if layer.op is LayerOp.DENSE:
        # All channels' inputs are read by each core, whatever its share.
        work = layer_work(
            layer, system, assumed, on_tile=on_tile, cores=CORES / part, llc_holds_weights=False
        )
    else:
        one = layer_work(
            layer, system, assumed, on_tile=on_tile, cores=1 / part, llc_holds_weights=fits
        )
        work = one.times(1 / CORES)
        if fits and not on_tile:
            work += Work(dram_bytes=part * layer.params / CORES)
    return work
