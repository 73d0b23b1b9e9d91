"""The fields of a descriptor with which tiles stream."""

from collections.abc import Mapping, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import SCRATCHPAD
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.stream import stream_geometry

from .errors import ImageError
from .layout import Body
from .steps import Step

__all__ = ["share_scratchpad", "stream_fields"]


def stream_fields(
    step: Step, fields: Mapping[str, int], config: ClusterConfig
) -> dict[str, int]:
    """For a step of body STREAM with the pitches of ``fields``; nothing for others."""
    if step.plan.body is not Body.STREAM:
        return {}
    try:
        geometry = stream_geometry(
            step.qlayer.layer,
            config,
            step.plan,
            in_pitch=fields["in_pitch"],
            out_pitch=fields["out_pitch"],
        )
    except MappingError as error:
        raise ImageError(str(error)) from error
    return {
        "post": int(geometry.post),
        "stream_addr": SCRATCHPAD.base_addr,
        "stream_bytes": geometry.stream_bytes,
        "band_pixels": geometry.band_pixels,
    }


def share_scratchpad(descriptors: Sequence[dict[str, int]]) -> bool:
    """Makes every hart's part as large as the largest in any of ``descriptors``, in place.

    For layers that run at the same time, each on another hart: where a part begins depends on the
    size of all. False if none of them streams.
    """
    largest = max((fields.get("stream_bytes", 0) for fields in descriptors), default=0)
    for fields in descriptors:
        if fields.get("stream_bytes"):
            fields["stream_bytes"] = largest
    return largest > 0
