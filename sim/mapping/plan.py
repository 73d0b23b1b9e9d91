"""A mapping decision for one layer: where its products are computed and who computes what."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import NamedTuple

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer

DIGITAL_BODIES = (Body.DOT4, Body.SCALAR)
TILE_BODIES = (Body.TIGHT, Body.LOOSE, Body.STREAM)
LOOSE_BODIES = (Body.LOOSE, Body.STREAM)
"""Those of the tiles that all harts share."""


class TightSplit(enum.StrEnum):
    """How a layer uses tiles that can't be shared."""

    REPLICATE = "replicate"
    """Every hart holds all weights; harts share the output pixels."""
    CHANNELS = "channels"
    """Each hart holds the weights of its share of output channels, and computes all pixels."""


class Block(NamedTuple):
    """A rectangle of a layer's weight matrix (patch elements x output channels) on a tile."""

    tile: int
    row_begin: int
    row_count: int
    col_begin: int
    col_count: int
    """A multiple of four; columns past the group's channels hold zeros."""
    k_begin: int


class Group(NamedTuple):
    """Output channels computed together: its blocks cover all rows of the weight matrix."""

    channel_begin: int
    channel_count: int
    blocks: tuple[Block, ...]
    reprogram: bool = False
    hart: int = 0
    """Owner of a tight group of ``TightSplit.CHANNELS``."""


class Chunk(NamedTuple):
    """A unit of work: output pixels x channels (digital) or pixels x groups (tile bodies)."""

    pixel_begin: int
    pixel_end: int
    begin: int
    end: int
    body: Body | None = None
    """Not the plan's: what of a layer is not on tiles, is digital."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """Everything the image and the model need to know about how one layer runs."""

    body: Body
    balance: Balance
    chunks: tuple[Chunk, ...]
    hart_first: tuple[int, ...]
    """Hart h takes chunks hart_first[h] .. hart_first[h + 1] - 1; STEAL: and then those that the
    next harts have not begun yet."""
    groups: tuple[Group, ...] = ()
    """Of a tile body. Loose ones: several may have the same channels, on other tiles; then each of
    them computes other pixels."""
    split: TightSplit | None = None
    adc_shift: int = 0

    def body_of(self, chunk: Chunk) -> Body:
        """The kernel that computes one of the chunks."""
        return self.body if chunk.body is None else chunk.body

    def post_processes(self, tile: TileConfig) -> bool:
        """Whether tiles requantise the layer's results by themselves: each is one block's sum."""
        if not tile.post_lanes or not self.groups:
            return False
        return all(len(group.blocks) == 1 and not group.reprogram for group in self.groups)

    def needs_digital_harts(self, machine: ClusterConfig) -> bool:
        """Whether harts without a tight tile compute some chunks of the layer with DOT4."""
        shared = self.body is Body.TIGHT and self.split is not TightSplit.CHANNELS
        return shared and machine.tiled_harts < machine.harts


def held_channels(groups: Sequence[Group] | None) -> int:
    """The first so many channels are on tiles. Copies of a group hold the same channels."""
    return max((group.channel_begin + group.channel_count for group in groups or ()), default=0)


def moved_group(group: Group, channels: int, hart: int) -> Group:
    """The same on the tiles of ``hart``, for channels so many further on."""
    return group._replace(channel_begin=group.channel_begin + channels, hart=hart)


def of_channels(layer: Layer, count: int) -> Layer:
    """The layer with so many output channels, its first ones."""
    return dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], count))
