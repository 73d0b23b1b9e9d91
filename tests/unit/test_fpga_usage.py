"""What a netlist takes, by block, and whether a board has it."""

import pytest
from tightrope.fpga.boards import BOARDS
from tightrope.fpga.errors import FpgaError
from tightrope.fpga.usage import Usage, check_fit, netlist_usage, shortages, total_of

CELLS = {
    "top.machine.cluster.hart_0.core.core.pc_TRELLIS_FF_Q": "TRELLIS_FF",
    "top.machine.cluster.hart_0.core.core.pc_LUT4_Z": "LUT4",
    "top.machine.cluster.hart_0.cfu.digital.bank_0.0.0": "TRELLIS_DPR16X4",
    "top.machine.cluster.hart_1.cfu.tile_3.array.engine.words.0.0": "DP16KD",
    "top.machine.cluster.loose_0.tile.array.engine.lanes_MULT18X18D_A": "MULT18X18D",
    "top.machine.cluster.memory.array.words.0.0": "DP16KD",
    "top.machine.cluster.memory.arbiter.last_CCU2C_S0": "CCU2C",
    "top.machine.cluster.scratchpad.banks.bank_0.words.0.0": "DP16KD",
    "top.machine.cluster.shared.taken_LUT4_Z": "LUT4",
    "top.machine.cluster.dma.state_TRELLIS_FF_Q": "TRELLIS_FF",
    "top.machine.cluster.host.done_TRELLIS_FF_Q": "TRELLIS_FF",
    "top.link.rx_TRELLIS_FF_Q": "TRELLIS_FF",
    "crg.pll": "EHXPLLL",
    "crg.power_on.reset_TRELLIS_FF_Q": "TRELLIS_FF",
}


def netlist(cells):
    return {"modules": {"top": {"cells": {name: {"type": kind} for name, kind in cells.items()}}}}


def test_each_cell_counts_for_the_block_that_it_is_named_after():
    assert netlist_usage(netlist(CELLS)) == {
        "harts": Usage(lut=7, ff=1),
        "tiles": Usage(bram=1, dsp=1),
        "memory": Usage(bram=2),
        "interconnect": Usage(lut=3),
        "DMA": Usage(ff=1),
        "sync": Usage(ff=1),
        "link": Usage(ff=1),
        "clock": Usage(ff=1),
    }


def test_blocks_add_up_to_the_whole():
    assert total_of(netlist_usage(netlist(CELLS))) == Usage(lut=10, ff=5, bram=3, dsp=1)


def test_what_there_is_fits_to_the_last_cell():
    board = BOARDS["ulx3s-25f"]
    everything = Usage(**board.device.to_dict())
    check_fit("it", everything, board)
    assert not shortages(everything, board)


@pytest.mark.parametrize(
    ("name", "words"),
    [("lut", "LUTs"), ("ff", "flip-flops"), ("bram", "block RAMs"), ("dsp", "multipliers")],
)
def test_one_more_is_refused_with_what_it_needs_and_what_there_is(name, words):
    board = BOARDS["orangecrab-25f"]
    has = board.device.to_dict()
    too_much = Usage(**{**has, name: has[name] + 1})
    with pytest.raises(
        FpgaError,
        match=rf"^it does not fit orangecrab-25f: it needs {has[name] + 1} {words} of {has[name]}$",
    ):
        check_fit("it", too_much, board)


def test_everything_that_is_short_is_named():
    with pytest.raises(FpgaError, match="needs 99999 LUTs of 24288, 57 block RAMs of 56$"):
        check_fit("it", Usage(lut=99_999, ff=1, bram=57), BOARDS["ulx3s-25f"])
