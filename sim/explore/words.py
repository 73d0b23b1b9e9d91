"""Numbers as people read them."""

import math

__all__ = ["around", "count", "gain", "percent", "rests_on", "sureness"]


def percent(fraction: float) -> str:
    """``31 %``, with a decimal below ten."""
    value = 100 * fraction
    return f"{value:.1f} %" if abs(value) < 9.95 else f"{value:.0f} %"


def count(number: int, noun: str) -> str:
    """``1 hart``, ``8 harts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def gain(ratio: float) -> str:
    """An energy gain: ``2.10x less energy``, or ``1.25x the energy`` if it is a loss."""
    return f"{ratio:.2f}x less energy" if ratio >= 1 else f"{1 / ratio:.2f}x the energy"


def around(cycles: float, low: float, high: float) -> str:
    """``1,000 (-4.0 .. +5.0 %)``: a prediction and its interval."""
    down, up = (100 * (edge / cycles - 1) for edge in (low, high))
    return f"{cycles:,.0f} ({down:+.1f} .. {up:+.1f} %)"


def rests_on(uncalibrated_ratio: float, extrapolated_ratio: float) -> str:
    """What part of some cycles there is no error of, and of what part the error is a guess."""
    return (
        f"{percent(uncalibrated_ratio)} of them not calibrated, {percent(extrapolated_ratio)} "
        "extrapolated"
    )


def sureness(confidence: float) -> str:
    """``97 %``, rounded down: only what holds in every sample is 100 %."""
    return f"{math.floor(100 * confidence + 1e-9)} %"
