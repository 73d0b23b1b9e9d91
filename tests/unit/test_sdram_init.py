"""What an SDRAM is told before it is used, in Migen's simulator."""

import pytest
from litedram.dfii import DFIInjector
from litedram.phy.model import get_sdram_phy_settings
from migen import Module, run_simulation
from tightrope.fpga.litex.sdram_init import SdramInit, commands_of

CLOCK_HZ = 50e6
POWER_UP_S = 200e-6
"""Before the first command (JEDEC 21-C, 3.11.5); the next two of a device's data sheet, at most."""
REFRESH_S = 66e-9
MODE_CYCLES = 2
ALL_BANKS = 1 << 10
PRECHARGE, REFRESH, MODE = "ras we", "ras cas", "ras cas we"


def settings(memtype="SDR"):
    return get_sdram_phy_settings(memtype, data_width=16, clk_freq=CLOCK_HZ)


def run_to_end(limit_cycles):
    """Cycle, lines, address of each command that the memory is sent; the cycle of ``done``."""
    top = Module()
    top.submodules.dfii = dfii = DFIInjector(13, 2, 1, 16)
    top.submodules.init = init = SdramInit(dfii, settings(), None)
    commands, ended = [], []

    def watch():
        phase = dfii.master.phases[0]
        for cycle in range(limit_cycles):
            yield
            if (yield init.done):
                ended.append(cycle)
                assert not (yield dfii.ext_dfi_sel)
                return
            assert (yield phase.cke) == 1
            if not (yield phase.cs_n):
                low = {}
                for name in ("ras", "cas", "we"):
                    low[name] = not (yield getattr(phase, f"{name}_n"))
                kind = " ".join(name for name, is_low in low.items() if is_low)
                commands.append((cycle, kind, (yield phase.address)))

    run_simulation(top, watch())
    assert ended, f"not done after {limit_cycles} cycles"
    return commands, ended[0]


def test_memory_is_told_what_its_data_sheet_wants():
    commands, end = run_to_end(25_000)
    cycles = [cycle for cycle, _, _ in commands] + [end]
    kinds = [kind for _, kind, _ in commands]
    assert cycles[0] >= POWER_UP_S * CLOCK_HZ
    assert kinds == [PRECHARGE, MODE, PRECHARGE, REFRESH, REFRESH, MODE]
    for (cycle, kind, address), after in zip(commands, cycles[1:], strict=True):
        least = REFRESH_S * CLOCK_HZ if kind == REFRESH else MODE_CYCLES
        assert after - cycle >= least
        if kind == PRECHARGE:
            assert address == ALL_BANKS
    # One word for each access, sequential, as late as the controller takes it.
    assert commands[-1][2] == settings().cl << 4


def test_memory_that_software_must_train_is_refused():
    with pytest.raises(ValueError, match="^the memory must be SDR, not DDR3$"):
        commands_of(settings("DDR3"), None)
