"""Everything that is derived from a configuration: Verilog and the list of sources."""

from pathlib import Path

from amaranth.back import verilog

from .cluster import Cluster
from .config import ClusterConfig
from .cpu.vexriscv import core_sources
from .mem.main_memory import memory_sources
from .mem.scratchpad import bank_sources
from .tile.array import array_sources

__all__ = ["generate"]


def generate(config: ClusterConfig, out_dir: Path) -> list[Path]:
    """Write ``cluster.v`` (module ``cluster``) and return every source a simulator needs, in order.

    The text depends on the configuration and the versions of this package and Amaranth alone.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / "cluster.v"
    text = verilog.convert(
        Cluster(config=config), name="cluster", emit_src=False, strip_internal_attrs=True
    )
    path.write_text(text)
    banks = bank_sources() if config.scratchpad.size_bytes else []
    return [path, *core_sources(), *memory_sources(), *banks, *array_sources()]
