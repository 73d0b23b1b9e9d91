"""The same SoC with LiteDRAM's model of an SDRAM, for the simulator of a board."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

from litedram.modules import MT48LC16M16
from litedram.phy.model import SDRAMPHYModel, get_sdram_phy_settings
from litex.build.generic_platform import GenericPlatform, Pins
from litex.build.io import CRG
from litex.soc.integration.soc_core import SoCCore
from tightrope.hw.config import ClusterConfig

from ..gate import SimulationGate
from ..presets import Preset
from ..simulated.build import TOP, simulated_link
from .attach import attach_machine, bus_bits
from .machine import ExternalMachine, write_machine
from .soc import CLOCK_HZ

__all__ = ["SimulatedSoC", "generate_simulated"]

_PINS = [(name, 0, Pins(1)) for name in ("board_clk", "board_rst", "rx", "tx")]


class SimulatedSoC(SoCCore):
    """As MachineSoC, but for clock and pins, and for the SDRAM and what drives its pins."""

    def __init__(self, config: ClusterConfig) -> None:
        platform = GenericPlatform("simulation", _PINS)
        super().__init__(
            platform,
            CLOCK_HZ,
            cpu_type=None,
            bus_data_width=bus_bits(config),
            integrated_sram_size=0,
            with_uart=False,
            with_timer=False,
        )
        self.crg = CRG(platform.request("board_clk"), platform.request("board_rst"))
        module = MT48LC16M16(CLOCK_HZ, "1:1")
        settings = get_sdram_phy_settings("SDR", data_width=16, clk_freq=CLOCK_HZ)
        self.sdrphy = SDRAMPHYModel(module, settings, CLOCK_HZ)
        self.add_sdram("sdram", phy=self.sdrphy, module=module, l2_cache_size=8192)
        serial = SimpleNamespace(rx=platform.request("rx"), tx=platform.request("tx"))
        attach_machine(self, self.sdrphy, serial, config)


def generate_simulated(preset: Preset, folder: Path) -> list[Path]:
    """Write the Verilog of the whole; returns all sources. For ``build_board``."""
    soc = SimulatedSoC(preset.config)
    soc.finalize()
    fragment = soc.get_fragment()
    soc.platform.finalize(fragment)
    # What memories begin with goes where the program is.
    with contextlib.chdir(folder):
        soc.platform.get_verilog(fragment, name=TOP).write(f"{TOP}.v")
    machine = ExternalMachine(
        config=preset.config,
        lanes=preset.lanes,
        link=simulated_link(preset),
        gate=SimulationGate,
    )
    return [folder / f"{TOP}.v", *write_machine(machine, preset.config, folder)]
