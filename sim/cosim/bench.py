"""How fast the simulator is, beside a bare C++ loop and cocotb's own runner."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from cocotb_tools.runner import Verilator
from tightrope.hw.config import ClusterConfig

from .build import Build, build
from .cache import Message, cache_dir
from .errors import BuildError
from .run import REPORT_CYCLES
from .runner import BUILD_ARGS, build_environment, verilator_bin_dir
from .session import Session
from .wrapper import INLINING

__all__ = ["measure_cycles_per_s"]

LOOP = (
    0x4000_8137,  # lui   sp, 0x40008
    0x0000_0293,  # li    t0, 0
    0x0C80_0313,  # li    t1, 200
    0x0001_2503,  # lw    a0, 0(sp)
    0x0265_05B3,  # mul   a1, a0, t1
    0x00B6_0633,  # add   a2, a2, a1
    0x00C1_2223,  # sw    a2, 4(sp)
    0x0081_2683,  # lw    a3, 8(sp)
    0x00D6_4633,  # xor   a2, a2, a3
    0xFFF3_0313,  # addi  t1, t1, -1
    0xFE03_12E3,  # bnez  t1, -28
    0x0012_8293,  # addi  t0, t0, 1
    0xFD9F_F06F,  # j     -40
)
"""Firmware that keeps all harts busy with loads, stores and products, and never ends."""

ROUNDS = 4
"""Each runs once per round, so that what else the computer does slows all of them or none."""


def measure_cycles_per_s(
    config: ClusterConfig,
    *,
    cycles: int = 150_000,
    stock: bool = True,
    on_message: Message = lambda message: None,
) -> dict[str, float]:
    """Cycles per second of 'bare', 'ours' and 'stock', the best of four rounds of ``cycles``.

    'bare' is a C++ loop around the same Verilog; 'stock' is cocotb's runner as it comes, with its
    default flags and its own clock, and no Python between the first cycle and the last. Start-up is
    left out. The first call compiles all three, which takes some minutes; 'stock', the slowest, can
    be left out.
    """
    simulator = build(config, on_message=on_message)
    folder = cache_dir() / "bench" / simulator.folder.name
    on_message("building the bare loop")
    bare = _build_bare(simulator, folder / "bare")
    if stock:
        on_message("building with cocotb's own runner")
        runner = _build_stock(simulator, folder / "stock")
    firmware = b"".join(word.to_bytes(4, "little") for word in LOOP)
    with tempfile.NamedTemporaryFile() as memory:
        memory.write(firmware)
        memory.truncate(config.memory.size_bytes)
        memory.flush()
        env = {"TIGHTROPE_MEMORY": memory.name}
        runs = {
            "bare": lambda count: _run_bare(bare, count, env),
            "ours": lambda count: _run_ours(simulator, count, firmware),
        }
        if stock:
            # So slow that fewer cycles are as good.
            runs["stock"] = lambda count: _run_stock(runner, simulator, count // 3, env)
        speeds = dict.fromkeys(runs, 0.0)
        for _ in range(ROUNDS):
            for name, run in runs.items():
                speeds[name] = max(speeds[name], run(cycles))
        return speeds


def _build_bare(simulator: Build, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    control = folder / "bare.vlt"
    control.write_text(f"`verilator_config\n{INLINING}\n")
    verilate = [
        str(verilator_bin_dir() / "verilator"), "--cc", "--exe",
        "--top-module", "cluster", "--prefix", "Vtop", "-Mdir", str(folder), "-o", "bare",
        *BUILD_ARGS, str(control), *(str(path) for path in simulator.sources),
        str(Path(__file__).with_name("bare.cpp")),
    ]  # fmt: skip
    make = ["make", "-j", "2", "-C", str(folder), "-f", "Vtop.mk"]
    log_file = folder / "build.log"
    with log_file.open("wb") as log:
        for command in (verilate, make):
            if subprocess.run(
                command, env=build_environment(os.environ), stdout=log, stderr=log, check=False
            ).returncode:
                raise BuildError(f"the bare loop does not build; see {log_file}")
    return folder / "bare"


def _run_bare(binary: Path, cycles: int, env: dict[str, str]) -> float:
    command = [str(binary), str(cycles)]
    return float(subprocess.run(command, env=os.environ | env, capture_output=True).stdout)


def _run_ours(simulator: Build, cycles: int, firmware: bytes) -> float:
    with Session(simulator) as session:
        session.memory[: len(firmware)] = firmware
        # The first job waits for the simulator to start.
        for count in (100, cycles):
            job = {"limit_cycles": count, "report_cycles": REPORT_CYCLES, "drain_cycles": 0}
            start = time.perf_counter()
            session.run(job | {"outputs": []}, what="the benchmark")
        return cycles / (time.perf_counter() - start)


def _build_stock(simulator: Build, folder: Path) -> Verilator:
    folder.mkdir(parents=True, exist_ok=True)
    runner = Verilator()
    # The runner takes tools and repairs from our environment.
    before = dict(os.environ)
    repaired = build_environment(os.environ)
    repaired["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"
    os.environ.update(repaired)
    try:
        runner.build(
            sources=[path for path in simulator.sources if path.suffix != ".cpp"],
            build_args=[
                "-Wno-fatal", *(str(path) for path in simulator.sources if path.suffix == ".cpp")
            ],
            hdl_toplevel="cluster",
            build_dir=folder,
            timescale=("1ns", "1ps"),
            log_file=folder / "build.log",
        )  # fmt: skip
    except RuntimeError:
        raise BuildError(f"cocotb's runner does not build; see {folder / 'build.log'}") from None
    finally:
        os.environ.clear()
        os.environ.update(before)
    return runner


def _run_stock(runner: Verilator, simulator: Build, cycles: int, env: dict[str, str]) -> float:
    result = runner.build_dir / "cycles_per_s"
    result.unlink(missing_ok=True)
    runner.test(
        test_module="tightrope.sim.cosim.stock_testbench",
        hdl_toplevel="cluster",
        hdl_toplevel_lang="verilog",
        extra_env=env | {"TIGHTROPE_CYCLES": str(cycles), "TIGHTROPE_RESULT": str(result)},
        build_dir=runner.build_dir,
        log_file=runner.build_dir / "run.log",
        results_xml=str(runner.build_dir / "results.xml"),
    )
    return float(result.read_text())
