"""Runs inside the simulator that cocotb's own runner builds, for :mod:`.bench`."""

import os
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import First, RisingEdge, Timer

from .wrapper import CLOCK_PERIOD_NS


@cocotb.test()
async def measure(dut: Any) -> None:
    """Run from reset for a number of cycles and write down how many of them fit in a second."""
    cycles = int(os.environ["TIGHTROPE_CYCLES"])
    dut.rst.value = 1
    Clock(dut.clk, CLOCK_PERIOD_NS, unit="ns").start(start_high=False)
    await Timer(16 * CLOCK_PERIOD_NS, "ns")
    dut.rst.value = 0
    start = time.perf_counter()
    await First(RisingEdge(dut.done), Timer(cycles * CLOCK_PERIOD_NS, "ns"))
    elapsed_s = time.perf_counter() - start
    Path(os.environ["TIGHTROPE_RESULT"]).write_text(str(cycles / elapsed_s))
