"""The machine with its host link as a block of an SoC: a bus to memory, two pins, a clock."""

from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from tightrope.hw.cpu.vexriscv import core_sources
from tightrope.hw.mem.scratchpad import bank_sources

from ..gate import EcpGate
from ..machine import BoardMachine
from ..top import Top
from .wishbone_memory import BeatBus, WishboneArray

__all__ = ["MODULE", "ExternalMachine", "write_machine"]

MODULE = "tightrope_machine"


class ExternalMachine(wiring.Component):
    """Machine and host link, in the domain ``board``, with main memory behind a bus.

    Parameters
    ----------
    config : ClusterConfig
    lanes : int
        See :class:`BoardMachine`.
    link : HostLink
    gate : callable
        See :class:`BoardMachine`.

    Members
    -------
    rx : In(1)
    tx : Out(1)
        The host's line.
    bus : Out(BeatBus(config.memory))

    Raises
    ------
    HwConfigError
        If ``lanes`` does not suit the tiles.
    """

    def __init__(self, *, config, lanes, link, gate=EcpGate):
        self._storage = storage = WishboneArray(config=config.memory)
        machine = BoardMachine(
            config=config, lanes=lanes, gate=gate, memory=lambda config: storage
        )
        self._top = Top(machine=machine, link=link)
        super().__init__(
            {"rx": In(1, init=1), "tx": Out(1, init=1), "bus": Out(BeatBus(config=config.memory))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.top = top = self._top
        m.d.comb += [top.rx.eq(self.rx), self.tx.eq(top.tx)]
        connect(m, self._storage.bus, flipped(self.bus))
        return m


def write_machine(machine: ExternalMachine, config, folder: Path) -> list[Path]:
    """Write the Verilog of module MODULE; returns it and the sources that it instantiates."""
    path = folder / f"{MODULE}.v"
    path.write_text(verilog.convert(machine, name=MODULE, emit_src=False))
    return [path, *core_sources(), *bank_sources(config.scratchpad)]
