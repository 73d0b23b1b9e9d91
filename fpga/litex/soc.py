"""A ULX3S with the machine in an SoC of LiteX: its SDRAM is main memory, its UART the host's line."""

from pathlib import Path

from litex.soc.interconnect import wishbone
from litex_boards.targets.radiona_ulx3s import BaseSoC
from migen import ClockSignal, Instance, ResetSignal, Signal
from tightrope.hw.config import ClusterConfig, HwConfigError

from .machine import MODULE, write_machine
from .sdram_init import SdramInit

__all__ = ["CLOCK_HZ", "DEVICE", "MachineSoC"]

DEVICE = "LFE5U-85F"
CLOCK_HZ = 50e6


class MachineSoC(BaseSoC):
    """LiteX's SoC of the board without a CPU; the machine is the only initiator of its bus.

    The bus is as wide as main memory, and LiteX's cache of 8 KiB lies between it and the SDRAM. The
    host's program is that of a machine with memory on the chip.

    Parameters
    ----------
    config : ClusterConfig
    lanes : int
        See :class:`BoardMachine`.
    folder : Path
        The machine's Verilog is written there.

    Raises
    ------
    HwConfigError
        If main memory is larger than the board's.
    """

    def __init__(self, config: ClusterConfig, *, lanes: int | None, folder: Path) -> None:
        super().__init__(
            device=DEVICE,
            sys_clk_freq=CLOCK_HZ,
            cpu_type=None,
            bus_data_width=8 * config.memory.bytes_per_cycle,
            integrated_sram_size=0,
            with_uart=False,
            with_timer=False,
            with_led_chaser=False,
        )
        self._check_memory(config)
        sdram = self.sdram
        self.sdram_init = SdramInit(
            sdram.dfii, self.sdrphy.settings, sdram.controller.settings.timing
        )
        for path in write_machine(config, folder, lanes=lanes, clock_hz=CLOCK_HZ):
            # Copied: the tools don't see all of the file system.
            self.platform.add_source(str(path), copy=True)
        self._add_machine(config)

    def _check_memory(self, config: ClusterConfig) -> None:
        available = self.bus.regions["main_ram"].size
        if config.memory.size_bytes > available:
            raise HwConfigError(
                f"memory.size_bytes must be at most the board's {available}, "
                f"not {config.memory.size_bytes}"
            )

    def _add_machine(self, config: ClusterConfig) -> None:
        """The machine on the bus, once the memory is ready, and at the serial port."""
        width = config.memory.bytes_per_cycle
        bus = wishbone.Interface(data_width=8 * width, address_width=32, addressing="word")
        base = self.bus.regions["main_ram"].origin // width
        beats = config.memory.size_bytes // width
        offset, cyc, stb = Signal(max=beats), Signal(), Signal()
        serial = self.platform.request("serial")
        self.specials += Instance(
            MODULE,
            i_board_clk=ClockSignal("sys"),
            i_board_rst=ResetSignal("sys"),
            i_rx=serial.rx,
            o_tx=serial.tx,
            o_bus__adr=offset,
            o_bus__cyc=cyc,
            o_bus__stb=stb,
            o_bus__we=bus.we,
            o_bus__sel=bus.sel,
            o_bus__dat_w=bus.dat_w,
            i_bus__dat_r=bus.dat_r,
            i_bus__ack=bus.ack,
        )
        ready = self.sdram_init.done
        self.comb += [
            bus.adr.eq(base + offset),
            bus.cyc.eq(cyc & ready),
            bus.stb.eq(stb & ready),
        ]
        self.bus.add_master(name="machine", master=bus)
