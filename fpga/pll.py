"""Dividers of an ECP5's phase-locked loop."""

from dataclasses import dataclass

from .errors import FpgaError

__all__ = ["PllDividers", "find_dividers"]

PHASE_DETECTOR_MHZ = (10.0, 400.0)
VCO_MHZ = (400.0, 800.0)
OUTPUT_MHZ = (3.125, 400.0)
MAX_INPUT_DIVIDER = 128
MAX_FEEDBACK_DIVIDER = 80
MAX_OUTPUT_DIVIDER = 128
"""Limits of an LFE5U: Lattice's FPGA-DS-02012, the table of the sysCLOCK PLL's timing."""

TOLERANCE_RATIO = 0.005
"""A clock that is further away from what was asked for is refused: UARTs bear 2 % in all."""


@dataclass(frozen=True, kw_only=True)
class PllDividers:
    """The loop multiplies the phase detector's clock, f / ``input``, by ``feedback`` * ``loop``."""

    input: int
    feedback: int
    loop: int
    """Divider of CLKOP, which closes the loop."""
    output: int
    """Divider of CLKOS, the clock that is used."""

    def vco_mhz(self, input_mhz: float) -> float:
        return input_mhz / self.input * self.feedback * self.loop

    def output_mhz(self, input_mhz: float) -> float:
        return self.vco_mhz(input_mhz) / self.output


def find_dividers(input_mhz: float, wanted_mhz: float) -> PllDividers:
    """The dividers that come nearest to ``wanted_mhz``; the slowest phase detector breaks ties.

    Raises
    ------
    FpgaError
        If nothing is near enough.
    """
    if not OUTPUT_MHZ[0] <= wanted_mhz <= OUTPUT_MHZ[1]:
        raise FpgaError(
            f"the clock must be {OUTPUT_MHZ[0]} to {OUTPUT_MHZ[1]} MHz, not {wanted_mhz}"
        )
    found = [
        PllDividers(input=divider, feedback=feedback, loop=loop, output=output)
        for divider in range(1, MAX_INPUT_DIVIDER + 1)
        if PHASE_DETECTOR_MHZ[0] <= input_mhz / divider <= PHASE_DETECTOR_MHZ[1]
        for feedback, loop in _loops(input_mhz / divider)
        for output in _outputs(input_mhz / divider * feedback * loop, wanted_mhz)
    ]
    best = min(found, key=lambda one: (abs(one.output_mhz(input_mhz) - wanted_mhz), -one.input))
    reached_mhz = best.output_mhz(input_mhz)
    if abs(reached_mhz / wanted_mhz - 1) > TOLERANCE_RATIO:
        raise FpgaError(
            f"{wanted_mhz} MHz can't be made of the board's {input_mhz} MHz: "
            f"the nearest is {reached_mhz:.3f} MHz"
        )
    return best


def _loops(detector_mhz: float) -> list[tuple[int, int]]:
    """Feedback and loop dividers, for each frequency that the oscillator may have one pair."""
    lowest = -(-VCO_MHZ[0] // detector_mhz)
    highest = VCO_MHZ[1] // detector_mhz
    pairs: list[tuple[int, int]] = []
    for product in range(int(lowest), int(highest) + 1):
        for loop in range(2, MAX_OUTPUT_DIVIDER + 1):
            if product % loop == 0 and product // loop <= MAX_FEEDBACK_DIVIDER:
                pairs.append((product // loop, loop))
                break
    return pairs


def _outputs(vco_mhz: float, wanted_mhz: float) -> list[int]:
    nearest = round(vco_mhz / wanted_mhz)
    return [nearest] if 1 <= nearest <= MAX_OUTPUT_DIVIDER else []
