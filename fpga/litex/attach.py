"""The machine in an SoC of LiteX that has an SDRAM and no CPU."""

from litex.soc.interconnect import wishbone
from migen import ClockSignal, Instance, ResetSignal, Signal
from tightrope.hw.config import ClusterConfig, HwConfigError

from .machine import MODULE
from .sdram_init import SdramInit

__all__ = ["attach_machine", "bus_bits"]


def bus_bits(config: ClusterConfig) -> int:
    """Width of the SoC's bus: main memory's, so that a beat is one transfer."""
    return 8 * config.memory.bytes_per_cycle


def attach_machine(soc, phy, serial, config: ClusterConfig) -> None:
    """Add module MODULE as an initiator of the SoC's bus, which waits until the SDRAM is set up.

    Parameters
    ----------
    soc : SoCCore
        With ``sdram`` and its region ``main_ram``, which becomes main memory.
    phy : Module
        Of the SDRAM.
    serial : Record
        Pins ``rx`` and ``tx``.
    config : ClusterConfig

    Raises
    ------
    HwConfigError
        If main memory is larger than the SDRAM.
    """
    region = soc.bus.regions["main_ram"]
    if config.memory.size_bytes > region.size:
        raise HwConfigError(
            f"memory.size_bytes must be at most the board's {region.size}, "
            f"not {config.memory.size_bytes}"
        )
    soc.sdram_init = SdramInit(
        soc.sdram.dfii, phy.settings, soc.sdram.controller.settings.timing
    )
    bus = wishbone.Interface(data_width=bus_bits(config), address_width=32, addressing="word")
    width = config.memory.bytes_per_cycle
    beat, cyc, stb = Signal(max=config.memory.size_bytes // width), Signal(), Signal()
    soc.specials += Instance(
        MODULE,
        i_board_clk=ClockSignal("sys"),
        i_board_rst=ResetSignal("sys"),
        i_rx=serial.rx,
        o_tx=serial.tx,
        o_bus__adr=beat,
        o_bus__cyc=cyc,
        o_bus__stb=stb,
        o_bus__we=bus.we,
        o_bus__sel=bus.sel,
        o_bus__dat_w=bus.dat_w,
        i_bus__dat_r=bus.dat_r,
        i_bus__ack=bus.ack,
    )
    ready = soc.sdram_init.done
    soc.comb += [
        bus.adr.eq(region.origin // width + beat),
        bus.cyc.eq(cyc & ready),
        bus.stb.eq(stb & ready),
    ]
    soc.bus.add_master(name="machine", master=bus)
