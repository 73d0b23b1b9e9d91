"""The scratchpad with what is in front of it: ports for harts, streaming tiles and DMA engine."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.crossbar import Crossbar
from ..bus.wide_arbiter import WideArbiter
from ..bus.wide_port import WidePort, WideRequest
from ..bus.word_port import WordPort
from .scratchpad import BehaviouralBank, Scratchpad, word_addr_width

__all__ = ["ScratchpadSystem"]


class ScratchpadSystem(wiring.Component):
    """Banks, crossbar, wide ports, and arbiters where tiles share a wide port.

    Tile t streams through port t % stream_ports. Latency, throughput and back-pressure are those
    of :class:`Crossbar`, :class:`WidePort` and :class:`WideArbiter`. Reset: no access outstanding;
    the contents stay.

    Parameters
    ----------
    config : ClusterConfig
        With a scratchpad.
    bank : callable
        See :class:`Scratchpad`.

    Members
    -------
    harts : In(WordPort) * harts
    tiles : In(WideRequest) * loose_tiles
        None without stream ports.
    dma : In(WideRequest)
        With a DMA engine only.
    beats : Out(range(banks + 1))
        Banks that read or write in this cycle.
    """

    def __init__(self, *, config, bank=BehaviouralBank):
        self._config = config
        self._bank = bank
        self._addr_width = word_addr_width(config.scratchpad.size_bytes)
        self._words = config.stream_bytes_per_cycle // 4
        tile = WideRequest(words=self._words, addr_width=self._addr_width)
        self._tile_count = config.loose_tiles if config.stream_ports else 0
        self._dma_words = config.dma_bytes_per_cycle // 4
        dma = {}
        if self._dma_words:
            dma["dma"] = In(WideRequest(words=self._dma_words, addr_width=self._addr_width))
        super().__init__(
            {
                **dma,
                "harts": In(WordPort(addr_width=self._addr_width)).array(config.harts),
                "tiles": In(tile).array(self._tile_count),
                "beats": Out(range(config.scratchpad.banks + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.banks = scratchpad = Scratchpad(
            size_bytes=config.scratchpad.size_bytes,
            banks=config.scratchpad.banks,
            bank=self._bank,
        )
        m.submodules.crossbar = crossbar = Crossbar(
            lanes=[
                *([1] * config.harts),
                *([self._words] * config.stream_ports),
                *([self._dma_words] if self._dma_words else []),
            ],
            banks=config.scratchpad.banks,
            bank_words=scratchpad.bank_words,
            addr_width=self._addr_width,
        )
        for i in range(config.scratchpad.banks):
            connect(m, crossbar.banks[i], scratchpad.ports[i])
        for i in range(config.harts):
            connect(m, flipped(self.harts[i]), crossbar.requesters[i][0])
        for i in range(config.stream_ports):
            wide = self._add_wide_port(m, f"wide_{i}", crossbar.requesters[config.harts + i])
            self._connect_tiles(m, i, wide)
        if self._dma_words:
            wide = self._add_wide_port(m, "wide_dma", crossbar.requesters[-1])
            connect(m, flipped(self.dma), wide.request)
        m.d.comb += self.beats.eq(sum(bank.en for bank in crossbar.banks))
        return m

    def _add_wide_port(self, m, name, lanes):
        m.submodules[name] = wide = WidePort(words=len(lanes), addr_width=self._addr_width)
        for lane, target in zip(wide.lanes, lanes, strict=True):
            connect(m, lane, target)
        return wide

    def _connect_tiles(self, m, port_idx, wide):
        tiles = range(port_idx, self._tile_count, self._config.stream_ports)
        m.submodules[f"arbiter_{port_idx}"] = arbiter = WideArbiter(
            count=len(tiles), words=self._words, addr_width=self._addr_width
        )
        for port, tile in zip(arbiter.ports, tiles, strict=True):
            connect(m, flipped(self.tiles[tile]), port)
        connect(m, arbiter.request, wide.request)
