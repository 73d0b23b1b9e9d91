"""The register bus: one 32-bit access at a time, tagged with the hart that makes it."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RegisterBus"]


class RegisterBus(wiring.Signature):
    """The initiator's view of a register access.

    The initiator holds every member still from ``stb`` until the cycle with ``stb & ack``, in which
    the access happens, once, and ``dat_r`` is valid. A target may answer in the same cycle. An
    access that waits for something else (a lock, a result) must not be held on a shared bus.

    Parameters
    ----------
    addr_width : int
        Bits of the byte address (offset in the target's window). The two low bits are the lane of
        a narrow store and are otherwise ignored: see ``sel``.

    Members
    -------
    addr : byte address, always of the aligned word
    sel : byte lanes of a store
    hart : number of the hart that makes the access
    """

    def __init__(self, *, addr_width):
        self._addr_width = addr_width
        super().__init__(
            {
                "stb": Out(1),
                "we": Out(1),
                "addr": Out(addr_width),
                "sel": Out(4),
                "hart": Out(3),
                "dat_w": Out(32),
                "dat_r": In(32),
                "ack": In(1),
            }
        )

    @property
    def addr_width(self):
        return self._addr_width

    def __eq__(self, other):
        return isinstance(other, RegisterBus) and self.addr_width == other.addr_width

    def __repr__(self):
        return f"RegisterBus(addr_width={self.addr_width})"
