"""The host link: a machine on a board, in the hands of a host at the other end of a serial line."""

from amaranth.hdl import DomainRenamer, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2
from tightrope.hw.board import BLOCK_RAM, BOARD_DOMAIN
from tightrope.hw.mem.host_port import HostMemoryPort

from .checksum import Checksum
from .mover import Mover, Task
from .protocol import BLOCK_WORDS, STATUS, VERSION, Answer, Command, Identity
from .reply import ReplySender
from .request import RequestReceiver
from .uart import UartReceiver, UartTransmitter, check_divisor

__all__ = ["HostLink"]

_MOVES = {
    Command.WRITE: Task.WRITE, Command.READ: Task.READ, Command.CHECKSUMS: Task.CHECKSUMS
}  # fmt: skip
_BLOCK_SHIFT = exact_log2(BLOCK_WORDS)


def _check_cycles(name, value):
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")


class HostLink(wiring.Component):
    """Obeys requests as :mod:`.protocol` describes them; everything in the board's clock domain.

    One request at a time; what comes before it is answered is lost. Reset: the machine is held.

    Parameters
    ----------
    identity : Identity
    divisor : int
        Cycles of the board per bit of the line.
    silence_cycles : int
        A frame ends if its next byte does not come for so long.
    drain_cycles : int
        The run has ended so many of the machine's cycles after ``done``: stores may be on their
        way.

    Members
    -------
    rx, tx : In(1), Out(1)
        The line; ``rx`` is asynchronous.
    hold : Out(1)
        The machine is to be in reset.
    memory : Out(HostMemoryPort)
        Used only while ``hold``.
    done, exit_status, cycles, fault_hart, fault_cause, fault_addr, fault_pc
        As of Cluster.
    late : In(1)
        The machine's clock has no edge at the end of this cycle.

    Raises
    ------
    TypeError, ValueError
        An argument that can't be.
    """

    def __init__(self, *, identity, divisor, silence_cycles, drain_cycles):
        if not isinstance(identity, Identity):
            raise TypeError(f"identity must be an Identity, not {identity!r}")
        check_divisor(divisor)
        _check_cycles("silence_cycles", silence_cycles)
        _check_cycles("drain_cycles", drain_cycles)
        self._identity = identity
        self._divisor = divisor
        self._silence_cycles = silence_cycles
        self._drain_cycles = drain_cycles
        members = {"rx": In(1, init=1), "tx": Out(1, init=1), "hold": Out(1, init=1)}
        members |= {"memory": Out(HostMemoryPort()), "done": In(1), "exit_status": In(8)}
        members |= {"cycles": In(32), "late": In(1)}
        members |= {f"fault_{name}": In(32) for name in ("cause", "addr", "pc", "hart")}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = RequestReceiver(silence_cycles=self._silence_cycles)
        m.submodules.mover = mover = Mover()
        m.submodules.sender = sender = ReplySender()
        m.submodules.checksum = checksum = Checksum(port_count=3)
        for i, user in enumerate((receiver, mover, sender)):
            connect(m, user.checksum, checksum.ports[i])
        connect(m, mover.memory, flipped(self.memory))
        self._add_line(m, receiver, sender)
        buffered = self._add_buffer(m, receiver, mover, sender)
        request = receiver.request
        m.d.comb += [
            mover.addr.eq(request.first),
            mover.count.eq(request.count),
            sender.number.eq(request.number),
            receiver.taken.eq(sender.done),
        ]
        with m.Switch(request.command):
            for command, task in _MOVES.items():
                with m.Case(command):
                    m.d.comb += mover.task.eq(task)
        self._add_payload(m, request.command, buffered, request.count, sender)
        judged = self._judge(m, request, receiver.bad)
        with m.FSM():
            with m.State("WAIT"):
                m.d.sync += sender.answer.eq(judged)
                with m.If(receiver.present):
                    m.next = "OBEY"
            with m.State("OBEY"):
                m.next = "REPLY"
                with m.If(sender.answer == Answer.OK), m.Switch(request.command):
                    with m.Case(Command.HOLD):
                        m.d.sync += self.hold.eq(1)
                    with m.Case(Command.START):
                        m.d.sync += self.hold.eq(0)
                    with m.Case(*_MOVES), m.If(request.count != 0):
                        m.d.comb += mover.start.eq(1)
                        m.next = "MOVE"
            with m.State("MOVE"), m.If(mover.done):
                m.next = "REPLY"
            with m.State("REPLY"):
                m.d.comb += sender.start.eq(1)
                m.next = "SEND"
            with m.State("SEND"), m.If(sender.done):
                m.next = "WAIT"
        return DomainRenamer(BOARD_DOMAIN)(m)

    def _add_line(self, m, receiver, sender):
        """The serial line at both ends."""
        m.submodules.uart_receiver = incoming = UartReceiver(divisor=self._divisor)
        m.submodules.uart_transmitter = outgoing = UartTransmitter(divisor=self._divisor)
        m.d.comb += [
            incoming.rx.eq(self.rx), receiver.valid.eq(incoming.valid),
            receiver.data.eq(incoming.data), self.tx.eq(outgoing.tx),
            outgoing.valid.eq(sender.valid), outgoing.data.eq(sender.data),
            sender.ready.eq(outgoing.ready),
        ]  # fmt: skip

    def _add_buffer(self, m, receiver, mover, sender):
        """A block for payloads in either direction; returns the word that the sender asks for."""
        m.submodules.buffer = words = memory.Memory(
            shape=32, depth=BLOCK_WORDS, init=[], attrs=BLOCK_RAM
        )
        write, read = words.write_port(), words.read_port()
        with m.If(mover.stores):
            m.d.comb += [write.en.eq(1), write.addr.eq(mover.buffer_idx)]
            m.d.comb += write.data.eq(mover.stored)
        with m.Else():
            m.d.comb += [write.en.eq(receiver.payload_valid), write.addr.eq(receiver.payload_idx)]
            m.d.comb += write.data.eq(receiver.payload)
        m.d.comb += [
            # The mover is idle, and says 0, while the sender is not.
            read.addr.eq(mover.buffer_idx | sender.word_idx),
            mover.buffer_word.eq(read.data),
        ]
        return read.data

    def _judge(self, m, request, bad):
        """What to answer to a request, before anything is done."""
        answer = Signal(Answer)
        memory_words = self._identity.memory_bytes // 4
        words = Mux(
            request.command == Command.CHECKSUMS, request.count << _BLOCK_SHIFT, request.count
        )
        inside = (request.count <= BLOCK_WORDS) & (request.first + words <= memory_words)
        with m.If(bad):
            m.d.comb += answer.eq(Answer.BAD_FRAME)
        with m.Elif(request.version != VERSION):
            m.d.comb += answer.eq(Answer.WRONG_VERSION)
        with m.Else(), m.Switch(request.command):
            with m.Case(*_MOVES):
                with m.If(~self.hold):
                    m.d.comb += answer.eq(Answer.NOT_HELD)
                with m.Elif(~inside):
                    m.d.comb += answer.eq(Answer.BAD_RANGE)
            with m.Case(*(set(Command) - set(_MOVES))):
                m.d.comb += answer.eq(Answer.OK)
            with m.Default():
                m.d.comb += answer.eq(Answer.BAD_COMMAND)
        return answer

    def _add_payload(self, m, command, buffered, count, sender):
        """What a reply carries: how many words, and each of them."""
        status = self._status(m)
        fixed = {
            Command.IDENTIFY: self._identity.words(),
            Command.STATUS: [status[name] for name, _ in STATUS],
        }
        m.d.sync += [sender.count.eq(0), sender.word.eq(buffered)]
        with m.If(sender.answer == Answer.OK), m.Switch(command):
            for known, words in fixed.items():
                with m.Case(known):
                    m.d.sync += sender.count.eq(len(words))
                    with m.Switch(sender.word_idx):
                        for idx, word in enumerate(words):
                            with m.Case(idx):
                                m.d.sync += sender.word.eq(word)
            with m.Case(Command.READ, Command.CHECKSUMS):
                m.d.sync += sender.count.eq(count)

    def _status(self, m):
        """The words of STATUS, by name."""
        left = Signal(range(self._drain_cycles + 1), init=self._drain_cycles)
        with m.If(~self.done | self.hold):
            m.d.sync += left.eq(self._drain_cycles)
        with m.Elif((left != 0) & ~self.late):
            m.d.sync += left.eq(left - 1)
        found = {"held": self.hold, "done": self.done & (left == 0)}
        return found | {name: getattr(self, name) for name, _ in STATUS if name not in found}
