# amaranth: UnusedElaboratable=no
import pytest
from tightrope.hw.config import HwConfigError, MemoryConfig
from tightrope.hw.dma.engine import DmaEngine

GOOD = {
    "config": MemoryConfig(), "words": 4, "scratchpad_bytes": 4096, "addr_width": 12,
    "channel_count": 8,
}  # fmt: skip
WORDS = "words must be 1, 2, 4, 8 or 16"
SIZE = "scratchpad_bytes must be a multiple of 4 up to 16384"
COUNT = "channel_count must be an integer from 1 to 8"


@pytest.mark.parametrize(
    "name, value, rule",
    [
        *(("words", value, WORDS) for value in (0, 3, 32, True, None)),
        *(("scratchpad_bytes", value, SIZE) for value in (0, 4098, 16388, 4096.0, None)),
        *(("channel_count", value, COUNT) for value in (0, 9, True, 2.0)),
    ],
)
def test_engines_that_cannot_be_built_are_refused(name, value, rule):
    with pytest.raises(HwConfigError, match=f"^dma {rule}, not {value!r}$"):
        DmaEngine(**GOOD | {name: value})


def test_refuses_what_is_not_a_memory_config():
    with pytest.raises(TypeError, match="^config must be a MemoryConfig, not None$"):
        DmaEngine(**GOOD | {"config": None})
