"""Runs inside the simulator: one machine, one image after another, on the parent's command.

The parent writes main memory, then sends one line of JSON; the answer is one line of JSON.
Python runs only when a run begins, ends, or has gone on for another ``report_cycles``.
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.triggers import First, RisingEdge, Timer

RESET_CYCLES = 16
HANG_CYCLES = 64
"""Looked at when a run hangs; more than a turn of a loop that polls."""
PERIOD_NS = int(os.environ["TIGHTROPE_PERIOD_NS"])


async def _wait(cycles: int) -> None:
    await Timer(cycles * PERIOD_NS, "ns")


def _program_counters(scope: Any) -> Iterator[tuple[list[str | int], Any]]:
    """Path, with its numbers as numbers, and handle of each hart's program counter."""
    for child in scope:
        if child._name == "lastStagePc":
            parts = re.split(r"(\d+)", scope._path)
            yield [int(part) if part.isdigit() else part for part in parts], child
        elif isinstance(child, HierarchyObject):
            yield from _program_counters(child)


async def _hang_pcs(dut: Any) -> list[int]:
    """The lowest program counter of each hart over some cycles.

    What the core fetches behind a jump and then drops passes its last stage too, so a single look
    at a loop may show what follows the loop in memory.
    """
    handles = [handle for _, handle in sorted(_program_counters(dut), key=lambda pair: pair[0])]
    lowest = [int(handle.value) for handle in handles]
    for _ in range(HANG_CYCLES):
        await _wait(1)
        lowest = [min(pc, int(handle.value)) for pc, handle in zip(lowest, handles, strict=True)]
    return lowest


async def _run(dut: Any, job: dict[str, Any], send: Any) -> dict[str, Any]:
    """Run from the release of reset until done or the limit; the machine stays out of reset."""
    dut.rst_request.value = 0
    elapsed = 0
    while elapsed < job["limit_cycles"]:
        step = min(job["report_cycles"], job["limit_cycles"] - elapsed)
        await First(RisingEdge(dut.done), Timer(step * PERIOD_NS, "ns"))
        if dut.done.value == 1:
            result = {name: int(getattr(dut, name).value) for name in job["outputs"]}
            # Stores before the end may still be on their way to the array.
            await _wait(job["drain_cycles"])
            return {"kind": "done", **result}
        elapsed += step
        send({"kind": "progress", "cycles": elapsed})
    return {"kind": "hang", "cycles": elapsed, "pcs": await _hang_pcs(dut)}


@cocotb.test()
async def serve(dut: Any) -> None:
    """Answer the parent's jobs until it closes the connection."""
    with socket.socket(fileno=int(os.environ["TIGHTROPE_SOCKET"])) as connection:
        jobs = connection.makefile("r")

        def send(message: dict[str, Any]) -> None:
            connection.sendall(json.dumps(message).encode() + b"\n")

        dut.rst_request.value = 1
        await _wait(RESET_CYCLES)
        for line in jobs:
            answer = await _run(dut, json.loads(line), send)
            dut.rst_request.value = 1
            await _wait(RESET_CYCLES)
            send(answer)
