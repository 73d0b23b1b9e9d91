"""What LiteX leaves to the software of a CPU: the commands that an SDRAM wants first."""

from litedram.init import get_sdram_phy_init_sequence
from litex.gen import LiteXModule
from migen import FSM, If, NextState, NextValue, Signal

__all__ = ["SdramInit", "commands_of"]

_GAP_CYCLES = 16
"""Between two commands at least: longer than a refresh takes, 66 ns, up to 200 MHz."""
_LINES = {"RAS": "ras_n", "CAS": "cas_n", "WE": "we_n", "CS": "cs_n"}


def commands_of(phy_settings, timing_settings) -> list[tuple[int, int, frozenset[str], int]]:
    """LiteDRAM's sequence: address, bank, lines of the bus that are low, cycles to wait then.

    Only for memories that have no mode beyond it, SDR: others train their PHY by software.
    """
    if phy_settings.memtype != "SDR":
        raise ValueError(f"the memory must be SDR, not {phy_settings.memtype}")
    sequence, _ = get_sdram_phy_init_sequence(phy_settings, timing_settings)
    steps = []
    for _, address, bank, flags, delay_cycles in sequence:
        # DFII_COMMAND_<line>; DFII_CONTROL_<..> is no command: clock enable is high here anyway.
        names = [name.removeprefix("DFII_COMMAND_") for name in flags.split("|")]
        low = frozenset(_LINES[name] for name in names if name in _LINES)
        steps.append((address, bank, low, max(delay_cycles, _GAP_CYCLES)))
    return steps


class SdramInit(LiteXModule):
    """Sends the commands of :func:`commands_of` through the external port of a DFIInjector.

    ``done`` rises when the controller has the memory; until then nothing may be asked of it.
    """

    def __init__(self, dfii, phy_settings, timing_settings):
        self.done = Signal()
        steps = commands_of(phy_settings, timing_settings)
        phase = dfii.ext_dfi.phases[0]
        wait = Signal(max=max(cycles for *_, cycles in steps) + 1)
        self.comb += [
            dfii.ext_dfi_sel.eq(~self.done),
            phase.cke.eq((1 << len(phase.cke)) - 1),
            phase.reset_n.eq(1),
        ]
        self.fsm = fsm = FSM(reset_state="SEND0")
        for index, (address, bank, low, cycles) in enumerate(steps):
            following = f"SEND{index + 1}" if index + 1 < len(steps) else "DONE"
            fsm.act(
                f"SEND{index}",
                phase.address.eq(address),
                phase.bank.eq(bank),
                *(getattr(phase, line).eq(0) for line in sorted(low)),
                NextValue(wait, cycles),
                NextState(f"WAIT{index}"),
            )
            fsm.act(
                f"WAIT{index}",
                NextValue(wait, wait - 1),
                If(wait == 0, NextState(following)),
            )
        fsm.act("DONE", self.done.eq(1))
