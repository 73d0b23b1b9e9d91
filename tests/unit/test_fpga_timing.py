"""How fast a placed design is, from a report as nextpnr writes it."""

import pytest
from tightrope.fpga.timing import read_timing

BOARD = "$glbnet$crg.board_clk"
MACHINE = "top.machine.cluster.hart_0.cfu.clk"


def path(start, end, *delays_ns):
    return {"from": start, "to": end, "path": [{"delay": delay_ns} for delay_ns in delays_ns]}


def report(*paths):
    used = {"DP16KD": {"used": 94, "available": 208}, "ALU54B": {"used": 0, "available": 78}}
    return {"critical_paths": list(paths), "utilization": used, "fmax": {}}


WITHIN = path(f"posedge {MACHINE}", f"posedge {MACHINE}", 0.5, 15.5)


def test_longest_path_within_a_clock_is_a_period():
    timing = read_timing(report(WITHIN, path(f"posedge {BOARD}", f"posedge {BOARD}", 10.0)))
    assert timing.fmax_mhz == pytest.approx(62.5)
    assert timing.limit == "machine to machine"
    assert timing.paths_ns == {"machine to machine": 16.0, "board to board": 10.0}


def test_path_between_the_clocks_has_a_period_too():
    timing = read_timing(report(WITHIN, path(f"posedge {MACHINE}", f"posedge {BOARD}", 20.0)))
    assert timing.fmax_mhz == pytest.approx(50)
    assert timing.limit == "machine to board"


def test_path_to_the_gate_has_half_of_one():
    timing = read_timing(report(WITHIN, path(f"posedge {MACHINE}", f"negedge {BOARD}", 12.5)))
    assert timing.fmax_mhz == pytest.approx(40)
    assert timing.limit == "machine to board, falling"


def test_names_of_clocks_are_nobodys_promise():
    # As in an SoC of LiteX.
    machine = path("posedge tightrope_machine.cfu.clk", "posedge tightrope_machine.cfu.clk", 17.0)
    board = path("posedge $glbnet$machinesoc_clkout0", "posedge $glbnet$machinesoc_clkout0", 16.0)
    timing = read_timing(report(machine, board))
    assert timing.paths_ns == {"machine to machine": 17.0, "board to board": 16.0}
    assert timing.limit == "machine to machine"


def test_of_two_clocks_of_the_board_the_slower_counts():
    ends = ("posedge $glbnet$clkout0", "posedge $glbnet$clkout1")
    paths = (path(end, end, delay) for end, delay in zip(ends, (20.0, 9.0), strict=True))
    timing = read_timing(report(*paths))
    assert timing.paths_ns == {"board to board": 20.0}
    assert timing.fmax_mhz == pytest.approx(50)


def test_pins_limit_nothing():
    pins = path("<async>", f"posedge {BOARD}", 99.0), path(f"posedge {BOARD}", "<async>", 99.0)
    assert read_timing(report(WITHIN, *pins)).fmax_mhz == pytest.approx(62.5)


def test_what_is_used_is_told_without_the_rest():
    timing = read_timing(report(WITHIN))
    assert timing.used == {"DP16KD": 94}
    assert timing.to_dict()["fmax_mhz"] == 62.5
