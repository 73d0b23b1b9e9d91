"""The input banks of an array: words of any length at any byte in, one byte after the other out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ...config import TileConfig, check_kind
from ..ports import PortWidths
from .memories import BlockMemory

__all__ = ["InputStore"]


class InputStore(wiring.Component):
    """Two banks of ``rows`` bytes.

    A write takes one cycle, or two if its bytes lie in two words of the memory: ``en`` and the
    write's other signals must stay for a second cycle after one with ``more``. A byte answers one
    cycle after its row. Throughput: one byte read per cycle, whatever is written; a byte that is
    written in the cycle of its read is undefined. Contents survive reset.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    port_bytes : int
        Width of ``data``, a power of two from 4 to 64.

    Members
    -------
    en, bank, index, data, count
        A write, see ``input_*`` of ArrayInterface.
    more : Out(1)
        The write needs another cycle.
    read_bank, read_row : In(1), In(bits_for(rows - 1))
        A position in the window.
    value : Out(8)
        The byte of the position of the cycle before.
    """

    def __init__(self, *, config, port_bytes):
        check_kind("config", config, TileConfig)
        self._config = config
        self._port_bytes = PortWidths(port_bytes=port_bytes).bytes_in
        row = bits_for(config.rows - 1)
        super().__init__(
            {
                "en": In(1),
                "bank": In(1),
                "index": In(row),
                "data": In(8 * port_bytes),
                "count": In(bits_for(port_bytes)),
                "more": Out(1),
                "read_bank": In(1),
                "read_row": In(row),
                "value": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._port_bytes
        byte_bits = exact_log2(width)
        word_bits = bits_for(-(-self._config.rows // width) - 1)
        m.submodules.words = words = BlockMemory(part_bits=8, parts=width, depth=2 << word_bits)

        # The bytes in the next word are written; not reset, as a write that has begun ends.
        second = Signal(reset_less=True)
        offset, word = self.index[:byte_bits], self.index[byte_bits:]
        end = Signal(range(2 * width))  # from the first byte of the word on
        lanes = Signal(2 * width)  # of both words
        m.d.comb += [
            end.eq(offset + self.count),
            self.more.eq(self.en & (end > width) & ~second),
            lanes.eq(((1 << self.count) - 1) << offset),
            words.write_addr[:-1].eq(word + second),
            words.write_addr[-1].eq(self.bank),
            words.write_data.as_value().eq(_rotated(m, self.data, offset)),
            words.write_en.eq(Mux(self.en, Mux(second, lanes[width:], lanes[:width]), 0)),
        ]
        m.d.sync += second.eq(self.more)

        position = Signal(byte_bits, reset_less=True)
        m.d.sync += position.eq(self.read_row)
        m.d.comb += [
            words.read_addr[:-1].eq(self.read_row[byte_bits:]),
            words.read_addr[-1].eq(self.read_bank),
            self.value.eq(words.read_data[position]),
        ]
        return m


def _rotated(m, value, offset):
    """``value`` rotated to the left by ``offset`` bytes."""
    for i, bit in enumerate(offset):
        rotated = Signal.like(value, name=f"rotated_{i}")
        m.d.comb += rotated.eq(Mux(bit, value.rotate_left(8 << i), value))
        value = rotated
    return value
