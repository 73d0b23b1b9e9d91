"""Pipelines whose layers stream: harts' parts of the scratchpad, and what goes wrong in one."""

import dataclasses
import struct

import numpy as np
import pytest
from host_firmware import run_image
from stream_layers import STREAM_MACHINE, plan_stream, pointwise
from stream_pipelines import FIRST, SECOND, pipeline_image
from tightrope.hw.config import ScratchpadConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.image.layout import (
    HEADER,
    IMAGE_ADDR,
    LAYER,
    Balance,
    Body,
    ExitStatus,
    Op,
    size_bytes,
)
from tightrope.sim.image.results import check_guards, check_outputs, read_log
from tightrope.sim.image.seal import read_header
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.pipeline import single_hart_plan
from tightrope.sim.workload.layers import Network

NAMES = [name for name, _ in LAYER]


def descriptors(image, addr, count):
    words = np.frombuffer(image.data, "<u4", count * len(NAMES), addr - IMAGE_ADDR)
    return [dict(zip(NAMES, row, strict=True)) for row in words.reshape(count, -1).tolist()]


def pipeline_of(image):
    """Its descriptor, and those of its stages."""
    header = read_header(image.data)
    whole = descriptors(image, header["layers_addr"], header["layer_count"])[-1]
    assert whole["op"] == Op.PIPELINE
    return whole, descriptors(image, whole["stage_layers_addr"], 2 * whole["pipeline_inputs"])


@pytest.mark.parametrize("seed", range(4))
def test_stages_that_stream_match_golden(seed):
    image, expected = pipeline_image(seed)
    status, message, memory = run_image(image, STREAM_MACHINE, seed)
    assert status == ExitStatus.OK, message
    assert not check_outputs(image, memory, expected), f"seed {seed}"
    assert not check_guards(image, memory)


def test_parts_of_the_scratchpad_lie_apart_whatever_each_hart_runs():
    _, stages = pipeline_of(pipeline_image(5)[0])
    alone = [
        stream_geometry(layer, STREAM_MACHINE, plan_stream(layer, STREAM_MACHINE, Balance.STATIC))
        for layer in (FIRST, SECOND)
    ]
    assert alone[0].stream_bytes != alone[1].stream_bytes
    parts = [
        (stage["stream_addr"] + hart * stage["stream_bytes"], stage["stream_bytes"])
        for hart, stage in zip((0, 1), stages, strict=False)
    ]
    assert parts[0][0] + parts[0][1] <= parts[1][0]
    assert len({stage["stream_bytes"] for stage in stages}) == 1
    end = STREAM_MACHINE.scratchpad.size_bytes
    assert STREAM_MACHINE.harts * stages[0]["stream_bytes"] <= end


def test_pipeline_says_whether_it_streams():
    assert pipeline_of(pipeline_image(6)[0])[0]["body"] == Body.STREAM
    assert pipeline_of(pipeline_image(6, body=None)[0])[0]["body"] == Body.DOT4


def test_block_that_fails_in_a_stage_is_reported():
    image, _ = pipeline_image(7)
    whole, _ = pipeline_of(image)
    place = whole["stage_layers_addr"] - IMAGE_ADDR + size_bytes(LAYER) + 4 * NAMES.index("in_addr")
    end = 4 * [name for name, _ in HEADER].index("memory_end_addr")
    data = bytearray(image.data)
    struct.pack_into("<I", data, place, MAIN_MEMORY.base_addr + STREAM_MACHINE.memory.size_bytes)
    struct.pack_into("<I", data, end, MAIN_MEMORY.base_addr + MAIN_MEMORY.size_bytes)
    image = dataclasses.replace(image, data=bytes(data))
    status, message, memory = run_image(image, STREAM_MACHINE)
    assert status == ExitStatus.TILE_ERROR, message
    said = "a DMA block of hart 1 failed: it reaches outside of main memory.\n"
    assert read_log(image, memory).endswith(said)


def test_stage_that_needs_more_than_a_harts_part_is_not_streamed():
    wide = pointwise(2, 1024, 32)
    roomy = dataclasses.replace(
        STREAM_MACHINE, harts=4, loose_tiles=64, scratchpad=ScratchpadConfig(size_bytes=1 << 14)
    )
    groups = single_layer_groups(wide, dataclasses.replace(roomy, harts=1), Body.LOOSE)
    with pytest.raises(MappingError, match="a hart has 4096"):
        single_hart_plan(wide, roomy, 0, Body.STREAM, groups)
    mapping = map_network(
        Network(name="wide", layers=(wide,)), roomy, coupling="loose",
        balancing=Balancing.PIPELINE, calibration=load_calibration(),
    )  # fmt: skip
    assert mapping.plans[0].body is Body.LOOSE
