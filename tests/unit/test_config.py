import json

import pytest
from tightrope.hw.config import ClusterConfig, HwConfigError, ScratchpadConfig

SCRATCHPAD = ScratchpadConfig(size_bytes=64 << 10, banks=8)
STREAMING = ClusterConfig(
    loose_tiles=3, scratchpad=SCRATCHPAD, stream_ports=2, dma_bytes_per_cycle=8
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size_bytes": 8 << 10}, "size_bytes must be a power of two from 16384 to 524288"),
        ({"size_bytes": 48 << 10}, "size_bytes must be a power of two from 16384 to 524288"),
        ({"size_bytes": False}, "size_bytes must be a power of two from 16384 to 524288"),
        ({"banks": 2}, "banks must be a power of two from 4 to 32"),
        ({"banks": 12}, "banks must be a power of two from 4 to 32"),
        ({"banks": "8"}, "banks must be a power of two from 4 to 32"),
    ],
)
def test_scratchpads_that_can_not_be_built_are_refused(fields, message):
    (value,) = fields.values()
    with pytest.raises(HwConfigError, match=rf"^scratchpad\.{message}, not {value!r}$"):
        ScratchpadConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stream_ports": 17}, "stream_ports must be an integer from 0 to 16, not 17"),
        ({"stream_ports": -1}, "stream_ports must be an integer from 0 to 16, not -1"),
        ({"stream_ports": 4}, "stream_ports must be at most loose_tiles, 3, not 4"),
        (
            {"stream_ports": 1, "scratchpad": ScratchpadConfig()},
            "stream_ports must be 0 without a scratchpad, not 1",
        ),
        (
            {"stream_bytes_per_cycle": 24},
            "stream_bytes_per_cycle must be a power of two from 4 to 64, not 24",
        ),
        (
            {"stream_ports": 1, "stream_bytes_per_cycle": 64},
            r"stream_bytes_per_cycle must be at most 4 \* scratchpad\.banks, 32, not 64",
        ),
        (
            {"dma_bytes_per_cycle": 2},
            "dma_bytes_per_cycle must be a power of two from 4 to 64, not 2",
        ),
        (
            {"dma_bytes_per_cycle": 64},
            r"dma_bytes_per_cycle must be at most 4 \* scratchpad\.banks, 32, not 64",
        ),
        (
            {"dma_bytes_per_cycle": 4, "scratchpad": ScratchpadConfig()},
            "dma_bytes_per_cycle must be 0 without a scratchpad, not 4",
        ),
    ],
)
def test_ports_that_can_not_be_built_are_refused(fields, message):
    with pytest.raises(HwConfigError, match=rf"^cluster\.{message}$"):
        ClusterConfig(**{"loose_tiles": 3, "scratchpad": SCRATCHPAD} | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tight_harts": 0}, "tight_harts must be an integer from 1 to 4, not 0"),
        ({"tight_harts": 5}, "tight_harts must be an integer from 1 to 4, not 5"),
        ({"tight_harts": True}, "tight_harts must be an integer from 1 to 4, not True"),
        (
            {"tight_harts": 2, "tight_tiles_per_hart": 0},
            "tight_harts must be None without tight tiles, not 2",
        ),
    ],
)
def test_harts_with_tiles_that_are_not_there_are_refused(fields, message):
    with pytest.raises(HwConfigError, match=rf"^cluster\.{message}$"):
        ClusterConfig(**{"harts": 4} | fields)


def test_the_first_harts_have_the_tiles():
    some = ClusterConfig(harts=4, tight_tiles_per_hart=3, tight_harts=2)
    assert [some.tight_tiles_of(hart) for hart in range(4)] == [3, 3, 0, 0]
    assert ClusterConfig(harts=4).tiled_harts == 4
    assert ClusterConfig(harts=4, tight_tiles_per_hart=0).tiled_harts == 0


def test_a_scratchpad_is_a_scratchpad_config():
    with pytest.raises(TypeError, match="^cluster.scratchpad must be a ScratchpadConfig, not 5$"):
        ClusterConfig(scratchpad=5)


@pytest.mark.parametrize("config", [ClusterConfig(), ClusterConfig(tight_harts=3), STREAMING])
def test_a_machine_survives_json(config):
    assert ClusterConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_machine_from_before_the_scratchpad_is_the_same_machine():
    old = ClusterConfig().to_dict()
    for name in ("scratchpad", "stream_ports", "stream_bytes_per_cycle", "dma_bytes_per_cycle"):
        del old[name]
    assert ClusterConfig.from_dict(old) == ClusterConfig()
    with pytest.raises(HwConfigError, match="^not a machine: "):
        ClusterConfig.from_dict({"scratchpad": {"size": 4}})


def test_fields_at_their_defaults_do_not_count_in_the_hash():
    assert ClusterConfig(scratchpad=ScratchpadConfig()).hash == ClusterConfig().hash
    others = [
        ClusterConfig(),
        ClusterConfig(tight_harts=3),
        STREAMING,
        ClusterConfig(scratchpad=SCRATCHPAD),
        ClusterConfig(loose_tiles=3, scratchpad=SCRATCHPAD),
    ]
    assert len({config.hash for config in others}) == len(others)
