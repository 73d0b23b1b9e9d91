// Storage and arithmetic of behavioural analog tiles: what aimc_array.sv calls, once per event.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

// The loops are written to be vectorised whatever the build's flags; the widest unit is chosen at
// run time, so that a binary runs on any machine.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define AIMC_FAST __attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define AIMC_FAST
#endif

namespace {

constexpr int kBanks = 2;

struct Array {
    const int rows, cols, weight_bits, adc_bits;
    // int8 values kept as int16: a column is then one run of multiply-add-pairs instructions.
    std::vector<int16_t> weights{};          // [col][row]
    std::vector<int16_t> inputs[kBanks]{};   // [row of the window]
    std::vector<int32_t> sums{};             // [col of the window], of the latest MVM
    std::vector<uint32_t> outputs[kBanks]{}; // packed elements
};

void require(bool ok, const char* what) {
    if (ok) return;
    std::fprintf(stderr, "aimc_array: %s is outside the array\n", what);
    std::abort();
}

// sums[c] = sum over r of inputs[r] * weights[c * stride + r], exact.
AIMC_FAST void multiply(int32_t* __restrict sums, const int16_t* __restrict inputs,
                        const int16_t* __restrict weights, int stride, int rows, int cols) {
    for (int c = 0; c < cols; c++) {
        const int16_t* column = weights + c * stride;
        int32_t sum = 0;
        for (int r = 0; r < rows; r++) sum += inputs[r] * column[r];
        sums[c] = sum;
    }
}

// clip(round_half_away(sum / 2**shift)) to a signed number of `bits`, 4 to 16. A sum has 24 bits.
AIMC_FAST void convert(int32_t* __restrict sums, int cols, int shift, int bits) {
    const int32_t half = shift ? 1 << (shift - 1) : 0;
    const int32_t high = (1 << (bits - 1)) - 1;
    for (int c = 0; c < cols; c++) {
        const int32_t magnitude = (std::abs(sums[c]) + half) >> shift;
        sums[c] = std::clamp(sums[c] < 0 ? -magnitude : magnitude, -high - 1, high);
    }
}

// Element 0 in the low bits of word 0.
void pack(std::vector<uint32_t>& words, const int32_t* sums, int cols, int bytes) {
    const int per_word = 4 / bytes;
    const uint32_t mask = bytes == 4 ? ~0u : (1u << (8 * bytes)) - 1;
    for (int w = 0; w < cols / per_word; w++) {
        uint32_t word = 0;
        for (int e = 0; e < per_word; e++)
            word |= (static_cast<uint32_t>(sums[w * per_word + e]) & mask) << (8 * bytes * e);
        words[w] = word;
    }
}

}  // namespace

extern "C" {

void* aimc_create(int rows, int cols, int weight_bits, int adc_bits) {
    Array* array = new Array{rows, cols, weight_bits, adc_bits};
    array->weights.resize(static_cast<size_t>(rows) * cols);
    array->sums.resize(cols);
    for (int bank = 0; bank < kBanks; bank++) {
        array->inputs[bank].resize(rows);
        array->outputs[bank].resize(cols);
    }
    return array;
}

void aimc_destroy(void* handle) { delete static_cast<Array*>(handle); }

void aimc_program(void* handle, int row, int col, unsigned data) {
    Array& array = *static_cast<Array*>(handle);
    require(row < array.rows && col + 4 <= array.cols, "a weight");
    const int high = (1 << (array.weight_bits - 1)) - 1;
    for (int i = 0; i < 4; i++) {
        const int weight = static_cast<int8_t>(data >> (8 * i));
        array.weights[(col + i) * array.rows + row] = std::clamp(weight, -high - 1, high);
    }
}

void aimc_input(void* handle, int bank, int index, unsigned long long data, int count) {
    Array& array = *static_cast<Array*>(handle);
    require(count <= 8 && index + count <= array.rows, "an input");
    for (int i = 0; i < count; i++)
        array.inputs[bank][index + i] = static_cast<int8_t>(data >> (8 * i));
}

// Input byte i drives row `row` + i; those from `bytes` on are missing and count as 0.
void aimc_mvm(void* handle, int input_bank, int output_bank, int row, int rows, int col, int cols,
              int shift, int bytes) {
    Array& array = *static_cast<Array*>(handle);
    require(row + rows <= array.rows && col + cols <= array.cols, "a window");
    multiply(array.sums.data(), array.inputs[input_bank].data(),
             &array.weights[col * array.rows + row], array.rows, std::min(rows, bytes), cols);
    if (array.adc_bits < 32) convert(array.sums.data(), cols, shift, array.adc_bits);
    const int output_bytes = array.adc_bits <= 8 ? 1 : array.adc_bits <= 16 ? 2 : 4;
    pack(array.outputs[output_bank], array.sums.data(), cols, output_bytes);
}

unsigned aimc_output(void* handle, int bank, int index) {
    Array& array = *static_cast<Array*>(handle);
    require(index < array.cols, "an output");
    return array.outputs[bank][index];
}

}  // extern "C"
