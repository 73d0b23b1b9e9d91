"""How wide a tile's input and output ports are, and the words they carry."""

from amaranth.lib import data
from amaranth.utils import bits_for

from ..config import check_power_of_two

__all__ = ["DEFAULT_PORTS", "PortWidths", "QueueWord"]


class PortWidths:
    """Bytes per cycle into and out of a tile.

    Parameters
    ----------
    port_bytes, port_bytes_out : int
        A power of two from 4 to 64.

    Raises
    ------
    HwConfigError
        If a width is something else.
    """

    def __init__(self, *, port_bytes=8, port_bytes_out=4):
        for name, value in (("port_bytes", port_bytes), ("port_bytes_out", port_bytes_out)):
            check_power_of_two(name, value, 4, 64)
        self._bytes_in = port_bytes
        self._bytes_out = port_bytes_out

    @property
    def bytes_in(self):
        return self._bytes_in

    @property
    def bytes_out(self):
        return self._bytes_out

    @property
    def words_out(self):
        return self._bytes_out // 4

    @property
    def keywords(self):
        """The arguments that make an equal one, without those that are the default anyway."""
        own = {"port_bytes": self._bytes_in, "port_bytes_out": self._bytes_out}
        usual = {"port_bytes": DEFAULT_PORTS.bytes_in, "port_bytes_out": DEFAULT_PORTS.bytes_out}
        return {name: value for name, value in own.items() if value != usual[name]}

    def of_array(self, config):
        """Those of the array behind a tile with these: also as wide as its post-processing."""
        return PortWidths(
            port_bytes=self._bytes_in,
            port_bytes_out=max(self._bytes_out, config.post_lanes * config.output_bytes),
        )

    def __eq__(self, other):
        return isinstance(other, PortWidths) and self.keywords == other.keywords

    def __repr__(self):
        return f"PortWidths(port_bytes={self._bytes_in}, port_bytes_out={self._bytes_out})"


DEFAULT_PORTS = PortWidths()
"""What a tile on a hart's CFU needs: two registers in, one out."""


class QueueWord(data.StructLayout):
    """``count`` (1 to ``port_bytes``) input bytes, the first in the low bits of ``data``."""

    def __init__(self, *, port_bytes=8):
        super().__init__({"data": 8 * port_bytes, "count": bits_for(port_bytes)})
