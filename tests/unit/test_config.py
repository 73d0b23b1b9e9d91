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


def test_a_scratchpad_is_a_scratchpad_config():
    with pytest.raises(TypeError, match="^cluster.scratchpad must be a ScratchpadConfig, not 5$"):
        ClusterConfig(scratchpad=5)


@pytest.mark.parametrize("config", [ClusterConfig(), STREAMING])
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
        STREAMING,
        ClusterConfig(scratchpad=SCRATCHPAD),
        ClusterConfig(loose_tiles=3, scratchpad=SCRATCHPAD),
    ]
    assert len({config.hash for config in others}) == len(others)
