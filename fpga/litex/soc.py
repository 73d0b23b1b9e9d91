"""The machine in an SoC of LiteX on a ULX3S: the SDRAM is main memory, the UART the host's."""

from pathlib import Path

from litex_boards.targets.radiona_ulx3s import BaseSoC
from tightrope.hw.config import ClusterConfig

from ..link.make import make_link
from .attach import attach_machine, bus_bits
from .design import FREQUENCY_MHZ
from .machine import ExternalMachine, write_machine

__all__ = ["CLOCK_HZ", "MachineSoC"]

CLOCK_HZ = FREQUENCY_MHZ * 1e6


class MachineSoC(BaseSoC):
    """LiteX's SoC of the board without a CPU; the machine is the only initiator of its bus.

    LiteX's cache of 8 KiB lies between the bus and the SDRAM. The host's program is that of a
    machine with memory on the chip.

    Parameters
    ----------
    config : ClusterConfig
    lanes : int
        See :class:`BoardMachine`.
    device : str
        The FPGA, by LiteX's name.
    folder : Path
        The machine's Verilog is written there.

    Raises
    ------
    HwConfigError
        If ``lanes`` does not suit the tiles, or main memory is larger than the board's.
    """

    def __init__(
        self, config: ClusterConfig, *, lanes: int | None, device: str, folder: Path
    ) -> None:
        super().__init__(
            device=device,
            sys_clk_freq=CLOCK_HZ,
            cpu_type=None,
            bus_data_width=bus_bits(config),
            integrated_sram_size=0,
            with_uart=False,
            with_timer=False,
            with_led_chaser=False,
        )
        attach_machine(self, self.sdrphy, self.platform.request("serial"), config)
        link = make_link(config, lanes=lanes, clock_hz=CLOCK_HZ)
        machine = ExternalMachine(config=config, lanes=lanes, link=link)
        for path in write_machine(machine, config, folder):
            self.platform.add_source(str(path))
