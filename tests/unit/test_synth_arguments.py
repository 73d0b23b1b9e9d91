# amaranth: UnusedElaboratable=no
import pytest
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.tile.synth.array import SynthesizableArray


@pytest.mark.parametrize("lanes", [0, 2, 3, 16, True, "4"])
def test_lanes_that_do_not_suit_the_array_are_refused(lanes):
    with pytest.raises(HwConfigError, match="^lanes must be a power of two from 4 to 8, not "):
        SynthesizableArray(TileConfig(rows=8, cols=8), lanes=lanes)


def test_refuses_what_is_not_a_tile_config():
    with pytest.raises(TypeError, match="^config must be a TileConfig, not None$"):
        SynthesizableArray(None, lanes=4)
