import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet

PROGRAM = Path(__file__).with_name("stub_main.py")
OPTIONS = ("--harts", "1,2,4", "--tiles", "1,2,4,8", "--no-live", "--quiet")
PATIENCE_S = 60


def start(net, out, delay_s=0.0, **options):
    command = [sys.executable, PROGRAM, "explore", net, *OPTIONS, "--out", out]
    environment = {**os.environ, "STUB_DELAY_S": str(delay_s)}
    return subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process):
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in errors
    return process.returncode, errors


def rows(out):
    return pyarrow.parquet.read_table(out / "results.parquet").to_pylist()


def test_ctrl_c_keeps_rows_and_the_same_command_resumes(net, tmp_path):
    assert finish(start(net, tmp_path / "whole"))[0] == 0
    out = tmp_path / "o"
    process = start(net, out, delay_s=0.01)
    deadline = time.monotonic() + PATIENCE_S
    journal = out / "results.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 5:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    status, errors = finish(process)
    assert status == 130
    assert len(errors.splitlines()) == 1 and "goes on from there" in errors
    kept = rows(out)
    assert 5 <= len(kept) < len(rows(tmp_path / "whole"))
    assert finish(start(net, out))[0] == 0
    assert rows(out) == rows(tmp_path / "whole")
    keys = [json.loads(line)["key"] for line in journal.read_text().splitlines()]
    assert len(keys) == len(set(keys)) == len(rows(out))
    assert keys[: len(kept)] == [row["key"] for row in kept]


def test_killed_sweep_resumes_even_with_a_torn_line(net, tmp_path):
    assert finish(start(net, tmp_path / "whole"))[0] == 0
    out = tmp_path / "o"
    out.mkdir()
    lines = (tmp_path / "whole" / "results.jsonl").read_bytes().splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:100])
    assert finish(start(net, out))[0] == 0
    assert rows(out) == rows(tmp_path / "whole")
    assert (out / "results.jsonl").read_bytes() == b"".join(lines)


def test_write_that_stops_in_mid_line_loses_no_row(net, tmp_path):
    # A limit on the size of files fails like a full disk does: the last write is cut short.
    limit = 5000
    process = start(
        net,
        tmp_path / "o",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    status, errors = finish(process)
    assert status == 2 and len(errors.splitlines()) == 1 and "results.jsonl" in errors
    journal = (tmp_path / "o" / "results.jsonl").read_text()
    assert journal.endswith("}\n") and len(journal) <= limit
    assert finish(start(net, tmp_path / "o"))[0] == 0
