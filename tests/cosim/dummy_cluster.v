// A cluster without harts, to test the runner: it reads four words at 96 bytes into the image
// (cycles to run, exit status, address of a word, its value), stores the word and ends.
// A run of 0 cycles never ends, one of 0xFFFFFFFF reads outside the memory.
module VexRiscv(input clk, input rst, output reg [31:0] pc);
    wire [31:0] lastStagePc = pc;
    always @(posedge clk) pc <= rst ? 32'h4000_0000 : 32'h4000_0120;
endmodule

// What hw/probes.py names: bits of the cycle counter again.
module dummy_array(input bus__start_en);
endmodule

module dummy_tile(input computing, start);
    dummy_array array(.bus__start_en(start));
endmodule

module dummy_cfu(input computing, start);
    dummy_tile tile_0(.computing(computing), .start(start));
endmodule

module dummy_beats(input [3:0] beats);
endmodule

module dummy_fabric(input transfer);
endmodule

module hart(input clk, input rst, input computing, start, output [31:0] pc);
    VexRiscv core(.clk(clk), .rst(rst), .pc(pc));
    dummy_cfu cfu(.computing(computing), .start(start));
endmodule

module cluster(
    input clk, input rst,
    output reg done, output [7:0] exit_status, output reg [31:0] cycles,
    output [31:0] fault_hart, fault_cause, fault_addr, fault_pc,
    output [2:0] hart_state_0, hart_state_1,
    output [1:0] tile_busy
);
    localparam [31:0] PARAMETERS = PARAMETERS_OFFSET / 16;  // which the test fills in
    wire [127:0] rdata;
    reg [31:0] count, status, store_addr, value;
    reg [3:0] after;
    wire bad = count == 32'hFFFF_FFFF;
    // The store comes some cycles after `done`, as it may in the real machine.
    wire store = after == 9;
    main_memory #(.WIDTH_BYTES(16), .SIZE_BYTES(64'h10_0000)) array(
        .clk(clk), .en(!rst && (cycles == 0 || bad || store)), .we(store),
        .addr(bad ? 32'hFFF_FFFF : store ? store_addr >> 4 : PARAMETERS),
        .wdata({4{value}}), .wmask(16'b0101 << {store_addr[3:2], 2'b0}), .rdata(rdata)
    );
    wire [31:0] pc_0, pc_1;
    hart hart_1(.clk(clk), .rst(rst), .computing(1'b0), .start(1'b0), .pc(pc_1));
    hart hart_0(.clk(clk), .rst(rst), .computing(cycles[3]), .start(cycles[3:0] == 8), .pc(pc_0));
    // Each port in turn; the first and the last cycle, among others.
    dummy_beats memory(.beats(4'b1 << cycles[1:0]));
    dummy_fabric shared(.transfer(cycles[1:0] == 0 || cycles[1:0] == 3));
    assign exit_status = status[7:0];
    assign {fault_hart, fault_cause, fault_addr, fault_pc} = {32'd1, 32'd5, 32'h50, pc_0};
    assign hart_state_0 = cycles[4:2] == 0 ? 3'd1 : 3'd0;
    assign hart_state_1 = 3'd4;
    assign tile_busy = {1'b0, cycles[3]};
    always @(posedge clk) begin
        if (rst) begin
            {done, cycles, after, value, store_addr, status, count} <= 0;
        end else begin
            if (!done) cycles <= cycles + 1;
            if (cycles == 1) {value, store_addr, status, count} <= rdata;
            if (cycles > 1 && cycles + 1 == count) done <= 1;
            if (done && after != 15) after <= after + 1;
        end
    end
endmodule
