"""What the doctor says, well and ill."""

import os
import sys

import pytest
from tightrope.sim import doctor

TOOLS_ON_PATH = {"g++", "make", "perl", "Verilator"}


@pytest.fixture(scope="module")
def findings():
    return {finding.name: finding for finding in doctor.diagnose()}


@pytest.fixture
def findings_without_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    return {finding.name: finding for finding in doctor.diagnose()}


def test_everything_is_well_where_the_tests_run(findings):
    ill = [finding for finding in findings.values() if not finding.ok]
    assert ill == []


def test_every_finding_is_one_line(findings, findings_without_path):
    for finding in [*findings.values(), *findings_without_path.values()]:
        assert finding.detail and "\n" not in finding.detail
        assert bool(finding.advice) != finding.ok


def test_missing_programs_are_named_and_the_rest_still_checked(findings_without_path):
    ill = {name for name, finding in findings_without_path.items() if not finding.ok}
    assert ill >= TOOLS_ON_PATH
    assert findings_without_path["g++"].detail == "no g++ on PATH"
    assert "apt install g++" in findings_without_path["g++"].advice
    assert findings_without_path["Python"].ok


def test_compiler_that_fails_is_not_well(monkeypatch, tmp_path):
    fake = tmp_path / "g++"
    fake.write_text("#!/bin/sh\n[ $# = 1 ] && echo 9.1.0 && exit\necho no coroutines >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    finding = next(f for f in doctor.diagnose() if f.name == "g++")
    assert (finding.ok, finding.detail) == (False, "no coroutines")


def test_missing_python_package_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    finding = next(f for f in doctor.diagnose() if f.name == "ONNX")
    assert (finding.ok, finding.advice) == (False, "pip install onnx")


def test_full_disk_is_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path))
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 1 << 60)
    finding = next(f for f in doctor.diagnose() if f.name == "build folder")
    assert not finding.ok
    assert finding.detail.startswith("only ")
