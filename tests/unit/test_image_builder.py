"""What the builder refuses, and where it puts things."""

import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.hw.headers import DCACHE_BYTES
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim import golden
from tightrope.sim.image.arena import Arena
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.layout import (
    IMAGE_ADDR,
    STACK_ADDR,
    STACK_BYTES,
    STACK_HOT_BYTES,
    STRUCTS,
    Balance,
    Body,
    size_bytes,
)
from tightrope.sim.image.steps import Step, independent_steps
from tightrope.sim.mapping import Block, plan_layer, single_layer_groups
from tightrope.sim.workload.layers import Layer, LayerOp

MACHINE = ClusterConfig(harts=2, tight_tiles_per_hart=2, tile=TileConfig(rows=64, cols=64))
LAYER = Layer(
    name="one",
    op=LayerOp.CONV,
    source_op="Conv",
    in_shape=(4, 4, 8),
    out_shape=(4, 4, 12),
    kernel=(3, 3),
    pads=(1, 1, 1, 1),
)


def step_of(body=Body.DOT4, seed=1):
    rng = np.random.default_rng(seed)
    qlayer = golden.random_quant_layer(LAYER, rng)
    groups = single_layer_groups(LAYER, MACHINE, body) if body is Body.TIGHT else ()
    plan = plan_layer(LAYER, MACHINE, body, Balance.STATIC, groups=groups)
    return Step(qlayer=qlayer, plan=plan, inputs=("x",))


def build(step, config=MACHINE, **options):
    x = np.zeros(LAYER.in_shape, np.int8)
    return build_image(config, [step], {"x": x}, **options)


def with_quant(step, **changes):
    return dataclasses.replace(step, qlayer=dataclasses.replace(step.qlayer, **changes))


def with_plan(step, **changes):
    return dataclasses.replace(step, plan=dataclasses.replace(step.plan, **changes))


def with_block(step, **changes):
    group = step.plan.groups[0]
    blocks = (group.blocks[0]._replace(**changes), *group.blocks[1:])
    return with_plan(step, groups=(group._replace(blocks=blocks),))


def test_image_begins_after_the_stacks_and_ends_before_the_workspace():
    image = build(step_of())
    assert IMAGE_ADDR == STACK_ADDR + 8 * STACK_BYTES
    assert image.memory_end >= IMAGE_ADDR + len(image.data)
    end = IMAGE_ADDR + len(image.data)
    assert image.layer_counters_addr + 4 * MACHINE.harts * len(HartCounter) <= end
    assert image.machine_counters_addr + 4 * len(MachineCounter) <= end


@pytest.mark.parametrize("body", [Body.DOT4, Body.TIGHT])
def test_buffers_are_aligned_and_guarded(body):
    image = build(step_of(body))
    for buffer in (*image.outputs, *image.inputs.values()):
        assert buffer.addr % 4 == buffer.span_addr % 32 == buffer.span_end_addr % 32 == 0
        height, width, _ = buffer.shape
        assert buffer.addr - buffer.span_addr >= 64
        assert buffer.span_end_addr - (buffer.addr + height * width * buffer.pitch) >= 64


def test_memory_that_is_too_small_is_named_in_bytes():
    small = dataclasses.replace(MACHINE, memory=MemoryConfig(size_bytes=1 << 17))
    pattern = r"^the image needs \d+ bytes of memory, the machine has 131072$"
    with pytest.raises(ImageError, match=pattern):
        build(step_of(), small)


def test_an_empty_image_is_refused():
    with pytest.raises(ImageError, match="^an image must have at least one step$"):
        build_image(MACHINE, [], {})


BAD_QUANT = [
    ({"weight": None}, r"weight must be int8 \(12, 3, 3, 8\), not None"),
    ({"bias": np.zeros(12, np.int64)}, r"bias must be int32 \(12,\), not int64 \(12,\)"),
    ({"shift": np.full(12, 31, np.uint32)}, "shift must be 32 .. 62"),
    ({"multiplier": np.full(12, 65, np.uint32)}, "multiplier must be a multiple of 64"),
    ({"multiplier": np.zeros(1, np.uint32)}, r"multiplier must be uint32 \(12,\)"),
    ({"in_zero_point": 128}, "in_zero_point must be -128 .. 127, not 128"),
    ({"act_min": -129}, "act_min must be -128 .. 127, not -129"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_QUANT)
def test_bad_quantised_layers_are_refused(changes, message):
    with pytest.raises(ImageError, match=f"^layer one: {message}"):
        build(with_quant(step_of(), **changes))


BAD_PLANS = [
    ({"chunks": ()}, "hart_first must rise from 0 to 0"),
    ({"hart_first": (0, 1)}, "hart_first must rise from 0 to 2 over 2 harts"),
    ({"body": Body.LOOSE}, "a tile body must have groups"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_PLANS)
def test_bad_plans_are_refused(changes, message):
    with pytest.raises(ImageError, match=f"^layer one: {message}"):
        build(with_plan(step_of(), **changes))


def test_chunks_that_overlap_or_leave_a_gap_are_refused():
    step = step_of()
    first, last = step.plan.chunks
    for chunk in (last._replace(pixel_begin=0), last._replace(end=8)):
        with pytest.raises(ImageError, match="chunks must cover every output exactly once"):
            build(with_plan(step, chunks=(first, chunk)))
    with pytest.raises(ImageError, match="must be inside 16 pixels x 12"):
        build(with_plan(step, chunks=(first, last._replace(end=13))))


BAD_BLOCKS = [
    ({"tile": 2}, "tile must be less than 2, not 2"),
    ({"row_begin": 40}, r"the window of Block\(.*\) must be inside 64 x 64"),
    ({"col_begin": 2}, r"the columns of Block\(.*\) must be multiples of 4"),
    ({"col_count": 8}, r"the columns of Block\(.*\) must be multiples of 4 that hold the group"),
    ({"k_begin": 8}, "blocks must cover the patch in order"),
    ({"row_count": 8}, "blocks must cover the patch"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_BLOCKS)
def test_bad_blocks_are_refused(changes, message):
    step = step_of(Body.TIGHT)
    assert isinstance(step.plan.groups[0].blocks[0], Block)
    with pytest.raises(ImageError, match=f"^layer one: {message}"):
        build(with_block(step, **changes))


def test_inputs_must_exist_and_fit():
    step = step_of()
    with pytest.raises(ImageError, match="^input 'x' is read but was not given$"):
        build_image(MACHINE, [step], {})
    with pytest.raises(ImageError, match=r"^layer one reads \(4, 4, 8\), which is not"):
        build_image(MACHINE, [step], {"x": np.zeros((4, 4, 7), np.int8)})
    with pytest.raises(ImageError, match="^step 0 must read an earlier step, not 0$"):
        build(dataclasses.replace(step, inputs=(0,)))
    with pytest.raises(ImageError, match="^layer one must read 1 inputs, not 2$"):
        build(dataclasses.replace(step, inputs=("x", "x")))
    with pytest.raises(ImageError, match="^a pitch must be at least the 12 channels, not 11$"):
        build(dataclasses.replace(step, out_pitch=11))
    with pytest.raises(ImageError, match=r"^input 'x' must be \(h, w, c\) int8, not float64"):
        build_image(MACHINE, [step], {"x": np.zeros(LAYER.in_shape)})


def test_lists_of_layers_and_inputs_must_match():
    with pytest.raises(ImageError, match="1 layers must have as many lists of inputs, not 0"):
        independent_steps([(step_of().qlayer, step_of().plan)], [])


def test_a_dense_layer_that_would_read_one_pixel_of_many_is_refused():
    step = step_of()
    layer = dataclasses.replace(
        LAYER, op=LayerOp.DENSE, out_shape=(1, 1, 12), kernel=(1, 1), pads=(0, 0, 0, 0)
    )
    with pytest.raises(ImageError, match="a dense layer must read all of its input at once"):
        build(with_quant(step, layer=layer))


def test_what_is_hot_stays_clear_of_the_stacks_lines():
    arena = Arena(IMAGE_ADDR)
    room = DCACHE_BYTES - STACK_HOT_BYTES
    for count in (3000, 12, 80, 120, 3200, 4096, 20):
        before = arena.end_addr
        arena.avoid_stacks(count)
        if count <= room:
            assert arena.end_addr % DCACHE_BYTES + count <= room
        else:  # It can't, and wastes nothing.
            assert arena.end_addr == before
        arena.put(bytes(count))


def words_of(image, addr, count):
    return np.frombuffer(image.data, "<u4", count, addr - IMAGE_ADDR)


def first_layer(image):
    names = [name for name, _ in STRUCTS["header"]]
    header = dict(zip(names, words_of(image, IMAGE_ADDR, len(names)).tolist(), strict=True))
    count = size_bytes(STRUCTS["layer"]) // 4
    words = words_of(image, header["layers_addr"], count).tolist()
    return dict(zip((name for name, _ in STRUCTS["layer"]), words, strict=True))


def test_a_scale_is_a_word_of_multiplier_and_shift():
    multiplier = np.linspace(2**25, 2**26 - 1, 12).astype(np.uint32) * np.uint32(64)
    shift = np.arange(32, 56, 2).astype(np.uint32)
    step = with_quant(step_of(), multiplier=multiplier, shift=shift)
    image = build(step)
    scale = words_of(image, first_layer(image)["scale_addr"], 12)
    assert (scale & ~np.uint32(63)).tolist() == multiplier.tolist()
    assert (scale & 63).tolist() == shift.tolist()


def test_biases_and_scales_of_an_image_stay_clear_of_the_stacks_lines():
    room = DCACHE_BYTES - STACK_HOT_BYTES
    begins = set()
    for channels in range(1, 42):  # the weights before them move them through the cache
        layer = dataclasses.replace(LAYER, in_shape=(4, 4, channels))
        qlayer = golden.random_quant_layer(layer, np.random.default_rng(channels))
        plan = plan_layer(layer, MACHINE, Body.DOT4, Balance.STATIC)
        step = Step(qlayer=qlayer, plan=plan, inputs=("x",))
        image = build_image(MACHINE, [step], {"x": np.zeros(layer.in_shape, np.int8)})
        fields = first_layer(image)
        for name in ("bias_addr", "scale_addr"):
            begins.add(fields[name] % DCACHE_BYTES)
            assert fields[name] % DCACHE_BYTES + 4 * 12 <= room
    assert max(begins) - min(begins) > room / 2
