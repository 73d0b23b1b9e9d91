# amaranth: UnusedElaboratable=no
import pytest
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.coupling.cfu import Cfu
from tightrope.hw.coupling.loose import LooseTile
from tightrope.hw.tile.array import ArrayInterface, BehaviouralArray
from tightrope.hw.tile.constants import ColumnConstants
from tightrope.hw.tile.input import InputBuffers
from tightrope.hw.tile.lanes import PostLanes
from tightrope.hw.tile.post import PostStage
from tightrope.hw.tile.reader import ResultReader
from tightrope.hw.tile.status import StatusRegisters
from tightrope.hw.tile.tile import Tile
from tightrope.hw.tile.window import WindowRegisters

COMPONENTS = [
    Tile, LooseTile, ArrayInterface, InputBuffers, ResultReader, StatusRegisters, WindowRegisters,
    ColumnConstants, PostLanes, PostStage,
]  # fmt: skip


@pytest.mark.parametrize("component", COMPONENTS)
def test_refuses_what_is_not_a_tile_config(component):
    with pytest.raises(TypeError, match="^config must be a TileConfig, not None$"):
        component(config=None)


def test_array_refuses_what_is_not_a_tile_config():
    with pytest.raises(TypeError, match="^config must be a TileConfig, not 8$"):
        BehaviouralArray(8)


@pytest.mark.parametrize("tile_count", [-1, 17, 1.0, None, True])
def test_cfu_refuses_a_bad_tile_count(tile_count):
    with pytest.raises(HwConfigError, match="^tile_count must be an integer from 0 to 16, not "):
        Cfu(tile=TileConfig(), tile_count=tile_count)


def test_cfu_refuses_tiles_without_a_config():
    with pytest.raises(TypeError, match="^tile must be a TileConfig, not None$"):
        Cfu(tile=None, tile_count=1)
    Cfu(tile=None, tile_count=0)


def test_interfaces_of_equal_configs_are_equal():
    assert ArrayInterface(config=TileConfig(rows=8)) == ArrayInterface(config=TileConfig(rows=8))
    assert ArrayInterface(config=TileConfig(rows=8)) != ArrayInterface(config=TileConfig(rows=16))
