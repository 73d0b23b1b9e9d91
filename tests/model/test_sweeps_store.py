import dataclasses
import os
from typing import Any

import pyarrow.parquet
import pytest
from tightrope.sim.sweeps import parts, store
from tightrope.sim.sweeps.errors import SweepError
from tightrope.sim.sweeps.store import MOST_PARTS, PARTS_NAME, ResultStore


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    key: str
    value: float
    terms: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Row":
        return cls(**data)

    def flat(self) -> dict[str, Any]:
        data = self.to_dict()
        return data | data.pop("terms")


def row(number):
    terms = {} if number % 3 == 0 else {"a": number / 7, f"only {number % 2}": 1e300}
    return Row(key=f"k{number}", value=number / 3, terms=terms)


def part_names(folder):
    return sorted(path.name for path in (folder / PARTS_NAME).iterdir())


def fill(folder, numbers, flush_seconds=0.0):
    with ResultStore(folder, Row, flush_seconds) as rows:
        for number in numbers:
            rows.add(row(number))


def read(folder):
    with ResultStore(folder, Row) as rows:
        return list(rows.rows.values())


def test_rows_come_back_as_they_were_in_their_order(tmp_path):
    fill(tmp_path, range(4))
    fill(tmp_path, range(4, 9), flush_seconds=60)
    assert read(tmp_path) == [row(number) for number in range(9)]
    assert len(part_names(tmp_path)) == 4 + 2


def test_a_key_is_kept_once(tmp_path):
    fill(tmp_path, [1, 2, 1])
    fill(tmp_path, [2, 3])
    table = pyarrow.parquet.read_table(tmp_path / PARTS_NAME, columns=["key"])
    assert sorted(table["key"].to_pylist()) == ["k1", "k2", "k3"]


def test_many_parts_become_one_and_rows_stay(tmp_path):
    count = MOST_PARTS + 1
    fill(tmp_path, range(count))
    fill(tmp_path, [count])
    last = f"{count:06}-{count:06}.parquet"
    assert part_names(tmp_path) == [f"000000-{count - 1:06}.parquet", last]
    assert read(tmp_path) == [row(number) for number in range(count + 1)]


@pytest.mark.parametrize("removed", [0, 1, 2, 3])
def test_merge_that_was_killed_loses_and_doubles_nothing(tmp_path, monkeypatch, removed):
    fill(tmp_path, range(3))
    folder = tmp_path / PARTS_NAME
    unlink, left = os.unlink, [removed]

    def killed(path, **options):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(store, "MOST_PARTS", 2)
        patch.setattr(os, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            read(tmp_path)
    assert len(part_names(tmp_path)) >= 1
    assert read(tmp_path) == [row(number) for number in range(3)]
    found = pyarrow.parquet.read_table(folder, columns=["key"])["key"].to_pylist()
    assert sorted(found) == ["k0", "k1", "k2"]


def test_flush_that_was_interrupted_is_made_up_for(tmp_path, monkeypatch):
    write = parts.replace_file

    def interrupted(path, fill_file):
        write(path, fill_file)
        monkeypatch.setattr(parts, "replace_file", write)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ResultStore(tmp_path, Row, 0.0) as rows:
        rows.add(row(0))
        monkeypatch.setattr(parts, "replace_file", interrupted)
        rows.add(row(1))
    assert read(tmp_path) == [row(0), row(1)]
    assert len(part_names(tmp_path)) == 2


def test_rows_of_another_version_are_left_alone(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Other(Row):
        colour: str = "red"

    with ResultStore(tmp_path, Other) as rows:
        rows.add(Other(key="other", value=1.0, terms={}))
    fill(tmp_path, [1])
    assert read(tmp_path) == [row(1)]
    with ResultStore(tmp_path, Other) as rows:
        assert [found.colour for found in rows.rows.values()] == ["red", "red"]


def test_files_that_were_never_finished_go_away(tmp_path):
    fill(tmp_path, [1])
    (tmp_path / PARTS_NAME / ".000001-000001.parquet.77.new").write_bytes(b"PAR1")
    assert read(tmp_path) == [row(1)]
    assert part_names(tmp_path) == ["000000-000000.parquet"]


def test_damaged_file_is_named(tmp_path):
    fill(tmp_path, [1])
    path = tmp_path / PARTS_NAME / "000000-000000.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(SweepError, match=r"000000-000000\.parquet is damaged"):
        read(tmp_path)
    path.unlink()
    assert read(tmp_path) == []


def test_table_has_the_rows_that_are_asked_for_in_that_order(tmp_path):
    with ResultStore(tmp_path, Row) as rows:
        for number in range(4):
            rows.add(row(number))
        rows.write_table(["k2", "k0", "unknown"])
    table = pyarrow.parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert [line["key"] for line in table] == ["k2", "k0"]
    assert table[1]["a"] == 0.0 and table[0]["a"] == 2 / 7
