"""Ranges of rows, columns, pixels."""

import hypothesis
import pytest
from hypothesis import strategies as st
from tightrope.sim.mapping import split_columns, split_evenly, split_rows


@hypothesis.given(st.integers(0, 5000), st.integers(1, 64), st.sampled_from([1, 4, 8]))
def test_even_shares_cover_everything_and_differ_by_one_unit(total, parts, unit):
    ranges = split_evenly(total, parts, unit)
    assert len(ranges) == parts
    assert [value for part in ranges for value in range(*part)] == list(range(total))
    units = [-(-(end - begin) // unit) for begin, end in ranges]
    assert max(units) - min(units) <= 1
    assert units == sorted(units, reverse=True)
    assert all(begin % unit == 0 or begin == total for begin, _ in ranges)


@hypothesis.given(st.integers(1, 20000), st.integers(1, 64).map(lambda units: 8 * units))
def test_rows_fall_into_the_fewest_blocks_none_of_them_empty(patch, rows):
    blocks = split_rows(patch, rows)
    assert len(blocks) == -(-patch // rows)
    assert [value for block in blocks for value in range(*block)] == list(range(patch))
    assert all(0 < end - begin <= rows for begin, end in blocks)
    assert all(begin % 8 == 0 for begin, _ in blocks)


@hypothesis.given(
    st.integers(0, 100).map(lambda units: 4 * units),
    st.integers(1, 2000),
    st.integers(1, 128).map(lambda units: 4 * units),
)
def test_columns_fall_into_the_fewest_groups_of_whole_words(begin, count, cols):
    groups = split_columns((begin, begin + count), cols)
    assert [value for group in groups for value in range(*group)] == list(
        range(begin, begin + count)
    )
    assert len(groups) == -(-count // cols)
    assert all(end - first <= cols for first, end in groups)
    assert all(first % 4 == 0 for first, _ in groups)


@pytest.mark.parametrize(("patch", "expected"), [(256, 1), (257, 2), (512, 2)])
def test_a_patch_that_just_fits_is_not_cut(patch, expected):
    assert len(split_rows(patch, 256)) == expected
