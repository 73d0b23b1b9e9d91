import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tightrope.hw.tile.array import array_sources
from tightrope.sim.cosim.runner import ClusterRunner
from tile_top import CONFIGS, TOP, control_file, top_source, units_source

TIMEOUT_S = 300
LOG_TAIL_CHARS = 4000
COCOTB_TESTS = [
    f"{coupling}_tiles_match_golden/unit={unit}"
    for coupling in ("tight", "loose")
    for unit in range(len(CONFIGS))
] + ["weights_survive_a_reset_of_the_machine"]


def run_simulator(build_dir):
    """Build, run, and return the outcome of each cocotb test by name; None is success."""
    sources = {f"{TOP}.sv": top_source(), "units.v": units_source(), f"{TOP}.vlt": control_file()}
    for name, text in sources.items():
        (build_dir / name).write_text(text)
    body, arithmetic = array_sources()
    runner = ClusterRunner()
    runner.compile(
        verilog=[build_dir / f"{TOP}.sv", build_dir / "units.v", body],
        cpp=[arithmetic],
        control_file=build_dir / f"{TOP}.vlt",
        top=TOP,
        build_dir=build_dir,
        log_file=build_dir / "build.log",
        trace=False,
    )
    python_path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with (build_dir / "simulator.log").open("wb") as log:
        process = runner.start(
            binary=build_dir / TOP,
            test_module="tile_testbench",
            run_dir=build_dir,
            log=log,
            env={"PYTHONPATH": os.pathsep.join(python_path)},
        )
        try:
            process.wait(timeout=TIMEOUT_S)
        finally:
            process.kill()
    cases = ElementTree.parse(build_dir / "results.xml").iter("testcase")
    return {case.get("name"): case.find("failure") for case in cases}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    build_dir = tmp_path_factory.mktemp("tiles")
    try:
        yield run_simulator(build_dir)
    finally:
        for log in ("build.log", "simulator.log"):
            if (build_dir / log).exists():
                print((build_dir / log).read_text(errors="replace")[-LOG_TAIL_CHARS:])


@pytest.mark.parametrize("name", COCOTB_TESTS)
def test_in_verilator(outcomes, name):
    assert name in outcomes, f"did not run: {name}"
    failure = outcomes[name]
    assert failure is None, failure.get("error_msg")


def test_every_cocotb_test_is_looked_at(outcomes):
    assert sorted(outcomes) == sorted(COCOTB_TESTS)
