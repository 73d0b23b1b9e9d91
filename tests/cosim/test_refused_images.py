"""Images that can't be run, and layers that go wrong on RTL, end the run with a sentence."""

import dataclasses

import pytest
from cosim_jobs import run_firmware, system_firmware
from spoiled_images import (
    CONV,
    DIGITAL,
    LOOSE,
    MACHINE,
    MEMORY_END,
    PIPELINE,
    PROGRAM,
    TIGHT,
    TURNS,
    block_addr,
    chunk,
    cut,
    group_addr,
    header,
    layer,
    layer_addr,
    patched,
    stage,
    stages,
    without_end,
    word,
)
from tightrope.hw.memmap import SCRATCHPAD
from tightrope.sim.cosim.errors import CosimHang
from tightrope.sim.cosim.run import run_images
from tightrope.sim.image.file import read_image_file, write_image_file
from tightrope.sim.image.firmware import symbolise
from tightrope.sim.image.layout import (
    END_MARK,
    HEADER,
    IMAGE_ADDR,
    Balance,
    Body,
    ExitStatus,
    Op,
)
from tightrope.sim.image.results import read_log
from tightrope.sim.image.running import RunError

OTHER_HASH = int(MACHINE.hash[:8], 16) ^ 1
PIPE = f"layer 0 (op {Op.PIPELINE:d}, body 0) has a bad table"
IN_PIPE = f"of the pipeline can't run: {PIPE}"
LEAVES = "reads or writes outside the image's memory, which ends at 0x"
OUTSIDE = "A table of the header lies outside the image."
SIZE = len(DIGITAL.data)
ENDS_EARLY = f"The last of the image's {SIZE} bytes are 0x"
TABLES, WEIGHTS = (
    word(DIGITAL, layer_addr(DIGITAL, 0, field)) - IMAGE_ADDR
    for field in ("hart_first_addr", "weights_addr")
)
BAD_IMAGES = {
    "nothing": (dataclasses.replace(DIGITAL, data=b""), ""),
    "another magic": (header(magic=0x3149_5255), ""),
    "a log outside": (header(log_addr=0x1000), ""),
    "a log without end": (header(log_bytes=0xFFFF_FFF0), ""),
    "another version": (header(version=7), "The image has version 0x7, the machine or"),
    "another machine": (header(config_hash=OTHER_HASH), f"config_hash 0x{OTHER_HASH:x}, "),
    "more harts": (header(hart_count=8), "hart_count 0x8, the machine or firmware 0x4."),
    "no harts": (header(hart_count=0), "hart_count 0x0, the machine or firmware 0x4."),
    "more tiles": (header(tile_count=7), "tile_count 0x7, the machine or firmware 0x6."),
    "tiles beyond any machine": (header(tight_tiles_per_hart=17), "17 tight tiles per hart"),
    "an early end": (header(memory_end_addr=IMAGE_ADDR + 64), OUTSIDE),
    "layers below the image": (header(layers_addr=0x4000_0000), OUTSIDE),
    "layers at an odd address": (header(layers_addr=IMAGE_ADDR + 66), OUTSIDE),
    "layers without end": (header(layer_count=0xFFFF_FFFF), OUTSIDE),
    "counters outside": (header(layer_counters_addr=0xFFFF_FFC0), OUTSIDE),
    "tile counters outside": (header(tile_counters_addr=MEMORY_END), OUTSIDE),
    "machine counters outside": (header(machine_counters_addr=MEMORY_END - 16), OUTSIDE),
    "half a header": (cut(40), ""),
    "a header and nothing else": (
        cut(4 * len(HEADER)), "layer 0 (op 0, body 0) has a bad table or no kernel.",
    ),
    "a cut in the tables": (cut(TABLES + 8), "layer 0 (op 0, body 0) has a bad table"),
    "a cut that leaves nobody work": (cut(TABLES + 4), ENDS_EARLY),
    "a cut in the weights": (cut(WEIGHTS + 5), ENDS_EARLY),
    "a cut behind the weights": (cut(-4096), ENDS_EARLY),
    "no end mark": (cut(-4), ENDS_EARLY),
    "another end mark": (patched(DIGITAL, {IMAGE_ADDR + SIZE - 4: END_MARK}), ENDS_EARLY),
    "another checksum": (header(content_crc32=1), ENDS_EARLY),
    "no size": (header(image_bytes=0), "An image can't have 0 bytes and end at 0x"),
    "more bytes than memory": (header(image_bytes=1 << 30), f"can't have {1 << 30} bytes"),
    "no such operation": (layer(DIGITAL, 0, op=99), "layer 0 (op 99, body 0)"),
    "no such body": (layer(DIGITAL, 0, body=5), "layer 0 (op 0, body 5)"),
    "no such kernel": (layer(TIGHT, CONV, op=Op.MAXPOOL), "layer 1 (op 2, body 1)"),
    "no such balancing": (layer(DIGITAL, 0, balance=2), "has a bad table or no kernel"),
    "chunks outside": (layer(DIGITAL, 0, chunks_addr=0x1000_0000), "has a bad table"),
    "chunks without end": (layer(DIGITAL, 0, chunk_count=1 << 30), "has a bad table"),
    "shares outside": (layer(DIGITAL, 0, hart_first_addr=0), "has a bad table"),
    "fewer chunks than shares": (layer(DIGITAL, 0, chunk_count=0), "has a bad table"),
    "shares that fall": (
        patched(DIGITAL, {word(DIGITAL, layer_addr(DIGITAL, 0, "hart_first_addr")) + 4: 1000}),
        "has a bad table",
    ),
    "a chunk of pixels beyond": (chunk(DIGITAL, 0, pixel_end=7), "has a bad table"),
    "a chunk that ends before it begins": (
        chunk(DIGITAL, 0, pixel_begin=5, pixel_end=4), "has a bad table",
    ),
    "a chunk of channels beyond": (chunk(DIGITAL, 0, end=9), "has a bad table"),
    "a chunk of groups beyond": (chunk(TIGHT, CONV, end=99), "layer 1 (op 0, body 1)"),
    "a chunk without end": (chunk(DIGITAL, 0, pixel_end=0xFFFF_FFFF), "has a bad table"),
    "a chunk of no body": (chunk(DIGITAL, 0, body=99), "no kernel"),
    "a chunk on other tiles than the layer": (
        chunk(TIGHT, CONV, body=Body.LOOSE), "layer 1 (op 0, body 1)",
    ),
    "a digital chunk of channels beyond": (
        chunk(TIGHT, CONV, body=Body.DOT4, begin=0, end=9), "layer 1 (op 0, body 1)",
    ),
    "a pipeline's stages outside": (layer(PIPELINE, 0, stages_addr=0), PIPE),
    "a pipeline's stages that fall": (stages(0, 2, 1, 2, 2), PIPE),
    "a pipeline's layers outside": (layer(PIPELINE, 0, stage_layers_addr=0x1000), PIPE),
    "a pipeline of more layers than there are": (stages(0, 1, 2, 2, 60_000), PIPE),
    "a pipeline without end": (layer(PIPELINE, 0, pipeline_inputs=1 << 20), PIPE),
    "a pipeline that steals": (stage(1, balance=Balance.STEAL), f"Layer 1 {IN_PIPE}"),
    "a pipeline that programs": (stage(2, op=Op.PROGRAM), f"Layer 2 {IN_PIPE}"),
    "a pipeline in a pipeline": (stage(3, op=Op.PIPELINE), f"Layer 3 {IN_PIPE}"),
    "a pipeline with chunks outside": (stage(3, chunks_addr=0x40), f"Layer 3 {IN_PIPE}"),
    "an input outside": (layer(DIGITAL, 0, in_addr=SCRATCHPAD.base_addr), f"Layer 0 {LEAVES}"),
    "an input beyond": (layer(DIGITAL, 0, in_addr=MEMORY_END - 8), f"Layer 0 {LEAVES}"),
    "an input without end": (layer(DIGITAL, 0, in_h=0xFFFF_FFFF), f"Layer 0 {LEAVES}"),
    "an output outside": (layer(TIGHT, CONV, out_addr=IMAGE_ADDR - 64), f"Layer 1 {LEAVES}"),
    "pixels far apart": (layer(LOOSE, CONV, out_pitch=1 << 30), f"Layer 1 {LEAVES}"),
    "weights outside": (layer(DIGITAL, 0, weights_addr=MEMORY_END), f"Layer 0 {LEAVES}"),
    "an input of a pipeline outside": (
        stage(3, in_addr=MEMORY_END), f"Layer 3 of the pipeline {LEAVES}",
    ),
    "groups outside": (layer(TIGHT, CONV, groups_addr=0x2000_0000), "layer 1 (op 0, body 1)"),
    "blocks outside": (
        patched(TIGHT, {group_addr(TIGHT, CONV, "block_addr"): 0xFFFF_FFF0}),
        "Group 0 can't run: layer 1",
    ),
    "no blocks": (
        patched(TIGHT, {group_addr(TIGHT, CONV, "block_count"): 0}),
        "Group 0 can't run: layer 1",
    ),
    "a tight tile that isn't there": (
        patched(TIGHT, {block_addr(TIGHT, PROGRAM, "tile"): MACHINE.tight_tiles_per_hart}),
        "Group 0 can't run: layer 0",
    ),
    "a loose tile that isn't there": (
        patched(LOOSE, {block_addr(LOOSE, PROGRAM, "tile"): MACHINE.loose_tiles}),
        "Group 0 can't run: layer 0",
    ),
    "constants of a layer outside": (
        patched(LOOSE, {block_addr(LOOSE, PROGRAM, "layer_addr"): 0x1000_0000}),
        "Group 0 can't run: layer 0",
    ),
    "no room for partial sums": (
        layer(TURNS, 0, partial_pitch=28),
        "Group 0 can't run: layer 0",
    ),
}

ROWS, COLS = MACHINE.tile.rows, MACHINE.tile.cols
EMPTY_AND_WINDOW, WINDOW, RANGE = 0x28, 0x8, 0x80
NOTHING_PROGRAMMED = {"group_count": 0}
TILE_ERRORS = {
    "weights beyond a tight tile": (
        patched(TIGHT, {block_addr(TIGHT, PROGRAM, "row_begin"): ROWS}),
        "Layer 0: tight tile 0 of hart ",
        RANGE,
    ),
    "weights beyond a loose tile": (
        patched(LOOSE, {block_addr(LOOSE, PROGRAM, "col_begin"): COLS}),
        "Layer 0: loose tile 0 of hart 0 ",
        RANGE,
    ),
    "window beyond a tight tile": (
        patched(
            layer(TIGHT, PROGRAM, **NOTHING_PROGRAMMED),
            {block_addr(TIGHT, CONV, "row_begin"): ROWS - 4},
        ),
        "Layer 1: tight tile 0 of hart ",
        EMPTY_AND_WINDOW,
    ),
    "window beyond a loose tile": (
        patched(
            layer(LOOSE, PROGRAM, **NOTHING_PROGRAMMED),
            {block_addr(LOOSE, CONV, "row_begin"): ROWS - 4},
        ),
        "Layer 1: loose tile 0 of hart 0 ",
        EMPTY_AND_WINDOW,
    ),
}

ENDLESS, ENDLESS_TIGHT = without_end(DIGITAL), without_end(TIGHT)
# The image promises more memory than the machine has, which only the machine knows.
TRAPS = {
    "input where no memory is": (
        layer(ENDLESS, 0, in_addr=MEMORY_END), range(MEMORY_END, MEMORY_END + 96),
    ),
    "output where no memory is": (
        layer(ENDLESS, 0, out_addr=MEMORY_END), range(MEMORY_END, MEMORY_END + 48),
    ),
    "weights where no memory is": (
        layer(ENDLESS, 0, weights_addr=MEMORY_END), range(MEMORY_END, MEMORY_END + 128),
    ),
    "output of tiles where no memory is": (
        layer(ENDLESS_TIGHT, CONV, out_addr=MEMORY_END), range(MEMORY_END, MEMORY_END + 48),
    ),
    "more memory than there is": (
        header(layers_addr=MEMORY_END, memory_end_addr=MEMORY_END + 4096),
        range(MEMORY_END, MEMORY_END + 4096),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "tight.bin"
    write_image_file(TIGHT, path)
    every = {
        name: image
        for table in (BAD_IMAGES, TILE_ERRORS, TRAPS)
        for name, (image, *_) in table.items()
    } | {"a good pipeline": PIPELINE, "a good one": read_image_file(path, MACHINE)}
    names = list(every)
    runs = run_firmware(
        MACHINE, list(every.values()), system_firmware(), limit_cycles=200_000,
        name=names.__getitem__,
    )  # fmt: skip
    return dict(zip(names, runs, strict=True))


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_image_is_refused_with_a_sentence(outcomes, name):
    said, result = BAD_IMAGES[name][1], outcomes[name]
    assert result.status == ExitStatus.BAD_IMAGE
    assert said in result.log
    assert bool(said) == result.log.endswith(".\n")
    with pytest.raises(RunError, match="BAD_IMAGE"):
        result.check()


@pytest.mark.parametrize("name", TILE_ERRORS)
def test_tile_error_is_reported_with_a_sentence(outcomes, name):
    image, said, bits = TILE_ERRORS[name]
    result = outcomes[name]
    assert result.status == ExitStatus.TILE_ERROR
    first = read_log(image, result.memory).splitlines()[0]
    assert first.startswith(said)
    assert first.endswith(f" reports error bits 0x{bits:x}.")


@pytest.mark.parametrize("name", TRAPS)
def test_layer_outside_the_machines_memory_traps_with_the_address(outcomes, name):
    addrs, result = TRAPS[name][1], outcomes[name]
    assert result.status == ExitStatus.TRAP
    assert result.fault.addr in addrs
    place = symbolise(result.fault.pc, system_firmware().elf)
    assert not place.startswith("0x"), place


def test_machine_runs_on_after_all_that(outcomes):
    assert outcomes["a good pipeline"].status == ExitStatus.OK
    assert outcomes["a good one"].status == ExitStatus.OK


def test_run_that_is_not_finished_in_time_names_what_harts_do():
    files = system_firmware()
    with pytest.raises(CosimHang) as caught:
        run_images(
            MACHINE,
            [DIGITAL, DIGITAL],
            firmware=files.bin.read_bytes(),
            limit_cycles=1000,
            timeout_s=60,
            symbolise=lambda pc: symbolise(pc, files.elf),
        )
    first, *harts = str(caught.value).splitlines()
    assert first == "image 0 was not finished after 1000 cycles"
    assert len(harts) == MACHINE.harts
    for hart, text in enumerate(harts):
        assert text.startswith(f"  hart {hart}: pc 0x4000")
        assert "+0x" in text, text
