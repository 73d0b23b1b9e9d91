"""What our script tells Yosys, beside what the flow's tests see of it."""

from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import data
from tightrope.fpga.synthesis import HIDE, synthesis_script
from tightrope.fpga.tools import YOSYS, run_tool


def test_parts_of_arrays_have_no_names_that_bits_have_too(tmp_path):
    m = Module()
    given, sums = Signal(32), Signal(data.ArrayLayout(8, 4))
    for part in range(4):
        m.d.sync += sums[part].eq(sums[part] + given.word_select(part, 8))
    (tmp_path / "top.il").write_text(rtlil.convert(m, name="top", ports=[given, sums.as_value()]))
    read = "read_rtlil top.il"
    for check in ("select -assert-any w:*[[]3]", f"{HIDE}; select -assert-none w:*[[]*"):
        run_tool(YOSYS, ["-q", "-p", f"{read}; {check}"], folder=tmp_path, log_name="log")


def test_they_lose_them_before_anything_else():
    assert synthesis_script(["read_rtlil top.il"], "top").split("; ")[:2] == [
        "read_rtlil top.il", HIDE,
    ]  # fmt: skip
