"""The cluster: instances and wires."""

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from .bus.shared_fabric import SharedFabric
from .coupling.loose import LooseTile
from .cpu.bus_port import SHARED_ADDR_WIDTH
from .cpu.hart import Hart, HartState
from .dma.engine import DmaEngine
from .mem import main_memory
from .mem.main_memory import MainMemory
from .mem.scratchpad import word_addr_width
from .mem.scratchpad_system import ScratchpadSystem
from .regs import Event
from .sync.host import HostMailbox
from .sync.unit import SyncUnit
from .tile.array import BehaviouralArray

__all__ = ["Cluster"]


class Cluster(wiring.Component):
    """Harts with tight tiles, loose tiles, memories, DMA engine, sync unit, host mailbox.

    Starts to run when reset ends; ``done`` rises when firmware writes the host's EXIT register.
    Main memory and scratchpad keep their contents over reset, everything else starts anew.

    Parameters
    ----------
    config : ClusterConfig
    array : callable
        The body of the tiles' arrays, see :class:`Tile`.
    memory : callable
        The body of main memory: called in ``elaborate`` with ``config``, a MemoryConfig; returns a
        component with :func:`storage_members`.

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
        A bit per tile: the tight ones hart by hart, 0 where a hart has none, then the loose ones.
    late : Out(1)
        An array or main memory is late, see ArrayInterface: the cluster's clock must have no edge
        at the end of this cycle.
    """

    def __init__(
        self, *, config, array=BehaviouralArray, memory=main_memory.BehaviouralArray
    ):
        self._config = config
        self._array = array
        self._memory = memory
        tile_count = config.harts * config.tight_tiles_per_hart + config.loose_tiles
        members = {"done": Out(1), "exit_status": Out(8), "cycles": Out(32), "late": Out(1)}
        members |= {"tile_busy": Out(max(tile_count, 1))}
        members |= {f"fault_{name}": Out(32) for name in ("cause", "addr", "pc", "hart")}
        members |= {f"hart_state_{hart}": Out(HartState) for hart in range(config.harts)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        has_dma = config.dma_bytes_per_cycle != 0
        storage = self._memory(config=config.memory)
        m.submodules.memory = memory = MainMemory(
            config=config.memory,
            port_count=2 * config.harts + has_dma,
            array=storage,
            writer_count=int(has_dma),
        )
        m.submodules.sync = sync = SyncUnit(hart_count=config.harts)
        m.submodules.shared = shared = SharedFabric(
            hart_count=config.harts, tile_count=config.loose_tiles, addr_width=SHARED_ADDR_WIDTH
        )
        m.submodules.host = host = HostMailbox()
        connect(m, shared.host, host.bus)
        scratchpad = None
        if config.scratchpad.size_bytes:
            m.submodules.scratchpad = scratchpad = ScratchpadSystem(config=config)
            m.d.comb += host.scratchpad_beats.eq(scratchpad.beats)
        loose = self._add_loose(m, shared, scratchpad)
        dma = self._add_dma(m, memory, scratchpad, host) if has_dma else None
        tile_busy = []
        late = [tile.late for tile in loose]
        if "late" in storage.signature.members:
            late.append(storage.late)
        for i in range(config.harts):
            m.submodules[f"hart_{i}"] = hart = Hart(hart=i, config=config, array=self._array)
            connect(m, hart.fetch_memory, memory.ports[2 * i])
            connect(m, hart.data_memory, memory.ports[2 * i + 1])
            connect(m, hart.sync, sync.ports[i])
            connect(m, hart.shared, shared.harts[i])
            if scratchpad is not None:
                connect(m, hart.scratchpad, scratchpad.harts[i])
            if dma is not None:
                connect(m, hart.dma, dma.blocks[i])
                m.d.comb += [
                    hart.dma_busy.eq(dma.busy[i]),
                    hart.dma_done.eq(dma.done[i]),
                    hart.dma_error.eq(dma.errors[i]),
                ]
            m.d.comb += [
                hart.asleep.eq(sync.asleep[i]),
                hart.beats.eq(memory.beats[2 * i : 2 * i + 2]),
                hart.happened.eq(Mux(sync.met[i], Event.BARRIER, 0) | _loose_events(loose, i)),
                getattr(self, f"hart_state_{i}").eq(hart.state),
            ]
            late.append(hart.late)
            if config.tight_tiles_per_hart:
                tile_busy.append(hart.tile_busy)
        m.d.comb += [
            host.memory_beat.eq(memory.beats.any()),
            host.shared_transfer.eq(shared.transfer),
            self.done.eq(host.done),
            self.exit_status.eq(host.exit_status),
            self.cycles.eq(host.cycles),
            self.late.eq(Cat(late).any()),
            self.tile_busy.eq(Cat(tile_busy, (tile.busy for tile in loose))),
        ]
        for name in ("cause", "addr", "pc", "hart"):
            m.d.comb += getattr(self, f"fault_{name}").eq(getattr(host, f"fault_{name}"))
        return m

    def _add_loose(self, m, shared, scratchpad):
        """The loose tiles, on their bus and at the scratchpad if they stream."""
        config = self._config
        words = config.stream_bytes_per_cycle // 4 if config.stream_ports else 0
        tiles = []
        for i in range(config.loose_tiles):
            m.submodules[f"loose_{i}"] = tile = LooseTile(
                config=config.tile,
                array=self._array,
                stream_words=words,
                scratchpad_bytes=config.scratchpad.size_bytes,
            )
            connect(m, shared.tiles[i], tile.bus)
            if words:
                connect(m, tile.memory, scratchpad.tiles[i])
            tiles.append(tile)
        return tiles

    def _add_dma(self, m, memory, scratchpad, host):
        """The DMA engine, the last requester of both memories."""
        config = self._config
        m.submodules.dma = dma = DmaEngine(
            config=config.memory,
            words=config.dma_bytes_per_cycle // 4,
            scratchpad_bytes=config.scratchpad.size_bytes,
            addr_width=word_addr_width(config.scratchpad.size_bytes),
            channel_count=config.harts,
        )
        connect(m, dma.memory_read, memory.ports[2 * config.harts])
        connect(m, dma.memory_write, memory.writers[0])
        connect(m, dma.scratchpad, scratchpad.dma)
        counters = (dma.load_bytes, dma.store_bytes, dma.busy_cycles, dma.wait_cycles)
        for i, counter in enumerate(counters):
            m.d.comb += host.dma_counters[i].eq(counter)
        return dma


def _loose_events(tiles, hart):
    """What loose tiles have to say to a hart."""
    held = [tile.owner == hart for tile in tiles]
    events = {
        Event.STREAM: [tile.ended & own for tile, own in zip(tiles, held, strict=True)],
        Event.TILE: [tile.answered & own for tile, own in zip(tiles, held, strict=True)],
        Event.RELEASE: [tile.released for tile in tiles],
    }
    happened = Const(0)
    for event, pulses in events.items():
        happened |= Mux(Cat(pulses).any(), event, 0)
    return happened
