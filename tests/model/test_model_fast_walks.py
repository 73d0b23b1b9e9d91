"""Walks that leave out what repeats, against walks read by read."""

import numpy as np
import pytest
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.image.arena import SCRATCH_PHASE_BYTES, WEIGHTS_PHASE_BYTES
from tightrope.sim.image.image import GUARD_BYTES
from tightrope.sim.model.cache_lines import direct_mapped_misses, miss_mask
from tightrope.sim.model.dot4_cache import misses_if_weights_stay
from tightrope.sim.model.dot4_lines import block_lines
from tightrope.sim.model.dot4_walk import misses_of_chunks
from tightrope.sim.model.places import Places
from tightrope.sim.model.rounds_walk import Between, Fixed, misses_of_rounds
from tightrope.sim.model.work import LINE_BYTES

SEED = 11
FAR = 1 << 24


def word_by_word(row_bytes, weights, patches, pixels):
    """Lines of all reads, one panel for each block."""
    reads = []
    for begin, panel in zip(weights, patches, strict=True):
        rows = [panel + pixel * row_bytes for pixel in range(pixels)]
        whole = pixels // 4 * 4
        groups = [rows[i : i + 4] for i in range(0, whole, 4)] + [[row] for row in rows[whole:]]
        for group in groups:
            for offset in range(0, row_bytes, 4):
                reads += [begin + i * row_bytes + offset for i in range(4)]
                reads += [row + offset for row in group]
    return np.array(reads) // LINE_BYTES


@pytest.mark.parametrize("row_bytes", [4, 12, 28, 32, 36, 48, 64, 72, 144, 576, 1024])
@pytest.mark.parametrize("pixels", [1, 4, 7, 8])
def test_rounds_that_repeat_miss_what_all_words_do(row_bytes, pixels):
    rng = np.random.default_rng([SEED, row_bytes, pixels])
    first = 32 * int(rng.integers(0, 200))
    weights = FAR + 32 * int(rng.integers(0, 128)) + 4 * row_bytes * np.array([0, 1, 2, 5])
    patches = (first + row_bytes * np.array([0, 8, 16, 3])) // 4 * 4
    walk = block_lines(row_bytes, weights, patches, pixels)
    found = direct_mapped_misses(walk.lines.ravel(), 0) + int(walk.again.sum())
    expected = direct_mapped_misses(word_by_word(row_bytes, weights, patches, pixels), 0)
    assert found == expected, f"seed {SEED}"
    assert walk.lines.size <= len(word_by_word(row_bytes, weights, patches, pixels))


@pytest.mark.parametrize(("row_bytes", "pixels", "blocks"), [(64, 8, 4), (36, 7, 3), (148, 4, 2)])
@pytest.mark.parametrize("gathered", [False, True])
def test_panels_of_all_places_miss_what_each_does_alone(row_bytes, pixels, blocks, gathered):
    panels = 5
    found = misses_if_weights_stay(row_bytes, pixels, blocks, panels, gathered)
    weights = FAR + WEIGHTS_PHASE_BYTES + 4 * row_bytes * np.arange(blocks)
    begin, step = (SCRATCH_PHASE_BYTES, 0) if gathered else (GUARD_BYTES, pixels * row_bytes)
    places = range(1) if gathered else range(panels - 1)
    expected = np.zeros(2)
    for place in places:
        walks = [
            word_by_word(row_bytes, weights, [begin + panel * step] * blocks, pixels)
            for panel in (place, place + 1)
        ]
        mask = miss_mask(np.concatenate(walks))
        expected += [mask[: len(walks[0])].sum(), mask[len(walks[0]) :].sum()]
    assert found == pytest.approx(expected / (blocks * len(places)))


def test_chunks_that_are_walked_together_miss_what_each_does_alone():
    layer = conv_layer(7, 64, 64, 3, 1, 1)
    places = Places(chunks=128, bias=256, scales=512, blocks=768, groups=800)
    chunks = [((0, 4), (0, 64)), ((4, 8), (0, 64)), ((8, 49), (0, 8)), ((8, 49), (8, 16)),
              ((5, 8), (0, 64))]  # fmt: skip
    together = misses_of_chunks(layer, places, 576, 4, True, chunks)
    alone = [misses_of_chunks(layer, places, 576, 4, True, [chunk]) for chunk in chunks]
    assert together == {name: misses for one in alone for name, misses in one.items()}
    assert len(set(together.values())) > 2


@pytest.mark.parametrize("span", [6, 100, 300])
@pytest.mark.parametrize("number", range(40))
def test_rounds_of_fixed_reads_miss_what_the_whole_walk_does(number, span):
    rng = np.random.default_rng([SEED, number, span])
    gaps = int(rng.integers(1, 4))
    segments = [rng.integers(0, span, rng.integers(1, 9)).tolist() for _ in range(gaps + 1)]
    lengths = rng.integers(1, 6, 3)
    warm = [int(rng.integers(0, length)) for length in lengths]
    gap_of = np.arange(gaps).repeat(rng.integers(1, 5, gaps))
    lines = rng.integers(0, span, (lengths.sum(), len(gap_of)))
    found = misses_of_rounds(Fixed.of(segments), Between.of(lines, gap_of, lengths, warm))
    begin = 0
    for walk, (length, cold) in enumerate(zip(lengths, warm, strict=True)):
        rounds = [
            [read for gap, segment in enumerate(segments)
             for read in (*segment, *own[gap_of == gap])]
            for own in lines[begin : begin + length]
        ]  # fmt: skip
        mask = miss_mask(np.concatenate(rounds))
        assert found[walk] == mask[cold * len(rounds[0]) :].sum(), f"seed {SEED}"
        begin += length
