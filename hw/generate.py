"""Everything that is derived from a configuration: Verilog and the list of sources."""

import functools
from pathlib import Path

from amaranth.back import verilog

from .cluster import Cluster
from .config import ClusterConfig
from .cpu.vexriscv import core_sources
from .mem.main_memory import memory_sources
from .mem.scratchpad import bank_sources
from .tile.array import BehaviouralArray, array_sources
from .tile.synth.array import SynthesizableArray

__all__ = ["generate"]


def generate(config: ClusterConfig, out_dir: Path, *, lanes: int | None = None) -> list[Path]:
    """Write ``cluster.v`` (module ``cluster``) and return every source a simulator needs, in order.

    The text depends on the arguments and the versions of this package and Amaranth alone.

    Parameters
    ----------
    lanes : int
        The arrays are logic, of so many multipliers each. A cluster with tiles then has a second
        clock and reset, ``board_clk`` and ``board_rst``, and ``clk`` must wait while ``late``. Not
        a part of the configuration: what the machine does, and in which of its cycles, is the same.
        None: the arrays are functions that a simulator calls.

    Raises
    ------
    HwConfigError
        If ``lanes`` does not suit the tiles.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / "cluster.v"
    array = BehaviouralArray
    if lanes is not None:
        array = functools.partial(SynthesizableArray, lanes=lanes)
    cluster = Cluster(config=config, array=array)
    text = verilog.convert(cluster, name="cluster", emit_src=False, strip_internal_attrs=True)
    path.write_text(text)
    banks = bank_sources(config.scratchpad)
    arrays = array_sources() if lanes is None else []
    return [path, *core_sources(), *memory_sources(), *banks, *arrays]
