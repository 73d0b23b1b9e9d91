"""Numbers as people read them."""

__all__ = ["count", "gain", "percent"]


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
