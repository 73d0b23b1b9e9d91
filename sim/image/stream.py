"""The fields of a descriptor with which tiles stream."""

from collections.abc import Mapping

from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import SCRATCHPAD
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.stream import stream_geometry

from .errors import ImageError
from .layout import Body
from .steps import Step

__all__ = ["stream_fields"]


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
