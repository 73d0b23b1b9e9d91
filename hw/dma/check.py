"""What is wrong with a block, as far as its descriptor and the sizes of the memories show it."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus.arbiter import RoundRobin
from ..bus.onehot import onehot_mux
from .block import DmaBlock, DmaError

__all__ = ["BlockCheck"]


class BlockCheck(wiring.Component):
    """Checks the blocks of all channels, one after the other, with one multiplier.

    Latency: ``checked`` comes five cycles after a request's turn, which is round robin.
    Throughput: one block in six cycles. A request stays until it is answered. Reset: idle.

    Parameters
    ----------
    channel_count : int
    memory_bytes, scratchpad_bytes : int
        Sizes, multiples of 4.

    Members
    -------
    requests : In(channel_count)
    blocks : In(DmaBlock) * channel_count
    checked : Out(channel_count)
        One-hot or zero: whose block has been checked, and in ``error`` the result.
    error : Out(DmaError)
    """

    def __init__(self, *, channel_count, memory_bytes, scratchpad_bytes):
        self._channel_count = channel_count
        self._size_words = (memory_bytes // 4, scratchpad_bytes // 4)
        super().__init__(
            {
                "requests": In(channel_count),
                "blocks": In(DmaBlock).array(channel_count),
                "checked": Out(channel_count),
                "error": Out(DmaError),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = arbiter = RoundRobin(count=self._channel_count)
        channel = Signal(self._channel_count)
        block = Signal(DmaBlock)
        in_scratchpad = Signal()
        outside = Signal(2)
        # In words, as wide as wrong numbers may be.
        product = Signal(46)
        end = Signal(48)
        addr = Mux(in_scratchpad, block.scratchpad[2:], block.memory[2:])
        pitch = Mux(in_scratchpad, block.scratchpad_pitch[2:], block.memory_pitch[2:])
        m.d.comb += [
            arbiter.requests.eq(self.requests),
            end.eq(product + addr + block.row_bytes[2:]),
        ]
        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += arbiter.take.eq(1)
                blocks = [self.blocks[i] for i in range(self._channel_count)]
                m.d.sync += [
                    channel.eq(arbiter.grant),
                    block.eq(onehot_mux(arbiter.grant, blocks)),
                    in_scratchpad.eq(0),
                ]
                with m.If(self.requests.any()):
                    m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                m.d.sync += product.eq((block.rows - 1)[:16] * pitch)
                m.next = "COMPARE"
            with m.State("COMPARE"):
                for i, size in enumerate(self._size_words):
                    with m.If(in_scratchpad == i):
                        m.d.sync += outside[i].eq(end > size)
                m.d.sync += in_scratchpad.eq(1)
                m.next = "MULTIPLY"
                with m.If(in_scratchpad):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.checked.eq(channel)
                m.next = "TAKE"
        names = ("memory", "scratchpad", "memory_pitch", "scratchpad_pitch", "row_bytes")
        with m.If((block.row_bytes == 0) | (block.rows == 0)):
            m.d.comb += self.error.eq(DmaError.EMPTY)
        with m.Elif(Cat(block[name][:2] for name in names).any()):
            m.d.comb += self.error.eq(DmaError.ALIGNMENT)
        with m.Elif(outside[0]):
            m.d.comb += self.error.eq(DmaError.MEMORY)
        with m.Elif(outside[1]):
            m.d.comb += self.error.eq(DmaError.SCRATCHPAD)
        return m
