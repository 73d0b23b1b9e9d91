"""The cluster: instances and wires."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from .bus.shared_fabric import SharedFabric
from .coupling.loose import LooseTile
from .cpu.bus_port import SHARED_ADDR_WIDTH
from .cpu.hart import Hart, HartState
from .mem.main_memory import BehaviouralArray, MainMemory
from .sync.host import HostMailbox
from .sync.unit import SyncUnit

__all__ = ["Cluster"]


class Cluster(wiring.Component):
    """Harts with tight tiles, loose tiles, main memory, sync unit, host mailbox.

    Starts to run when reset ends; ``done`` rises when firmware writes the host's EXIT register.
    Main memory keeps its contents over reset, everything else starts anew.

    Parameters
    ----------
    config : ClusterConfig

    Members
    -------
    done : Out(1)
    exit_status : Out(8)
    cycles : Out(32)
        Cycles from reset to ``done``.
    fault_cause, fault_addr, fault_pc, fault_hart : Out(32)
        What the trap handler reported, if it did.
    hart_state_<h> : Out(HartState)
    tile_busy : Out
        A bit per tile: the tight ones hart by hart, then the loose ones.
    """

    def __init__(self, *, config):
        self._config = config
        tile_count = config.harts * config.tight_tiles_per_hart + config.loose_tiles
        members = {"done": Out(1), "exit_status": Out(8), "cycles": Out(32)}
        members |= {"tile_busy": Out(max(tile_count, 1))}
        members |= {f"fault_{name}": Out(32) for name in ("cause", "addr", "pc", "hart")}
        members |= {f"hart_state_{hart}": Out(HartState) for hart in range(config.harts)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.memory = memory = MainMemory(
            config=config.memory,
            port_count=2 * config.harts,
            array=BehaviouralArray(config=config.memory),
        )
        m.submodules.sync = sync = SyncUnit(hart_count=config.harts)
        m.submodules.shared = shared = SharedFabric(
            hart_count=config.harts, tile_count=config.loose_tiles, addr_width=SHARED_ADDR_WIDTH
        )
        m.submodules.host = host = HostMailbox()
        connect(m, shared.host, host.bus)
        tile_busy = []
        for i in range(config.harts):
            m.submodules[f"hart_{i}"] = hart = Hart(hart=i, config=config)
            connect(m, hart.fetch_memory, memory.ports[2 * i])
            connect(m, hart.data_memory, memory.ports[2 * i + 1])
            connect(m, hart.sync, sync.ports[i])
            connect(m, hart.shared, shared.harts[i])
            m.d.comb += [
                hart.asleep.eq(sync.asleep[i]),
                hart.beats.eq(memory.beats[2 * i : 2 * i + 2]),
                getattr(self, f"hart_state_{i}").eq(hart.state),
            ]
            if config.tight_tiles_per_hart:
                tile_busy.append(hart.tile_busy)
        for i in range(config.loose_tiles):
            m.submodules[f"loose_{i}"] = loose = LooseTile(config=config.tile)
            connect(m, shared.tiles[i], loose.bus)
            tile_busy.append(loose.busy)
        m.d.comb += [
            host.memory_beat.eq(memory.beats.any()),
            host.shared_transfer.eq(shared.transfer),
            self.done.eq(host.done),
            self.exit_status.eq(host.exit_status),
            self.cycles.eq(host.cycles),
            self.tile_busy.eq(Cat(tile_busy)),
        ]
        for name in ("cause", "addr", "pc", "hart"):
            m.d.comb += getattr(self, f"fault_{name}").eq(getattr(host, f"fault_{name}"))
        return m
