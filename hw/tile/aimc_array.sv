// A behavioural analog tile: every weight and start, every eight bytes of input and every word of
// output is one call into C++.
//
// The storage lives in aimc_array.cpp, so an idle tile costs four tests per clock cycle. An MVM is
// computed in the cycle of its start; the control around the array spends the latency. The ports
// are those of ArrayInterface (array.py).

module aimc_array #(
  parameter int ROWS = 256,
  parameter int COLS = 256,
  parameter int WEIGHT_BITS = 8,
  parameter int ADC_BITS = 32,
  parameter int INPUT_BYTES = 8,
  parameter int OUTPUT_WORDS = 1,
  localparam int OUTPUT_BYTES = ADC_BITS <= 8 ? 1 : ADC_BITS <= 16 ? 2 : 4,
  localparam int ROW_BITS = $clog2(ROWS),
  localparam int COL_BITS = $clog2(COLS),
  localparam int BANK_WORDS = COLS * OUTPUT_BYTES / 4,
  localparam int WORD_BITS = $clog2(BANK_WORDS)
) (
  input logic clk,

  input logic input_en,
  input logic input_bank,
  input logic [ROW_BITS-1:0] input_index,
  input logic [8*INPUT_BYTES-1:0] input_data,
  input logic [$clog2(INPUT_BYTES+1)-1:0] input_count,

  input logic weight_en,
  input logic [ROW_BITS-1:0] weight_row,
  input logic [COL_BITS-1:0] weight_col,
  input logic [31:0] weight_data,

  input logic start_en,
  input logic start_input_bank,
  input logic start_output_bank,
  input logic [ROW_BITS-1:0] start_row,
  input logic [$clog2(ROWS+1)-1:0] start_rows,
  input logic [COL_BITS-1:0] start_col,
  input logic [$clog2(COLS+1)-1:0] start_cols,
  input logic [4:0] start_shift,
  input logic [$clog2(ROWS+1)-1:0] start_bytes,

  input logic output_en,
  input logic output_bank,
  input logic [WORD_BITS-1:0] output_index,
  output logic [32*OUTPUT_WORDS-1:0] output_data,

  output logic busy,
  output logic late
);
  import "DPI-C" function chandle aimc_create(
    input int rows, input int cols, input int weight_bits, input int adc_bits);
  import "DPI-C" function void aimc_destroy(input chandle handle);
  import "DPI-C" function void aimc_program(
    input chandle handle, input int row, input int col, input int unsigned data);
  import "DPI-C" function void aimc_input(
    input chandle handle, input int bank, input int index, input longint unsigned data,
    input int count);
  import "DPI-C" function void aimc_mvm(
    input chandle handle, input int input_bank, input int output_bank, input int row,
    input int rows, input int col, input int cols, input int shift, input int bytes);
  import "DPI-C" function int unsigned aimc_output(
    input chandle handle, input int bank, input int index);

  chandle handle;
  initial handle = aimc_create(ROWS, COLS, WEIGHT_BITS, ADC_BITS);
  final aimc_destroy(handle);

  localparam int CHUNKS = (INPUT_BYTES + 7) / 8;
  logic [64*CHUNKS-1:0] input_chunks;
  assign input_chunks = (64*CHUNKS)'(input_data);

  always_ff @(posedge clk) begin
    if (weight_en) aimc_program(handle, int'(weight_row), int'(weight_col), weight_data);
    if (input_en)
      for (int i = 0; i < CHUNKS; i++)
        if (int'(input_count) > 8 * i)
          aimc_input(handle, int'(input_bank), int'(input_index) + 8 * i, input_chunks[64*i+:64],
                     int'(input_count) < 8 * i + 8 ? int'(input_count) - 8 * i : 8);
    if (start_en)
      aimc_mvm(handle, int'(start_input_bank), int'(start_output_bank), int'(start_row),
               int'(start_rows), int'(start_col), int'(start_cols), int'(start_shift),
               int'(start_bytes));
    if (output_en)
      for (int i = 0; i < OUTPUT_WORDS; i++)
        if (int'(output_index) + i < BANK_WORDS)
          output_data[32*i+:32] <=
            aimc_output(handle, int'(output_bank), int'(output_index) + i);
  end

  assign busy = 1'b0;
  assign late = 1'b0;
endmodule
