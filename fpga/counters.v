// For Yosys' techmap: a sum with a single bit, which is how events are counted, as a choice between
// two values. It finds the clock enable in that; of a sum it would make a carry chain behind the
// event, and events are late in their cycle.
(* techmap_celltype = "$add" *)
module counted (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    // Narrow ones may be anything.
    wire _TECHMAP_FAIL_ = B_WIDTH != 1 || A_WIDTH < 32 || A_SIGNED || B_SIGNED;

    wire [Y_WIDTH-1:0] next = A + 1;
    assign Y = B ? next : A;
endmodule
