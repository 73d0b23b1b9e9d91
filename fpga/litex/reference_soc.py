"""LiteX's own SoC of a ULX3S, with its own VexRiscv: what our core's clock is compared with."""

from pathlib import Path

import numpy as np
from litex_boards.targets.radiona_ulx3s import BaseSoC

__all__ = ["CFU", "CPU_VARIANT", "ReferenceSoC"]

CPU_VARIANT = "full+cfu"
"""The core that our harts have."""
CFU = Path(__file__).with_name("cfu.v")

_ROM_SEED = 1


class ReferenceSoC(BaseSoC):
    """The SoC of litex-boards as it comes, but with all of its memory on the chip.

    Wishbone, control and status registers, timer, UART, LEDs: LiteX's defaults. No software is
    compiled: what stands for it in ROM is random, as a ROM of zeros would vanish in synthesis.

    Parameters
    ----------
    device : str
        The FPGA, by LiteX's name.
    frequency_mhz : float
    memory_bytes : int
        Of ROM (a half), RAM for its program (an eighth) and main memory together.
    """

    def __init__(self, *, device: str, frequency_mhz: float, memory_bytes: int) -> None:
        rom_bytes, ram_bytes = memory_bytes // 2, memory_bytes // 8
        words = np.random.default_rng(_ROM_SEED).integers(1 << 32, size=rom_bytes // 4)
        super().__init__(
            device=device,
            sys_clk_freq=frequency_mhz * 1e6,
            ident_version=False,
            cpu_type="vexriscv",
            cpu_variant=CPU_VARIANT,
            cpu_cfu=str(CFU),
            integrated_rom_size=rom_bytes,
            integrated_rom_init=words.tolist(),
            integrated_sram_size=ram_bytes,
            integrated_main_ram_size=memory_bytes - rom_bytes - ram_bytes,
        )
