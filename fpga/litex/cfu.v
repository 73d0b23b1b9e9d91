// The least that LiteX's "full+cfu" core can have behind its custom instructions: one of the two
// operands, from a register, so that no path goes through it.
module Cfu (
    input clk,
    input reset,
    input cmd_valid,
    output cmd_ready,
    input [9:0] cmd_payload_function_id,
    input [31:0] cmd_payload_inputs_0,
    input [31:0] cmd_payload_inputs_1,
    output reg rsp_valid,
    input rsp_ready,
    output reg [31:0] rsp_payload_outputs_0
);
    assign cmd_ready = ~rsp_valid | rsp_ready;

    always @(posedge clk) begin
        if (cmd_ready) begin
            rsp_valid <= cmd_valid;
            rsp_payload_outputs_0 <=
                cmd_payload_function_id[0] ? cmd_payload_inputs_1 : cmd_payload_inputs_0;
        end
        if (reset) rsp_valid <= 0;
    end
endmodule
