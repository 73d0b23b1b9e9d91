"""The machine as a board holds it: the cluster in target time, and what the host link needs."""

import functools

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetInserter, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.cluster import Cluster
from tightrope.hw.config import ClusterConfig, check_kind
from tightrope.hw.mem.block_memory import BlockRamArray
from tightrope.hw.mem.host_port import HostMemoryPort
from tightrope.hw.tile.synth.array import SynthesizableArray
from tightrope.hw.tile.synth.weights import check_lanes

from .gate import EcpGate, NoGate

__all__ = ["FAULTS", "RESET_CYCLES", "BoardMachine"]

FAULTS = ("cause", "addr", "pc", "hart")
"""What the trap handler reports: ``fault_<name>``."""

RESET_CYCLES = 8
"""Cycles of the board, with the machine not late, that a reset lasts at least. Two would do."""


class BoardMachine(wiring.Component):
    """A cluster of logic and block RAM, in target time.

    Makes the machine's own clock domain, ``sync``, from the board's, ``board``; all ports are in
    the latter. ``hold`` keeps the machine in reset, at least for RESET_CYCLES; so does the reset of
    ``board``. When reset ends, the machine starts. Its memories keep their contents over reset.

    Parameters
    ----------
    config : ClusterConfig
    lanes : int
        Multipliers of each tile's array, see :func:`check_lanes`. None for a machine without tiles.
    gate : callable
        Makes the gate of the machine's clock; a machine that is never late has none.
    memory : callable
        The body of main memory, see :class:`Cluster`, with a ``host : In(HostMemoryPort())``.

    Members
    -------
    hold : In(1)
    memory : In(HostMemoryPort())
        Ready while the machine is in reset only.
    done, exit_status, cycles, fault_cause, fault_addr, fault_pc, fault_hart : Out
        As of Cluster; 0 in reset.
    late : Out(1)
        The machine's clock waits.

    Raises
    ------
    TypeError
        If ``config`` is not a ClusterConfig.
    HwConfigError
        If ``lanes`` does not suit its tiles.
    """

    def __init__(self, *, config, lanes, gate=EcpGate, memory=BlockRamArray):
        check_kind("config", config, ClusterConfig)
        has_tiles = config.tiled_harts + config.loose_tiles > 0
        if has_tiles:
            check_lanes(config.tile, lanes)
        self._config = config
        self._lanes = lanes
        self._gate = gate if has_tiles or memory is not BlockRamArray else NoGate
        self._memory = memory
        super().__init__(
            {
                "hold": In(1),
                "memory": In(HostMemoryPort()),
                "done": Out(1),
                "exit_status": Out(8),
                "cycles": Out(32),
                **{f"fault_{name}": Out(32) for name in FAULTS},
                "late": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        held = self._add_clock(m)
        storage = self._memory(config=self._config.memory)
        m.submodules.cluster = cluster = Cluster(
            config=self._config,
            array=functools.partial(self._array, held),
            memory=lambda config: storage,
        )
        for name in ("done", "exit_status", "cycles", *(f"fault_{name}" for name in FAULTS)):
            m.d.comb += getattr(self, name).eq(getattr(cluster, name))
        m.d.comb += self.late.eq(cluster.late)
        self._connect_host(m, storage.host, held)
        return m

    def _add_clock(self, m):
        """The domain of the machine; returns whether it is held in reset."""
        m.domains.sync = ClockDomain()
        m.submodules.gate = gate = self._gate()
        # Shifted out once nothing holds the machine, while its clock has edges.
        reset = Signal(RESET_CYCLES, init=(1 << RESET_CYCLES) - 1)
        with m.If(self.hold):
            m.d[BOARD_DOMAIN] += reset.eq((1 << RESET_CYCLES) - 1)
        with m.Elif(~self.late):
            m.d[BOARD_DOMAIN] += reset.eq(reset >> 1)
        m.d.comb += [
            gate.late.eq(self.late),
            ClockSignal("sync").eq(gate.clk),
            ResetSignal("sync").eq(reset[0]),
        ]
        return reset[0]

    def _array(self, held, config, **ports):
        """An array, whose part in the board's time is reset with the machine."""
        array = SynthesizableArray(config, lanes=self._lanes, **ports)
        return ResetInserter({BOARD_DOMAIN: held})(array)

    def _connect_host(self, m, storage, held):
        """The host's port, open once the machine's reset has ended what it did to memory."""
        quiet = Signal()
        m.d[BOARD_DOMAIN] += quiet.eq(held & (quiet | ~self.late))
        is_open = quiet & held
        connect(m, flipped(self.memory), storage)
        m.d.comb += [
            storage.valid.eq(self.memory.valid & is_open),
            self.memory.ready.eq(storage.ready & is_open),
        ]
