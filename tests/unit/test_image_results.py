"""Reading a run's results back from memory."""

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim import golden
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.image import GUARD_BYTE
from tightrope.sim.image.layout import IMAGE_ADDR, Balance, Body
from tightrope.sim.image.results import (
    check_guards,
    check_outputs,
    read_log,
    read_output,
    read_results,
    touched_bytes,
)
from tightrope.sim.image.steps import chain_steps, expected_outputs
from tightrope.sim.mapping import plan_layer
from tightrope.sim.workload.layers import LayerOp

CONFIG = ClusterConfig(
    harts=2, tight_tiles_per_hart=1, loose_tiles=1, memory=MemoryConfig(size_bytes=1 << 20)
)


@pytest.fixture
def run():
    """An image, memory from it on after a good run, and what the outputs should be."""
    rng = np.random.default_rng(2)
    qlayer = golden.random_layer(LayerOp.CLIP, rng)
    plan = plan_layer(qlayer.layer, CONFIG, Body.DOT4, Balance.STATIC)
    steps, inputs = chain_steps([(qlayer, plan)] * 2, golden.random_inputs(qlayer.layer, rng)[0])
    image = build_image(CONFIG, steps, inputs)
    memory = np.zeros(CONFIG.memory.size_bytes, np.uint8)
    at = IMAGE_ADDR - IMAGE_ADDR
    memory[at : at + len(image.data)] = np.frombuffer(image.data, np.uint8)
    expected = expected_outputs(CONFIG, steps, inputs)
    for buffer, output in zip(image.outputs, expected, strict=True):
        at = buffer.addr - IMAGE_ADDR
        memory[at : at + output.size] = output.view(np.uint8).ravel()
    return image, memory, expected


def put_words(memory, addr, words):
    raw = np.asarray(words, "<u4").view(np.uint8).ravel()
    memory[addr - IMAGE_ADDR :][: raw.size] = raw


def test_right_outputs_are_found_right(run):
    image, memory, expected = run
    assert check_outputs(image, memory, expected) == ()
    assert check_outputs(image, memory.tobytes(), [None, expected[1]]) == ()
    np.testing.assert_array_equal(read_output(image, memory, 1), expected[1])


def test_the_first_wrong_output_is_named(run):
    image, memory, expected = run
    expected[1] = expected[1].copy()
    height, width, channels = expected[1].shape
    expected[1][-1, -1, -1] ^= 1
    (mismatch,) = check_outputs(image, memory, expected)
    assert (mismatch.step, mismatch.count, mismatch.size) == (1, 1, expected[1].size)
    assert mismatch.index == (height - 1, width - 1, channels - 1)
    assert mismatch.actual == mismatch.expected ^ 1
    assert f"step 1 (clip): 1 of {expected[1].size} outputs differ" in str(mismatch)


@pytest.mark.parametrize("offset", [-1, -64])
def test_a_byte_written_before_an_output_is_found(run, offset):
    image, memory, _ = run
    memory[image.outputs[0].addr + offset - IMAGE_ADDR] = 0
    (error,) = check_guards(image, memory)
    assert error.startswith("1 guard bytes of the output of step 0 (clip) were overwritten")
    assert error.endswith(f"{offset} bytes from its start")


def test_a_byte_written_after_an_input_is_found(run):
    image, memory, _ = run
    buffer = image.inputs["x"]
    memory[buffer.addr + int(np.prod(buffer.shape)) - IMAGE_ADDR] = 0
    (error,) = check_guards(image, memory)
    assert "of input 'x'" in error


def test_counters_have_a_row_for_every_hart_and_tile(run):
    image, memory, _ = run
    layers = np.arange(2 * 2 * len(HartCounter))
    tiles = 1000 + np.arange(2 * 3 * len(TileStatusReg))
    put_words(memory, image.layer_counters_addr, layers)
    put_words(memory, image.tile_counters_addr, tiles)
    put_words(memory, image.machine_counters_addr, 5000 + np.arange(2 * len(MachineCounter)))
    results = read_results(image, memory)
    assert results.layer_counters.shape == (2, 2, len(HartCounter))
    assert results.tile_counters.shape == (2, 3, len(TileStatusReg))
    assert results.layer_counters[1, 0, HartCounter.STORES] == 2 * len(HartCounter) + 8
    assert results.tile_counters[-1, -1, -1] == tiles[-1]
    assert results.machine_counters.shape == (2, len(MachineCounter))
    assert results.machine_counters[1, MachineCounter.DMA_LOAD_BYTES] == 5000 + 7 + 3


def test_the_log_is_text(run):
    image, memory, _ = run
    assert read_log(image, memory) == ""
    put_words(memory, image.log_addr, [3])
    memory[image.log_addr + 4 - IMAGE_ADDR :][:3] = np.frombuffer(b"hi\xff", np.uint8)
    assert read_log(image, memory) == "hi\\xff"
    put_words(memory, image.log_addr, [image.log_bytes + 1])
    with pytest.raises(ImageError, match="the log's length must be up to 4096, not 4097"):
        read_log(image, memory)


def test_memory_that_ends_too_early_is_refused(run):
    image, memory, _ = run
    with pytest.raises(ImageError, match=r"memory must hold \d+ bytes at 0x"):
        read_results(image, memory[: image.log_addr - IMAGE_ADDR])


def test_expected_outputs_must_have_the_right_shapes(run):
    image, memory, expected = run
    with pytest.raises(ImageError, match="there must be 2 expected outputs, not 1"):
        check_outputs(image, memory, expected[:1])
    with pytest.raises(ImageError, match="step 0 must be expected as int8"):
        check_outputs(image, memory, [expected[0][None], None])


def test_peak_memory_touched_is_what_was_planned(run):
    image, memory, _ = run
    assert touched_bytes(image, memory) == image.activation_bytes
    last = max(image.outputs, key=lambda buffer: buffer.end_addr)
    assert image.activations[0] + image.activation_bytes == last.end_addr
    # Outputs may happen to be what guards are.
    memory[last.end_addr - IMAGE_ADDR - 1] = GUARD_BYTE
    assert touched_bytes(image, memory) == image.activation_bytes


def test_peak_memory_differs_if_less_or_more_was_touched(run):
    image, memory, _ = run
    last = max(image.outputs, key=lambda buffer: buffer.end_addr)
    place = last.addr - IMAGE_ADDR
    memory[last.end_addr - IMAGE_ADDR + 7] = 0
    assert touched_bytes(image, memory) == image.activation_bytes + 8
    memory[place:] = GUARD_BYTE
    assert touched_bytes(image, memory) < image.activation_bytes
