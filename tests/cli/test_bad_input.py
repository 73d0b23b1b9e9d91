import errno
import os
from pathlib import Path

import onnx
import pytest
from nets import save_net
from tightrope.sim.explore.rows import Row
from tightrope.sim.sweeps import parts, store
from tightrope.sim.sweeps.files import file_error
from tightrope.sim.sweeps.store import ResultStore

SMALL = ("--harts", "1", "--tiles", "1,2", "--no-live")


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("tightrope: ")]
    assert len(said) == 1 and len(result.stderr.splitlines()) <= 2


def test_missing_file(tightrope, tmp_path):
    refused(tightrope("explore", tmp_path / "no.onnx", *SMALL), "no.onnx")


@pytest.mark.parametrize("size", [0, 1, 100, 300])
def test_truncated_file(tightrope, net, tmp_path, size):
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(net.read_bytes()[:size])
    refused(tightrope("explore", cut, *SMALL, "--out", tmp_path / "o"), "cut.onnx")


def test_file_that_is_not_onnx(tightrope, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello\n" * 50)
    refused(tightrope("explore", text, *SMALL, "--out", tmp_path / "o"), "notes.txt")


def test_unsupported_operator_is_named_with_its_node(tightrope, tmp_path):
    net = save_net(tmp_path / "net.onnx", odd_op="Einsum")
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), "second", "Einsum")


def test_dynamic_shape_needs_a_size(tightrope, tmp_path):
    net = save_net(tmp_path / "net.onnx", shape=("n", 8, "h", "w"))
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), "--shape x=")
    result = tightrope("explore", net, *SMALL, "--shape", "x=1,8,9,9", "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tiles", "0"), "tile budget"),
        (("--tiles", "-1"), "tile budget"),
        (("--tiles", ""), "--tiles"),
        (("--tiles", "two"), "--tiles"),
        (("--harts", "0"), "harts"),
        (("--harts", "9"), "harts"),
        (("--harts", "1", "--tiles", "17", "--coupling", "tight"), "tight_tiles_per_hart"),
        (("--tiles", "99", "--coupling", "loose"), "loose_tiles"),
        (("--coupling", "glued"), "--coupling"),
        (("--balance", "luck"), "--balance"),
        (("--coverage", "0"), "coverage"),
        (("--search", "1"), "budget above its 1 digital baselines"),
        (("--search", "5", "--objective", "luck"), "--objective"),
        (("--coverage", "1.5"), "--coverage"),
        (("--scheduler", "127.0.0.1:1"), "no dask scheduler answers at 127.0.0.1:1"),
        (("--scheduler", "nonsense"), "no dask scheduler answers at nonsense"),
        (("--tile-rows", "7"), "tile.rows"),
        (("--adc-bits", "3"), "adc_bits"),
        (("--mvm-latency", "0"), "mvm_latency_cycles"),
        (("--profile", "nothing"), "nothing"),
        (("--shape", "x"), "--shape"),
        (("--shape", "y=1,8,9,9"), "y"),
        (("--machine", "no.json"), "no.json"),
    ],
)
def test_option_that_makes_no_sense(tightrope, net, tmp_path, options, said):
    arguments = dict(zip(SMALL[0:4:2], SMALL[1:4:2], strict=True))
    arguments |= dict(zip(options[0::2], options[1::2], strict=True))
    flat = [word for pair in arguments.items() for word in pair]
    refused(tightrope("explore", net, *flat, "--no-live", "--out", tmp_path / "o"), said)
    assert not (tmp_path / "o" / "results.parquet").exists()


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"harts": "two"}', '{"colour": 1}'])
def test_machine_file_that_is_none(tightrope, net, tmp_path, text):
    machine = tmp_path / "machine.json"
    machine.write_text(text)
    refused(tightrope("explore", net, *SMALL, "--machine", machine), "machine.json")


def test_unknown_option_is_a_usage_error(tightrope, net):
    assert tightrope("explore", net, "--speed", "fast").exit_code == 2
    assert tightrope("explore").exit_code == 2
    assert tightrope("fly").exit_code == 2


def test_file_in_place_of_the_output_folder(tightrope, net, tmp_path):
    (tmp_path / "o").write_text("")
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), str(tmp_path / "o"))
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o" / "p"), "o")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_folder_that_cannot_be_written(tightrope, net):
    refused(tightrope("explore", net, *SMALL, "--out", "/proc/tightrope"), "/proc/tightrope")


def test_json_file_that_cannot_be_written_loses_nothing(tightrope, net, tmp_path):
    result = tightrope(
        "explore", net, *SMALL, "--out", tmp_path / "o", "--json", tmp_path / "no" / "s.json"
    )
    refused(result, "s.json")
    assert (tmp_path / "o" / "summary.json").exists()


def test_full_disk_in_mid_sweep_keeps_rows_and_resumes(tightrope, net, tmp_path, monkeypatch):
    whole = tightrope("explore", net, *SMALL, "--out", tmp_path / "whole", "--json", "-")
    write, left = parts.write_part, [3]

    def failing(part, rows):
        if not left[0]:
            part.path.with_name(".torn.new").write_bytes(b"PAR1")
            raise file_error("write", part.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        left[0] -= 1
        write(part, rows)

    monkeypatch.setattr(store, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(store, "write_part", failing)
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), "No space left", "o")
    kept = parts_in(tmp_path / "o")
    assert len(kept) == 3
    monkeypatch.setattr(store, "write_part", write)
    again = tightrope("explore", net, *SMALL, "--out", tmp_path / "o", "--json", "-")
    assert again.stdout == whole.stdout
    assert parts_in(tmp_path / "o")[:3] == kept and not list(tmp_path.rglob(".*"))


def parts_in(out):
    """What part files hold, in order."""
    return [path.read_bytes() for path in sorted((out / store.PARTS_NAME).glob("[0-9]*"))]


def test_full_disk_while_the_table_is_written_keeps_the_old_one(
    tightrope, net, tmp_path, monkeypatch
):
    tightrope("explore", net, *SMALL, "--out", tmp_path / "o")
    before = (tmp_path / "o" / "results.parquet").read_bytes()

    def full(self, content):
        os.close(os.open(self, os.O_CREAT | os.O_WRONLY))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(
        tightrope("explore", net, *SMALL, "--tile-cols", "64", "--out", tmp_path / "o"),
        "No space left",
    )
    assert (tmp_path / "o" / "results.parquet").read_bytes() == before
    assert not list(tmp_path.rglob(".*"))


def test_bug_of_ours_keeps_its_traceback(tightrope, net, tmp_path, monkeypatch):
    monkeypatch.setattr(ResultStore, "add", lambda self, row: 1 // 0)
    result = tightrope("explore", net, *SMALL, "--out", tmp_path / "o")
    assert isinstance(result.exception, ZeroDivisionError)


def test_folder_in_use_is_refused(tightrope, net, tmp_path):
    with ResultStore(tmp_path / "o", Row):
        refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), "in use")


def test_external_weights_that_are_gone(tightrope, net, tmp_path):
    model = onnx.load(net)
    onnx.save(model, net, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    refused(tightrope("explore", net, *SMALL, "--out", tmp_path / "o"), "w.bin")
