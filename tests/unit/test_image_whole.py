"""Images that were cut or changed, and what no machine can run: refused by host and firmware."""

import dataclasses
import re
import struct

import numpy as np
import pytest
from host_firmware import run_image
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.golden import random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.file import read_image_file, write_image_file
from tightrope.sim.image.layout import (
    END_MARK,
    HEADER,
    IMAGE_ADDR,
    LAYER,
    VERSION,
    Balance,
    Body,
    ExitStatus,
    Op,
)  # fmt: skip
from tightrope.sim.image.pipeline import Pipeline
from tightrope.sim.image.results import read_log
from tightrope.sim.image.seal import read_header, seal
from tightrope.sim.image.steps import Step, independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.network.pipeline import single_hart_plan
from tightrope.sim.workload.layers import Layer, LayerOp

MACHINE = ClusterConfig(
    harts=2, tight_tiles_per_hart=1, loose_tiles=1, tile=TileConfig(rows=64, cols=64)
)
MEMORY_END = MAIN_MEMORY.base_addr + MACHINE.memory.size_bytes
LAYER_SHAPE = Layer(
    name="conv", op=LayerOp.CONV, source_op="Conv", in_shape=(3, 4, 16), out_shape=(3, 4, 8)
)


def make_image(body):
    rng = np.random.default_rng(11)
    groups = single_layer_groups(LAYER_SHAPE, MACHINE, body) if body is not Body.DOT4 else ()
    plan = plan_layer(LAYER_SHAPE, MACHINE, body, Balance.STATIC, groups=groups)
    steps, inputs = independent_steps(
        [(random_quant_layer(LAYER_SHAPE, rng), plan)], [random_inputs(LAYER_SHAPE, rng)]
    )
    return build_image(MACHINE, steps, inputs)


def make_pipeline():
    rng = np.random.default_rng(12)
    qlayer = random_quant_layer(LAYER_SHAPE, rng)
    plan = single_hart_plan(LAYER_SHAPE, MACHINE, 0, None, ())
    steps = [Step(qlayer=qlayer, plan=plan, inputs=("x",))]
    return build_image(
        MACHINE, steps, {"x": random_inputs(LAYER_SHAPE, rng)[0]},
        pipeline=Pipeline(harts=(0,), inputs=1),
    )  # fmt: skip


IMAGE, PIPELINE = make_image(Body.DOT4), make_pipeline()
EVERY = {"digital": IMAGE, "pipeline": PIPELINE} | {
    body.name.lower(): make_image(body) for body in (Body.TIGHT, Body.LOOSE)
}
SIZE = len(IMAGE.data)


def header_place(field):
    return 4 * [name for name, _ in HEADER].index(field)


def layer_place(image, field):
    layers_addr = read_header(image.data)["layers_addr"]
    return layers_addr - IMAGE_ADDR + 4 * [name for name, _ in LAYER].index(field)


def word(image, place):
    return struct.unpack_from("<I", image.data, place)[0]


def patched(image, place, value, sealed=False):
    """The image with another word; ``sealed``: whoever made it so meant it."""
    data = bytearray(image.data)
    struct.pack_into("<I", data, place, value)
    if sealed:
        seal(data)
    return dataclasses.replace(image, data=bytes(data))


def cut(count):
    return dataclasses.replace(IMAGE, data=IMAGE.data[:count])


def host_says(image, tmp_path, config=MACHINE):
    path = tmp_path / "image.bin"
    write_image_file(image, path)
    with pytest.raises(ImageError) as refused:
        read_image_file(path, config)
    assert str(refused.value).startswith(f"{path}: ")
    return str(refused.value)


def firmware_says(image):
    status, message, memory = run_image(image, MACHINE)
    assert status == ExitStatus.BAD_IMAGE, message
    return read_log(image, memory)


@pytest.mark.parametrize("kind", EVERY)
def test_whole_image_is_read_as_it_was_written_and_runs(kind, tmp_path):
    image, path = EVERY[kind], tmp_path / "image.bin"
    write_image_file(image, path)
    loaded = read_image_file(path, MACHINE)
    assert (loaded.data, loaded.memory_end) == (image.data, image.memory_end)
    status, message, _ = run_image(image, MACHINE)
    assert status == ExitStatus.OK, message
    assert [file.name for file in tmp_path.iterdir()] == ["image.bin"]


WEIGHTS = word(IMAGE, layer_place(IMAGE, "weights_addr")) - IMAGE_ADDR
TABLES = word(IMAGE, layer_place(IMAGE, "chunks_addr")) - IMAGE_ADDR
CUTS = {
    "header": 40, "layers": layer_place(IMAGE, "in_h"), "tables": TABLES + 8,
    "weights": WEIGHTS + 5, "behind the weights": WEIGHTS + 128, "last word": SIZE - 4,
    "last byte": SIZE - 1,
}  # fmt: skip


@pytest.mark.parametrize("where", CUTS)
def test_cut_image_is_refused_by_host_and_firmware(where, tmp_path):
    image = cut(CUTS[where])
    wanted = f"ends after {CUTS[where]}$" if where == "header" else f"{SIZE} bytes, not \\d+$"
    assert re.search(wanted, host_says(image, tmp_path))
    said = firmware_says(image)
    # In the header there is no telling where the log is.
    assert said.endswith(".\n") or where == "header"
    if CUTS[where] > max(TABLES, WEIGHTS):
        assert said.startswith(f"The last of the image's {SIZE} bytes are 0x")


def test_every_cut_is_refused_by_the_host(tmp_path):
    for count in range(0, SIZE, 61):
        host_says(cut(count), tmp_path)


def test_image_with_more_behind_it_is_refused_by_the_host(tmp_path):
    longer = dataclasses.replace(IMAGE, data=IMAGE.data + b"\0")
    assert f"{SIZE} bytes, not {SIZE + 1}" in host_says(longer, tmp_path)


def test_end_of_another_image_is_refused(tmp_path):
    other = patched(IMAGE, WEIGHTS, 0x1234_5678, sealed=True)
    mixed = dataclasses.replace(IMAGE, data=IMAGE.data[: SIZE - 4] + other.data[-4:])
    assert "end mark must be 0x" in host_says(mixed, tmp_path)
    assert firmware_says(mixed).startswith("The last of the image's")


def test_plain_end_mark_is_refused(tmp_path):
    spoiled = patched(IMAGE, SIZE - 4, END_MARK)
    assert f"not {END_MARK:#x}" in host_says(spoiled, tmp_path)
    assert f"are 0x{END_MARK:x}, not 0x" in firmware_says(spoiled)


@pytest.mark.parametrize("seed", range(5))
def test_any_changed_bit_is_refused_by_the_host(seed, tmp_path):
    rng = np.random.default_rng(seed)
    data = np.frombuffer(IMAGE.data, np.uint8).copy()
    # The first words are refused by name, see below.
    data[rng.integers(12, SIZE)] ^= 1 << rng.integers(8)
    said = host_says(dataclasses.replace(IMAGE, data=data.tobytes()), tmp_path)
    assert re.search("checksum must be|end mark must be", said), f"seed {seed}: {said}"


@pytest.mark.parametrize("bytes_said", [0, 4 * len(HEADER), SIZE - 2, 0x7FFF_FFFC])
def test_impossible_size_is_refused_by_the_firmware(bytes_said):
    image = patched(IMAGE, header_place("image_bytes"), bytes_said)
    assert firmware_says(image).startswith(f"An image can't have {bytes_said} bytes")


HEADERS = {
    "magic": (0x3149_5255, "begins with 0x31495254, this one with 0x31495255", ""),
    "version": (VERSION + 1, f"version must be {VERSION}, not {VERSION + 1}", "has version 0x"),
    "hart_count": (8, "another machine: its hart_count is 0x8", "has hart_count 0x8"),
    "config_hash": (77, "another machine: its config_hash is 0x4d", "has config_hash 0x4d"),
    "tile_count": (9, "another machine: its tile_count is 0x9", "has tile_count 0x9"),
    "memory_end_addr": (IMAGE_ADDR + 64, f"bytes must end at {IMAGE_ADDR + 64:#x}", "outside the"),
    "layers_addr": (0x4000_0000, "layers must lie between", "lies outside the image"),
    "layer_counters_addr": (MEMORY_END, "layer_counters must lie between", "outside the image"),
}


@pytest.mark.parametrize("field", HEADERS)
def test_header_that_is_wrong_is_refused_by_host_and_firmware(field, tmp_path):
    value, host, firmware = HEADERS[field]
    spoiled = patched(IMAGE, header_place(field), value, sealed=True)
    assert host in host_says(spoiled, tmp_path)
    assert firmware in firmware_says(spoiled)


LEAVES = "Layer 0 reads or writes outside the image's memory"
LAYERS = {
    "op": (99, "layer 0: no kernel runs op 99 with body 0", "layer 0 (op 99, body 0)"),
    "body": (7, "layer 0: no kernel runs op 0 with body 7", "layer 0 (op 0, body 7)"),
    "chunks_addr": (0x1000, "layer 0: its chunks at 0x1000", "layer 0 (op 0, body 0)"),
    "in_addr": (MEMORY_END, f"layer 0: its input at {MEMORY_END:#x}", LEAVES),
    "out_addr": (0x8000_0000, "layer 0: its output at 0x80000000", LEAVES),
    "in_h": (1 << 16, "layer 0: its input at", LEAVES),
    "in_pitch": (1 << 30, "layer 0: its input at", LEAVES),
    "weights_addr": (MEMORY_END, f"layer 0: its weights at {MEMORY_END:#x}", LEAVES),
    "weight_pitch": (1 << 31, "layer 0: its weights at", LEAVES),
    # The firmware would find out by running into it: it traps, with the address.
    "bias_addr": (SIZE + IMAGE_ADDR, "layer 0: its biases at", None),
}


@pytest.mark.parametrize("field", LAYERS)
def test_layer_that_is_wrong_is_refused(field, tmp_path):
    value, host, firmware = LAYERS[field]
    spoiled = patched(IMAGE, layer_place(IMAGE, field), value, sealed=True)
    assert host in host_says(spoiled, tmp_path)
    if firmware:
        assert firmware in firmware_says(spoiled)


def test_layer_of_a_pipeline_that_is_wrong_is_refused(tmp_path):
    base = word(PIPELINE, layer_place(PIPELINE, "stage_layers_addr")) - IMAGE_ADDR
    spoiled = patched(PIPELINE, base, Op.MAXPOOL + 90, sealed=True)
    assert "layer 0 of the pipeline: no kernel runs op 92" in host_says(spoiled, tmp_path)
    assert "Layer 0 of the pipeline can't run" in firmware_says(spoiled)


def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ImageError, match=r"nothing\.bin: No such file"):
        read_image_file(tmp_path / "nothing.bin", MACHINE)


def test_image_that_does_not_fit_is_refused_with_both_sizes(tmp_path):
    size = 1 << 17
    small = dataclasses.replace(MACHINE, memory=MemoryConfig(size_bytes=size))
    needed = IMAGE.memory_bytes
    hashed = patched(IMAGE, header_place("config_hash"), int(small.hash[:8], 16), sealed=True)
    assert host_says(hashed, tmp_path, small).endswith(
        f"the image needs {needed} bytes of memory, the machine has {size}"
    )
