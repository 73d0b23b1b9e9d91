"""``tightrope layers`` with the made-up model."""

import json

import pytest
from nets import save_net
from test_bad_input import refused

SMALL = ("--harts", "1,4", "--tile-sizes", "64,256")
WAYS = {("none", 0), *((way, size) for way in ("tight", "loose", "stream") for size in (64, 256))}


@pytest.fixture
def layered(tightrope, net, tmp_path):
    result = tightrope("layers", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_each_layer_has_a_row_for_each_machine(layered, tmp_path):
    rows = layered["rows"]
    names = {row["layer"] for row in rows}
    assert names and len(rows) == len(names) * len(WAYS) * 2
    for name in names:
        own = [row for row in rows if row["layer"] == name]
        assert {(row["coupling"], row["tile_size"]) for row in own} == WAYS
        assert {row["harts"] for row in own} == {1, 4}
    assert json.loads((tmp_path / "o" / "layers.json").read_text()) == layered
    assert "<svg" not in (tmp_path / "o" / "report.html").read_text()[:2000]


def test_speedups_refer_to_digital_code_and_to_the_fewest_harts(layered):
    rows = layered["rows"]
    place = {(r["layer"], r["coupling"], r["tile_size"], r["harts"]): r for r in rows}
    for row in rows:
        digital = place[row["layer"], "none", 0, row["harts"]]
        first = place[row["layer"], row["coupling"], row["tile_size"], 1]
        cycles = row["model_cycles"]
        assert row["speedup"] == pytest.approx(digital["model_cycles"] / cycles)
        assert row["hart_speedup"] == pytest.approx(first["model_cycles"] / cycles)


def test_tables_have_a_line_per_coupling_and_say_what_all_layers_do(tightrope, tmp_path):
    result = tightrope("layers", "resnet8", *SMALL, "--most", "2", "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "against 1 hart" in " ".join(result.stdout.split())
    # Two convolutions, the dense layer, and all of them.
    for coupling in ("digital", "tight", "loose", "stream"):
        assert sum(f"│ {coupling} " in line for line in result.stdout.splitlines()) == 4
    assert "3 distinct layers one after the other on 4 harts" in result.stdout


def test_what_makes_no_sense_is_refused(tightrope, net, tmp_path):
    out = ("--out", tmp_path / "o")
    refused(tightrope("layers", net, "--tile-sizes", "100", *out), "multiple of 8")
    refused(tightrope("layers", net, "--harts", "9", *out), "harts")
    refused(tightrope("layers", net, "--coupling", "glued", *out), "--coupling")
    refused(tightrope("layers", "lenet", *out), "lenet")
    file = tmp_path / "file"
    file.write_text("")
    refused(tightrope("layers", net, *SMALL, "--out", file), "can't write to")
    assert not (tmp_path / "o").exists()


def test_names_from_a_file_are_escaped_in_the_report(tightrope, tmp_path):
    evil = "</script><script>alert(2)</script>"
    net = save_net(tmp_path / "net.onnx", names=(evil, "b&b", "last"))
    result = tightrope("layers", net, *SMALL, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert evil not in (tmp_path / "o" / "report.html").read_text()
