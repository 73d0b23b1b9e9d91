"""The host link that suits a machine and a line."""

from tightrope.hw.config import ClusterConfig

from .host_link import HostLink
from .protocol import BAUD, Identity

__all__ = ["make_link"]

DRAIN_MARGIN_CYCLES = 64
"""Of target time: from a hart to main memory, with all that may be before it."""
SILENCE_S = 0.02
"""Longer than what a busy computer or a USB hub leaves between two bytes of a frame."""
MAX_BAUD_ERROR_RATIO = 0.015
"""Of what both ends of a line may be off in all, 5 % over ten bits, a part is for the other end."""


def make_link(
    config: ClusterConfig, *, lanes: int | None, clock_hz: float, baud: int = BAUD
) -> HostLink:
    """The link of a board whose clock is ``clock_hz``.

    Raises
    ------
    ValueError
        If that clock can't make ``baud``.
    """
    divisor = round(clock_hz / baud)
    if not divisor or abs(clock_hz / divisor / baud - 1) > MAX_BAUD_ERROR_RATIO:
        raise ValueError(f"a clock of {clock_hz:.0f} Hz can't make {baud} baud")
    return HostLink(
        identity=Identity.of(config, lanes=lanes or 0, clock_hz=round(clock_hz)),
        divisor=divisor,
        silence_cycles=max(round(SILENCE_S * clock_hz), 1),
        drain_cycles=config.memory.latency_cycles + DRAIN_MARGIN_CYCLES,
    )
