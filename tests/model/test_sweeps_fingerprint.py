"""Names for content: what they depend on."""

import dataclasses
from typing import NamedTuple

import pytest
from tightrope.sim.sweeps.fingerprint import fingerprint


class Named(NamedTuple):
    first: int
    second: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Data:
    first: int
    second: tuple[int, ...]


def test_equal_fields_have_equal_names_whatever_holds_them():
    assert fingerprint(Named(1, (2, 3))) == fingerprint(Data(1, (2, 3)))
    assert fingerprint(Named(1, (2, 3))) != fingerprint((1, (2, 3)))


def test_names_depend_on_every_part():
    names = [fingerprint(part) for part in (Named(1, (2,)), Named(1, (3,)), Named(2, (2,)))]
    assert len(set(names)) == 3
    assert fingerprint(1, 2) != fingerprint(2, 1)


def test_data_of_unknown_kind_is_refused():
    with pytest.raises(TypeError, match="object has no fingerprint"):
        fingerprint(object())
