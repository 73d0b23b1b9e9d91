"""Main memory: one array shared by all ports, with latency and width."""

from pathlib import Path

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..bus.arbiter import RoundRobin
from ..bus.onehot import onehot_mux
from .port import MemoryPort

__all__ = ["BehaviouralArray", "MainMemory", "memory_sources"]


def memory_sources():
    """Verilog and C++ that :class:`BehaviouralArray` needs."""
    here = Path(__file__).parent
    return [here / "main_memory.sv", here / "main_memory.cpp"]


class BehaviouralArray(wiring.Component):
    """The memory array in simulation: a file mapped by the simulator, see ``main_memory.sv``.

    One access per cycle; ``rdata`` is valid in the cycle after ``en``. Contents survive reset.
    """

    def __init__(self, *, config):
        self._config = config
        width = config.bytes_per_cycle
        super().__init__(
            {
                "en": In(1),
                "addr": In(32),
                "we": In(1),
                "wdata_word": In(32),
                "wmask": In(4),
                "word_idx": In(3),
                "rdata": Out(8 * width),
            }
        )

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
            i_wdata_word=self.wdata_word,
            i_wmask=self.wmask,
            i_word_idx=self.word_idx,
            o_rdata=self.rdata,
        )
        return m


class MainMemory(wiring.Component):
    """Arbiter, latency and array of main memory.

    Throughput: one beat of ``bytes_per_cycle`` per cycle; a word read or write is one beat, a line
    LINE_BYTES / bytes_per_cycle beats, during which no other request is granted. Latency: the first
    beat of a read arrives ``latency_cycles`` after its grant. Requests take effect in the order of
    their grants, which are round robin. Back-pressure: ``ready`` of each port. Reset: no request
    outstanding; the contents stay.

    Parameters
    ----------
    config : MemoryConfig
    port_count : int
    array : Component
        The storage, with the ports of :class:`BehaviouralArray`.

    Members
    -------
    ports : In(MemoryPort) * port_count
    beats : Out(port_count)
        In each cycle, the port whose beat occupies the array (one-hot or zero).
    """

    def __init__(self, *, config, port_count, array):
        self._config = config
        self._port_count = port_count
        self._array = array
        self._signature = MemoryPort(width_bytes=config.bytes_per_cycle)
        super().__init__(
            {
                "ports": In(self._signature).array(port_count),
                "beats": Out(port_count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = self._array
        m.submodules.arbiter = arbiter = RoundRobin(count=self._port_count)
        ports = [self.ports[i] for i in range(self._port_count)]
        words = self._config.bytes_per_cycle // 4
        word_bits = ceil_log2(words)
        beat = data.StructLayout(
            {
                "addr": 27 - word_bits, "word_idx": max(word_bits, 1), "we": 1,
                "data": 32, "mask": 4, "port": self._port_count,
            }
        )

        addr = Signal(27)
        grant = Signal(self._port_count)
        # Beats of a granted line that still have to be issued.
        beats_left = Signal(range(self._signature.line_beats + 1))
        issued = Signal(beat)
        current = Signal(beat)
        m.d.comb += [
            arbiter.requests.eq(Cat(port.valid for port in ports) & (beats_left == 0).replicate(
                self._port_count)),
            arbiter.take.eq(1),
            grant.eq(arbiter.grant),
            Cat(port.ready for port in ports).eq(grant),
            addr.eq(onehot_mux(grant, [port.addr for port in ports])),
            issued.addr.eq(addr[word_bits:]),
            issued.word_idx.eq(addr[:word_bits] if word_bits else 0),
            issued.we.eq(onehot_mux(grant, [port.we for port in ports])),
            issued.data.eq(onehot_mux(grant, [port.data for port in ports])),
            issued.mask.eq(onehot_mux(grant, [port.mask for port in ports])),
            issued.port.eq(grant),
        ]
        with m.If(beats_left != 0):
            # The rest of a line: the previous beat's address plus one.
            m.d.comb += issued.eq(current)
            m.d.comb += issued.addr.eq(current.addr + 1)
            m.d.sync += beats_left.eq(beats_left - 1)
        with m.Elif(onehot_mux(grant, [port.line for port in ports])):
            m.d.sync += beats_left.eq(self._signature.line_beats - 1)
        m.d.sync += current.eq(issued)
        m.d.comb += self.beats.eq(issued.port)

        delayed = issued
        for i in range(self._config.latency_cycles - 1):
            stage = Signal(beat, name=f"delay_{i}")
            m.d.sync += stage.eq(delayed)
            delayed = stage
        answering = Signal(self._port_count)
        m.d.comb += [
            array.en.eq(delayed.port.any()),
            array.addr.eq(delayed.addr),
            array.we.eq(delayed.we),
            array.wdata_word.eq(delayed.data),
            array.wmask.eq(delayed.mask),
            array.word_idx.eq(delayed.word_idx),
        ]
        m.d.sync += answering.eq(Mux(delayed.we, 0, delayed.port))
        for i, port in enumerate(ports):
            m.d.comb += [port.rsp_valid.eq(answering[i]), port.rsp_data.eq(array.rdata)]
        return m
