"""Main memory: one array shared by all ports, with latency and width."""

from pathlib import Path

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..bus.arbiter import RoundRobin
from ..bus.onehot import onehot_mux
from .port import BeatWritePort, MemoryPort

__all__ = ["BehaviouralArray", "MainMemory", "memory_sources", "storage_members"]


def memory_sources():
    """Verilog and C++ that :class:`BehaviouralArray` needs."""
    here = Path(__file__).parent
    return [here / "main_memory.sv", here / "main_memory.cpp"]


def storage_members(config):
    """Members of a memory array, whatever its body: see :class:`BehaviouralArray`.

    A body whose answer or write may take more of the board's time than a cycle has a ``late :
    Out(1)`` besides. While it is 1, the machine's clock has no edge; so the cycle after ``en`` ends
    when ``rdata`` is there, and the rules of ``late`` are those of ArrayInterface.

    One that answers not in the cycle after ``en`` but some cycles later, always as many, and at
    most ``latency_cycles`` of the memory, says so by an attribute ``read_cycles``.
    """
    width = config.bytes_per_cycle
    return {
        "en": In(1),
        "addr": In(32),
        "we": In(1),
        "wdata": In(8 * width),
        "wmask": In(width),
        "rdata": Out(8 * width),
    }


class BehaviouralArray(wiring.Component):
    """The memory array in simulation: a file mapped by the simulator, see ``main_memory.sv``.

    One access per cycle; ``rdata`` is valid in the cycle after ``en``. Contents survive reset.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__(storage_members(config))

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = Instance(
            "main_memory",
            p_WIDTH_BYTES=self._config.bytes_per_cycle,
            p_SIZE_BYTES=Const(self._config.size_bytes, 64),
            i_clk=ClockSignal(),
            i_en=self.en,
            i_addr=self.addr,
            i_we=self.we,
            i_wdata=self.wdata,
            i_wmask=self.wmask,
            o_rdata=self.rdata,
        )
        return m


class MainMemory(wiring.Component):
    """Arbiter, latency and array of main memory.

    Throughput: one beat of ``bytes_per_cycle`` per cycle; a read of a word and a write are one
    beat, a line LINE_BYTES / bytes_per_cycle beats, during which no other request is
    granted. Latency: the first beat of a read arrives ``latency_cycles`` after its grant. Requests
    take effect in the order of their grants, which are round robin among all ports. Back-pressure:
    ``ready`` of each port, which does not depend on its own ``valid``. Reset: no request
    outstanding; the contents stay.

    Parameters
    ----------
    config : MemoryConfig
    port_count : int
    writer_count : int
    array : Component
        The storage, with the ports of :class:`BehaviouralArray`.

    Members
    -------
    ports : In(MemoryPort) * port_count
    writers : In(BeatWritePort) * writer_count
    beats : Out(port_count + writer_count)
        In each cycle, the port whose beat occupies the array (one-hot or zero), writers last.
    """

    def __init__(self, *, config, port_count, array, writer_count=0):
        self._config = config
        self._port_count = port_count
        self._writer_count = writer_count
        self._array = array
        width = config.bytes_per_cycle
        self._signature = MemoryPort(width_bytes=width)
        self._word_bits = ceil_log2(width // 4)
        self._beat = data.StructLayout(
            {
                "addr": 27 - self._word_bits, "we": 1, "data": 8 * width, "mask": width,
                "port": port_count + writer_count,
            }
        )  # fmt: skip
        super().__init__(
            {
                "ports": In(self._signature).array(port_count),
                "writers": In(BeatWritePort(width_bytes=width)).array(writer_count),
                "beats": Out(port_count + writer_count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = self._array
        issued = self._issue(m)
        m.d.comb += self.beats.eq(issued.port)
        # What the array takes for itself is taken off the delay in front of it.
        read_cycles = getattr(array, "read_cycles", 1)
        delayed = issued
        for i in range(self._config.latency_cycles - read_cycles):
            stage = Signal(self._beat, name=f"delay_{i}")
            m.d.sync += stage.eq(delayed)
            delayed = stage
        m.d.comb += [
            array.en.eq(delayed.port.any()),
            array.addr.eq(delayed.addr),
            array.we.eq(delayed.we),
            array.wdata.eq(delayed.data),
            array.wmask.eq(delayed.mask),
        ]
        asked = Mux(delayed.we, 0, delayed.port)
        for i in range(read_cycles - 1):
            later = Signal(self._port_count, name=f"asked_{i}")
            m.d.sync += later.eq(asked)
            asked = later
        answering = Signal(self._port_count)
        m.d.sync += answering.eq(asked)
        for i in range(self._port_count):
            port = self.ports[i]
            m.d.comb += [port.rsp_valid.eq(answering[i]), port.rsp_data.eq(array.rdata)]
        return m

    def _issue(self, m):
        """Grant requests; returns what occupies the array in this cycle."""
        count = self._port_count
        ports = [self.ports[i] for i in range(count)]
        writers = [self.writers[i] for i in range(self._writer_count)]
        m.submodules.arbiter = arbiter = RoundRobin(count=count + len(writers))
        grant = arbiter.grant
        addr = Signal(27)
        # Beats of a granted line that still have to be issued.
        beats_left = Signal(range(self._signature.line_beats + 1))
        is_free = Signal()
        issued = Signal(self._beat)
        current = Signal(self._beat)
        requests = Cat(port.valid for port in [*ports, *writers])
        m.d.comb += [
            is_free.eq(beats_left == 0),
            arbiter.requests.eq(requests & is_free.replicate(len(requests))),
            arbiter.take.eq(1),
            # Not the grant: that would be behind all that makes a request valid.
            Cat(port.ready for port in [*ports, *writers]).eq(
                arbiter.free & is_free.replicate(len(requests))
            ),
            addr.eq(onehot_mux(grant, [port.addr for port in [*ports, *writers]])),
            issued.addr.eq(addr[self._word_bits :]),
            issued.we.eq(onehot_mux(grant, [*(port.we for port in ports), *(1 for _ in writers)])),
            issued.port.eq(grant),
            issued.data.eq(onehot_mux(grant, [port.data for port in [*ports, *writers]])),
            issued.mask.eq(onehot_mux(grant, [port.mask for port in [*ports, *writers]])),
        ]
        with m.If(beats_left != 0):
            # The rest of a line: the previous beat's address plus one.
            m.d.comb += issued.eq(current)
            m.d.comb += issued.addr.eq(current.addr + 1)
            m.d.sync += beats_left.eq(beats_left - 1)
        with m.Elif(onehot_mux(grant, [port.line for port in ports])):
            m.d.sync += beats_left.eq(self._signature.line_beats - 1)
        m.d.sync += current.eq(issued)
        return issued
