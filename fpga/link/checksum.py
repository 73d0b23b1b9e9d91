"""The one CRC-32 unit of the link, and how its users share it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

__all__ = ["Checksum", "ChecksumPort"]


class ChecksumPort(wiring.Signature):
    """A user's view of the unit, of whom one uses it at a time; the others keep all outputs 0.

    Members
    -------
    start : begin anew; with ``valid``, with this byte as the first one
    valid, data : take a byte, one per cycle
    value : the CRC-32 of the bytes so far, from the cycle after the last one on
    good : they end with the CRC-32 of those before it
    """

    def __init__(self):
        super().__init__(
            {"start": Out(1), "valid": Out(1), "data": Out(8), "value": In(32), "good": In(1)}
        )

    def __eq__(self, other):
        return isinstance(other, ChecksumPort)

    def __repr__(self):
        return "ChecksumPort()"


class Checksum(wiring.Component):
    """A CRC-32 as zlib's, a byte per cycle, for several users in turn.

    Parameters
    ----------
    port_count : int

    Members
    -------
    ports : In(ChecksumPort) * port_count
    """

    def __init__(self, *, port_count):
        self._port_count = port_count
        super().__init__({"ports": In(ChecksumPort()).array(port_count)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        ports = [self.ports[i] for i in range(self._port_count)]
        for name in ("start", "valid", "data"):
            every = 0
            for port in ports:
                every |= getattr(port, name)
            m.d.comb += getattr(crc, name).eq(every)
        for port in ports:
            m.d.comb += [port.value.eq(crc.crc), port.good.eq(crc.match_detected)]
        return m
