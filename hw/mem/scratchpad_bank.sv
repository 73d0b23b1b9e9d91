// A single-ported bank of the scratchpad with byte lanes.
module scratchpad_bank #(
    parameter int WORDS = 1024
) (
    input                          clk,
    input                          en,
    input                          write,
    input      [$clog2(WORDS)-1:0] addr,
    input      [31:0]              data,
    input      [3:0]               mask,
    output reg [31:0]              rdata    // after a write: unchanged
);
    reg [31:0] words [WORDS];

    initial for (int i = 0; i < WORDS; i++) words[i] = 32'b0;

    always @(posedge clk) begin
        if (en) begin
            if (!write) rdata <= words[addr];
            else for (int lane = 0; lane < 4; lane++)
                if (mask[lane]) words[addr][8*lane+:8] <= data[8*lane+:8];
        end
    end
endmodule
