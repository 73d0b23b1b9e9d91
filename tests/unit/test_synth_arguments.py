# amaranth: UnusedElaboratable=no
import pytest
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.tile.synth.array import SynthesizableArray
from tightrope.hw.tile.synth.converter import Converter
from tightrope.hw.tile.synth.engine import MvmEngine
from tightrope.hw.tile.synth.inputs import InputStore
from tightrope.hw.tile.synth.lanes import MacLanes
from tightrope.hw.tile.synth.sequencer import Sequencer
from tightrope.hw.tile.synth.weights import WeightStore

COMPONENTS = [
    (Converter, {}),
    (InputStore, {"port_bytes": 8}),
    (MacLanes, {"lanes": 4}),
    (MvmEngine, {"lanes": 4, "port_bytes": 8}),
    (Sequencer, {"lanes": 4}),
    (SynthesizableArray, {"lanes": 4}),
    (WeightStore, {"lanes": 4}),
]


@pytest.mark.parametrize(("component", "arguments"), COMPONENTS)
def test_refuses_what_is_not_a_tile_config(component, arguments):
    with pytest.raises(TypeError, match="^config must be a TileConfig, not None$"):
        component(config=None, **arguments)


@pytest.mark.parametrize("lanes", [0, 2, 3, 16, True, "4"])
@pytest.mark.parametrize("component", [SynthesizableArray, Sequencer, WeightStore])
def test_lanes_that_do_not_suit_the_array_are_refused(component, lanes):
    with pytest.raises(HwConfigError, match="^lanes must be a power of two from 4 to 8, not "):
        component(config=TileConfig(rows=8, cols=8), lanes=lanes)


def test_no_array_has_more_than_64_lanes():
    with pytest.raises(HwConfigError, match="^lanes must be a power of two from 4 to 64, not 128$"):
        SynthesizableArray(TileConfig(rows=8, cols=512), lanes=128)
    SynthesizableArray(TileConfig(rows=8, cols=72), lanes=64)


@pytest.mark.parametrize("port_bytes", [0, 2, 12, 128])
def test_ports_that_no_tile_has_are_refused(port_bytes):
    with pytest.raises(HwConfigError, match="^port_bytes must be a power of two from 4 to 64"):
        InputStore(config=TileConfig(), port_bytes=port_bytes)
