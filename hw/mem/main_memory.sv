// Main memory in simulation: one beat per cycle, stored in a file that the host maps too.
// The storage is main_memory.cpp; it is called only in a cycle with `en`.
module main_memory #(
    parameter int     WIDTH_BYTES = 16,
    parameter longint SIZE_BYTES  = 64'h400_0000
) (
    input                            clk,
    input                            en,
    input      [31:0]                addr,        // in beats of WIDTH_BYTES
    input                            we,
    input      [8*WIDTH_BYTES-1:0]   wdata,
    input      [WIDTH_BYTES-1:0]     wmask,       // a bit per byte
    output reg [8*WIDTH_BYTES-1:0]   rdata        // after a write: unchanged
);
    import "DPI-C" function void tightrope_memory_open(input longint size_bytes);
    import "DPI-C" function void tightrope_memory_read(
        input int beat, input int width_bytes, output bit [8*WIDTH_BYTES-1:0] data);
    import "DPI-C" function void tightrope_memory_write(
        input int beat, input int width_bytes, input bit [8*WIDTH_BYTES-1:0] data, input int mask);

    initial tightrope_memory_open(SIZE_BYTES);

    bit [8*WIDTH_BYTES-1:0] beat_data;

    always @(posedge clk) begin
        if (en) begin
            if (we) begin
                tightrope_memory_write(addr, WIDTH_BYTES, wdata, 32'(wmask));
            end else begin
                tightrope_memory_read(addr, WIDTH_BYTES, beat_data);
                rdata <= beat_data;
            end
        end
    end
endmodule
