"""``python -m tightrope.fpga.litex``: a machine with the SDRAM of a ULX3S-85F as main memory."""

import argparse
import dataclasses
import sys
from pathlib import Path

from tightrope.hw.config import HwConfigError
from tightrope.sim.cosim.cache import cache_dir

from ..errors import FpgaError
from ..presets import PRESETS, Preset
from .bitstream import build_external
from .design import FREQUENCY_MHZ

MAX_MEMORY_MIB = 32


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1: the placement is too slow; 2: it can't be made."""
    parser = argparse.ArgumentParser(prog="python -m tightrope.fpga.litex", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="small", help="machine by name")
    parser.add_argument("--memory-mib", type=int, default=MAX_MEMORY_MIB, help="of main memory")
    parser.add_argument("--seed", type=int, default=1, help="of the placement")
    parser.add_argument("--out", type=Path, help="folder; build/litex/PRESET if not given")
    given = parser.parse_args(arguments)
    out = given.out or cache_dir() / "litex" / given.preset
    try:
        preset = _with_memory(PRESETS[given.preset], given.memory_mib)
        found = build_external(preset, out.absolute(), seed=given.seed, say=print)
    except (FpgaError, HwConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"The bitstream is {found.bitstream}, its machine {found.machine}.")
    total = found.total
    print(
        f"It takes {total.lut} LUTs, {total.ff} flip-flops, {total.bram} block RAMs and "
        f"{total.dsp} multipliers."
    )
    fmax_mhz = found.timing.fmax_mhz
    print(f"{fmax_mhz:.1f} MHz, limited by {found.timing.limit}; {FREQUENCY_MHZ:g} are needed.")
    return 0 if fmax_mhz >= FREQUENCY_MHZ else 1


def _with_memory(preset: Preset, memory_mib: int) -> Preset:
    memory = dataclasses.replace(preset.config.memory, size_bytes=memory_mib << 20)
    return dataclasses.replace(
        preset, config=dataclasses.replace(preset.config, memory=memory)
    )


if __name__ == "__main__":
    sys.exit(main())
