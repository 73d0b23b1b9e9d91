import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

PROGRAM = Path(__file__).with_name("stub_main.py")
OPTIONS = ("--harts", "1,2,4", "--tiles", "1,2,4,8", "--no-live", "--quiet")
PATIENCE_S = 60


def start(net, out, *more, delay_s=0.0, **options):
    command = [sys.executable, PROGRAM, "explore", net, *OPTIONS, *more, "--out", out]
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


def wait_for_rows(process, out, count):
    deadline = time.monotonic() + PATIENCE_S
    while len(keys(out)) < count:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)


def keys(out):
    """Of all rows that are on disk, also if one is there twice."""
    found = sorted((out / "results.parts").glob("[0-9]*.parquet"))
    tables = [pyarrow.parquet.read_table(path, columns=["key"]) for path in found]
    return [key for table in tables for key in table["key"].to_pylist()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_rows_and_the_same_command_resumes(net, tmp_path, workers):
    assert finish(start(net, tmp_path / "whole"))[0] == 0
    out = tmp_path / "o"
    process = start(net, out, "--workers", workers, delay_s=0.1, start_new_session=True)
    wait_for_rows(process, out, 5)
    # As a terminal does: to the workers as well.
    os.killpg(process.pid, signal.SIGINT)
    status, errors = finish(process)
    assert status == 130
    assert len(errors.splitlines()) == 1 and "goes on from there" in errors
    kept = rows(out)
    assert 5 <= len(kept) < len(rows(tmp_path / "whole"))
    assert f"stopped with {len(kept)} of " in errors
    kept_keys = keys(out)
    assert finish(start(net, out))[0] == 0
    assert rows(out) == rows(tmp_path / "whole")
    assert len(keys(out)) == len(set(keys(out))) == len(rows(out))
    assert keys(out)[: len(kept)] == kept_keys


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_sweep_loses_and_doubles_nothing(net, tmp_path, workers):
    assert finish(start(net, tmp_path / "whole"))[0] == 0
    out = tmp_path / "o"
    for enough in (3, 8, 13):
        process = start(net, out, "--workers", workers, delay_s=0.1)
        wait_for_rows(process, out, enough)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    kept = keys(out)
    assert finish(start(net, out))[0] == 0
    assert rows(out) == rows(tmp_path / "whole")
    assert keys(out)[: len(kept)] == kept
    assert len(keys(out)) == len(set(keys(out))) == len(rows(out))


def test_write_that_stops_in_mid_file_loses_no_other_row(net, tmp_path):
    # A limit on the size of files fails like a full disk does: the last write is cut short.
    limit = 2000
    process = start(
        net,
        tmp_path / "o",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    status, errors = finish(process)
    assert status == 2 and len(errors.splitlines()) == 1 and "File too large" in errors
    assert keys(tmp_path / "o") == []
    assert finish(start(net, tmp_path / "o"))[0] == 0
