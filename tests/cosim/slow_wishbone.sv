// Main memory behind a Wishbone bus that takes its time: mostly some cycles, now and then many.
module slow_wishbone #(
    parameter int     WIDTH_BYTES = 16,
    parameter longint SIZE_BYTES  = 64'h400_0000
) (
    input                        clk,
    input                        cyc, stb, we,
    input      [31:0]            adr,        // in beats of WIDTH_BYTES
    input      [8*WIDTH_BYTES-1:0] dat_w,
    input      [WIDTH_BYTES-1:0] sel,
    output     [8*WIDTH_BYTES-1:0] dat_r,
    output reg                   ack
);
    reg [31:0] random = 32'hACE1;
    reg        waits = 1'b0;
    reg [5:0]  left;
    wire       en = cyc & stb & ~ack & waits & left == 0;

    always @(posedge clk) begin
        random <= {random[30:0], random[31] ^ random[21] ^ random[1] ^ random[0]};
        ack <= en;
        waits <= cyc & stb & ~ack;
        if (!waits) left <= random[3:0] == 0 ? random[9:4] : 6'(random[5:4]);
        else if (left != 0) left <= left - 1;
    end

    main_memory #(.WIDTH_BYTES(WIDTH_BYTES), .SIZE_BYTES(SIZE_BYTES)) memory (
        .clk(clk), .en(en), .addr(adr), .we(we), .wdata(dat_w), .wmask(sel), .rdata(dat_r));
endmodule
