"""From the bytes of the line to a request that can be believed."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .checksum import ChecksumPort
from .protocol import BLOCK_WORDS, CHECK_BYTES, HEADER_BYTES, REQUEST_MARK, Command

__all__ = ["COUNT_BITS", "REQUEST", "RequestReceiver"]

COUNT_BITS = BLOCK_WORDS.bit_length()
_INDEX_BITS = (BLOCK_WORDS - 1).bit_length()

REQUEST = data.StructLayout(
    {"mark": 8, "command": 8, "number": 8, "version": 8, "first": 32, "count": 32}
)
"""The beginning of a frame, in the order of its bytes."""


class RequestReceiver(wiring.Component):
    """Finds a request among the bytes of the line, stores its payload, and checks it.

    Bytes before REQUEST_MARK are skipped. A request that stays incomplete for ``silence_cycles``
    after its last byte, whose payload is larger than a block, or whose CRC-32 is wrong, is *bad*;
    of its fields and payload nothing may be used. While a request is presented, bytes are dropped.

    Parameters
    ----------
    silence_cycles : int

    Members
    -------
    valid, data : In(1), In(8)
        A byte of the line.
    present : Out(1)
        There is a request, whole or bad, until ``taken``.
    bad : Out(1)
    request : Out(REQUEST)
    taken : In(1)
        The request has been dealt with; look for the next.
    payload_valid, payload_idx, payload : Out(1), Out, Out(32)
        A word of the payload, before the request is presented.
    checksum : Out(ChecksumPort)
    """

    def __init__(self, *, silence_cycles):
        self._silence_cycles = silence_cycles
        super().__init__(
            {
                "valid": In(1),
                "data": In(8),
                "present": Out(1),
                "bad": Out(1),
                "request": Out(REQUEST),
                "taken": In(1),
                "payload_valid": Out(1),
                "payload_idx": Out(_INDEX_BITS),
                "payload": Out(32),
                "checksum": Out(ChecksumPort()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        request = self.request
        byte_idx = Signal(range(HEADER_BYTES))
        word_idx = Signal(COUNT_BITS)
        collects = Signal()
        silent = self._add_silence(m)
        m.d.comb += [
            self.checksum.valid.eq(self.valid & collects),
            self.checksum.data.eq(Mux(self.checksum.valid, self.data, 0)),
        ]
        m.d.sync += self.payload_valid.eq(0)

        def collect(last, state):
            """Bytes of the frame; after ``last`` of them the next state."""
            m.d.comb += collects.eq(1)
            with m.If(self.valid):
                m.d.sync += byte_idx.eq(byte_idx + 1)
                with m.If(byte_idx == last - 1):
                    m.d.sync += byte_idx.eq(0)
                    m.next = state
            with m.Elif(silent):
                m.d.sync += self.bad.eq(1)
                m.next = "PRESENT"

        with m.FSM():
            with m.State("SEARCH"):
                m.d.comb += [collects.eq(1), self.checksum.start.eq(self.valid)]
                m.d.sync += [byte_idx.eq(1), word_idx.eq(0), self.bad.eq(0)]
                self._shift(m, request)
                with m.If(self.valid & (self.data == REQUEST_MARK)):
                    m.next = "HEADER"
            with m.State("HEADER"):
                self._shift(m, request)
                collect(HEADER_BYTES, "SORT")
            with m.State("SORT"):
                # A byte of the line takes many cycles: none comes in this one.
                m.next = "CHECK"
                with m.If((request.command == Command.WRITE) & (request.count != 0)):
                    m.next = "PAYLOAD"
                    with m.If(request.count > BLOCK_WORDS):
                        m.d.sync += self.bad.eq(1)
                        m.next = "PRESENT"
            with m.State("PAYLOAD"):
                self._shift(m, self.payload)
                collect(4, "STORE")
            with m.State("STORE"):
                m.d.sync += [
                    self.payload_valid.eq(1), self.payload_idx.eq(word_idx),
                    word_idx.eq(word_idx + 1),
                ]  # fmt: skip
                m.next = "PAYLOAD"
                with m.If(word_idx + 1 == request.count[:COUNT_BITS]):
                    m.next = "CHECK"
            with m.State("CHECK"):
                collect(CHECK_BYTES, "JUDGE")
            with m.State("JUDGE"):
                m.d.sync += self.bad.eq(~self.checksum.good)
                m.next = "PRESENT"
            with m.State("PRESENT"):
                m.d.comb += self.present.eq(1)
                with m.If(self.taken):
                    m.next = "SEARCH"
        return m

    def _shift(self, m, register):
        """A byte of the line into the top of ``register``."""
        with m.If(self.valid):
            m.d.sync += register.eq(Cat(Value.cast(register)[8:], self.data))

    def _add_silence(self, m):
        """1 while the last byte is ``silence_cycles`` ago."""
        left = Signal(range(self._silence_cycles + 1), init=self._silence_cycles)
        with m.If(self.valid):
            m.d.sync += left.eq(self._silence_cycles)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return left == 0
