import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from tightrope.sim.cosim.cache import cache_dir

CHECKOUT = Path(__file__).parents[2]
PARTS = ("hw", "sw", "sim", "fpga")
ENDINGS = {".py", ".c", ".h", ".S", ".inc", ".v", ".sv", ".cpp", ".json", ".js"}
HOST_ONLY = ("sw/host/", "sw/apps/")
"""Firmware for the host: for our tests, not for users."""


@pytest.fixture(scope="module")
def folder():
    """A place for a copy of the sources: setuptools leaves things behind where it works."""
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="wheel-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(folder):
    copy = folder / "sources"
    copy.mkdir()
    for part in PARTS:
        shutil.copytree(
            CHECKOUT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(CHECKOUT / name, copy)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, copy)
    (path,) = folder.glob("tightrope-*.whl")
    return path


def pip(command, *arguments):
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", command, "-q", "--no-deps"]
    result = subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_wheel_holds_every_source_and_data_file(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(CHECKOUT).as_posix()
        for part in PARTS
        for path in (CHECKOUT / part).rglob("*")
        if path.suffix in ENDINGS and "__pycache__" not in path.parts
    }
    expected = {name for name in expected if not name.startswith(HOST_ONLY)}
    assert {Path(name).suffix for name in expected} >= ENDINGS - {".v"}
    assert not {f"tightrope/{name}" for name in expected} - names


def test_wheel_holds_every_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages = settings["tool"]["setuptools"]["packages"]
    assert not {f"{package.replace('.', '/')}/__init__.py" for package in packages} - names


def test_command_of_an_installed_wheel_runs_outside_the_checkout(wheel, folder, tmp_path):
    target = folder / "installed"
    pip("install", "--no-index", "--target", target, wheel)
    env = os.environ | {"PYTHONPATH": str(target)}

    def run(*command):
        line = [sys.executable, *map(str, command)]
        result = subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    where = "from tightrope import hw, sim; print(hw.__file__); print(sim.__file__)"
    assert all(name.startswith(str(target)) for name in run("-c", where).splitlines())
    assert "explore" in run(target / "bin" / "tightrope", "--help")
