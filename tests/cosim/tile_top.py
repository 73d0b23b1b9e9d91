"""Verilog around tiles of several configurations: one port for each coupling, one simulator."""

from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from tightrope.hw.bus.shared import RegisterBus
from tightrope.hw.config import TileConfig
from tightrope.hw.coupling.cfu import Cfu, CfuCommand
from tightrope.hw.coupling.loose import LooseTile

__all__ = ["CONFIGS", "TOP", "TILES_PER_CFU", "control_file", "top_source", "units_source"]

CONFIGS = [
    TileConfig(rows=8, cols=8, adc_bits=8, weight_bits=4),
    TileConfig(rows=8, cols=8, adc_bits=32, weight_bits=8),
    TileConfig(rows=256, cols=256, adc_bits=32, weight_bits=8),
    TileConfig(rows=512, cols=512, adc_bits=8, weight_bits=4, program_latency_cycles=1),
    TileConfig(rows=72, cols=40, adc_bits=12, weight_bits=8, mvm_latency_cycles=1),
    TileConfig(rows=24, cols=40, adc_bits=32, mvm_latency_cycles=1, post_lanes=8),
    TileConfig(rows=72, cols=24, adc_bits=8, mvm_latency_cycles=9, post_lanes=2),
]
TILES_PER_CFU = 2
TOP = "tile_top"


class _Units(wiring.Component):
    """A CFU and a loose tile of each configuration; ``unit`` selects the pair that is driven."""

    def __init__(self):
        super().__init__(
            {
                "unit": In(range(len(CONFIGS))),
                "cmd": In(stream.Signature(CfuCommand)),
                "rsp": Out(stream.Signature(32)),
                "bus": In(RegisterBus(addr_width=12)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for i, config in enumerate(CONFIGS):
            m.submodules[f"cfu_{i}"] = cfu = Cfu(tile=config, tile_count=TILES_PER_CFU)
            m.submodules[f"loose_{i}"] = loose = LooseTile(config=config)
            m.d.comb += cfu.cmd.payload.eq(self.cmd.payload)
            for name in ("we", "addr", "sel", "hart", "dat_w"):
                m.d.comb += getattr(loose.bus, name).eq(getattr(self.bus, name))
            with m.If(self.unit == i):
                m.d.comb += [
                    cfu.cmd.valid.eq(self.cmd.valid),
                    self.cmd.ready.eq(cfu.cmd.ready),
                    self.rsp.valid.eq(cfu.rsp.valid),
                    self.rsp.payload.eq(cfu.rsp.payload),
                    cfu.rsp.ready.eq(self.rsp.ready),
                    loose.bus.stb.eq(self.bus.stb),
                    self.bus.dat_r.eq(loose.bus.dat_r),
                    self.bus.ack.eq(loose.bus.ack),
                ]
        return m


def units_source():
    """Verilog of the tiles."""
    return verilog.convert(_Units(), name="units", emit_src=False, strip_internal_attrs=True)


def top_source():
    """Verilog of the top: registers with the outcome of each cycle.

    Python acts in the middle of a cycle; what the cycle's end brought it sees half a cycle later.
    """
    return f"""`timescale 1ns/1ps
module {TOP}(input clk);
    reg rst = 1'b1;
    reg [2:0] unit;
    reg cmd_valid, stb, we;
    reg [9:0] function_id;
    reg [31:0] inputs_0, inputs_1, dat_w;
    reg [11:0] addr;
    reg [3:0] sel;
    reg [2:0] hart;
    wire cmd_ready, rsp_valid, ack;
    wire [31:0] rsp, dat_r;
    reg cmd_taken, bus_taken;
    reg [31:0] bus_data;
    always @(posedge clk) begin
        cmd_taken <= cmd_valid & cmd_ready;
        bus_taken <= stb & ack;
        bus_data <= dat_r;
    end
    units units(
        .clk(clk), .rst(rst), .unit(unit),
        .cmd__valid(cmd_valid), .cmd__ready(cmd_ready),
        .cmd__payload({{inputs_1, inputs_0, function_id}}),
        .rsp__valid(rsp_valid), .rsp__ready(1'b1), .rsp__payload(rsp),
        .bus__stb(stb), .bus__we(we), .bus__addr(addr), .bus__sel(sel), .bus__hart(hart),
        .bus__dat_w(dat_w), .bus__dat_r(dat_r), .bus__ack(ack));
endmodule
"""


def control_file():
    """Verilator control file: Python reads and writes the top only."""
    return f'`verilator_config\npublic_flat_rw -module "{TOP}" -var "*"\n'
