"""A streamer's port to banked memory: several neighbouring words at once."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ..config import HwConfigError, check_power_of_two
from .word_port import WordPort

__all__ = ["WidePort", "WideRequest"]


class WideRequest(wiring.Signature):
    """The initiator's view of a port that moves up to ``words`` neighbouring words.

    The initiator holds the request still until the cycle with ``valid & ready``, in which its last
    words are granted; ``valid`` must not depend on ``ready``. ``rsp_valid`` comes in the following
    cycle, also for a write, and can't be delayed; ``rdata`` and ``error`` are valid with it. A
    request may be withdrawn, by a cycle without ``valid``: some of its words may have been written,
    and no answer comes. Undefined: a request that changes from one cycle to the next before
    ``ready``, and the words of ``rdata`` that were not asked for.

    Parameters
    ----------
    words : int
        1, 2, 4, 8 or 16.
    addr_width : int

    Members
    -------
    addr : word address of the first word, not necessarily aligned
    count : words wanted; more than ``words`` counts as ``words``, 0 is ready at once
    data, mask : words to write and their byte lanes, the first in the low bits
    rdata : words read, the first in the low bits
    error : some word was beyond the memory: it was not written, or read as 0
    """

    def __init__(self, *, words, addr_width):
        self._words = words
        self._addr_width = addr_width
        super().__init__(
            {
                "valid": Out(1),
                "ready": In(1),
                "write": Out(1),
                "addr": Out(addr_width),
                "count": Out(bits_for(words)),
                "data": Out(32 * words),
                "mask": Out(4 * words),
                "rsp_valid": In(1),
                "rdata": In(32 * words),
                "error": In(1),
            }
        )

    @property
    def words(self):
        return self._words

    @property
    def addr_width(self):
        return self._addr_width

    def __eq__(self, other):
        return (
            isinstance(other, WideRequest)
            and self.words == other.words
            and self.addr_width == other.addr_width
        )

    def __repr__(self):
        return f"WideRequest(words={self.words}, addr_width={self.addr_width})"


def _rotate(m, name, values, places):
    """``values``, each moved up by ``places`` positions, the last to the front."""
    for stage, moves in enumerate(places):
        step = 1 << stage
        rotated = []
        for i, value in enumerate(values):
            result = Signal(len(value), name=f"{name}_{stage}_{i}")
            m.d.comb += result.eq(Mux(moves, values[i - step], value))
            rotated.append(result)
        values = rotated
    return values


class WidePort(wiring.Component):
    """Turn a request for neighbouring words into one word on each lane of a crossbar.

    Each word is asked for until it is granted, by itself, and then remembered. Latency: a request
    is ready in the cycle in which its last words are granted, without conflicts its first; the
    answer comes one cycle later. Throughput: without conflicts one request per cycle, back to back.
    Back-pressure: ``ready``; behind a Crossbar of n requesters a request takes n cycles at most.
    Reset: no word granted, no answer outstanding.

    Parameters
    ----------
    words : int
        Of the widest request: 1, 2, 4, 8 or 16.
    addr_width : int
        As in the crossbar.

    Members
    -------
    request : In(WideRequest(words=words, addr_width=addr_width))
    lanes : Out(WordPort(addr_width=addr_width)) * words

    Raises
    ------
    HwConfigError
    """

    def __init__(self, *, words, addr_width):
        check_power_of_two("wide port words", words, 1, 16)
        least = exact_log2(words) + 1
        if not isinstance(addr_width, int) or not least <= addr_width <= 30:
            raise HwConfigError(
                f"wide port addr_width must be an integer from {least} to 30, not {addr_width!r}"
            )
        self._words = words
        super().__init__(
            {
                "request": In(WideRequest(words=words, addr_width=addr_width)),
                "lanes": Out(WordPort(addr_width=addr_width)).array(words),
            }
        )

    def elaborate(self, platform):
        m = Module()
        request = self.request
        lanes = [self.lanes[i] for i in range(self._words)]
        low = request.addr[: exact_log2(self._words)]
        wanted = self._connect_request(m, lanes, low)

        granted = Signal(self._words)
        # Words of the present request that were granted in earlier cycles.
        done = Signal(self._words)
        waiting = Signal()
        m.d.comb += [
            granted.eq(Cat(lane.valid & lane.ready for lane in lanes)),
            request.ready.eq((wanted & ~done & ~Cat(lane.ready for lane in lanes)) == 0),
            waiting.eq(request.valid & ~request.ready),
        ]
        m.d.sync += done.eq(Mux(waiting, done | granted, 0))
        for i, lane in enumerate(lanes):
            m.d.comb += lane.valid.eq(request.valid & wanted[i] & ~done[i])

        answered = Signal(self._words)
        answered_low = Signal.like(low)
        unfinished = Signal()
        failed = Signal()
        m.d.sync += [
            answered.eq(granted),
            answered_low.eq(low),
            unfinished.eq(waiting),
            failed.eq(unfinished & request.error),
            request.rsp_valid.eq(request.valid & request.ready),
        ]
        words = []
        for i, lane in enumerate(lanes):
            word = Signal(32, name=f"word_{i}")
            held = Signal(32, name=f"held_{i}", reset_less=True)
            m.d.comb += word.eq(Mux(answered[i], lane.rdata, held))
            m.d.sync += held.eq(word)
            words.append(word)
        # Lane (low + w) % words holds word w: down by low is up by what is missing to a full turn.
        m.d.comb += [
            request.rdata.eq(Cat(_rotate(m, "from_lane", words[::-1], answered_low)[::-1])),
            request.error.eq(failed | Cat(lane.error for lane in lanes).any()),
        ]
        return m

    def _connect_request(self, m, lanes, low):
        """What each lane is asked for; returns which lanes hold a word that is wanted."""
        request = self.request
        block = request.addr[len(low) :]
        # The last block has no next one. Staying there keeps it beyond the memory.
        following = Signal.like(block)
        m.d.comb += following.eq(block + ~block.all())
        asked = [
            Cat(
                request.count > i,
                request.mask.word_select(i, 4),
                request.data.word_select(i, 32),
            )
            for i in range(self._words)
        ]
        wanted = Signal(self._words)
        for i, word in enumerate(_rotate(m, "to_lane", asked, low)):
            lane = lanes[i]
            m.d.comb += [
                wanted[i].eq(word[0]),
                lane.write.eq(request.write),
                lane.addr.eq(Cat(Const(i, len(low)), Mux(low > i, following, block))),
                lane.mask.eq(word[1:5]),
                lane.data.eq(word[5:]),
            ]
        return wanted
