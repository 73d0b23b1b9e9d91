/* The inner loops of depth-wise convolution on the CFU; dwconv.c says how often they run.
 *
 * A row of accumulators is a pixel, a column a channel, so a word of weights is one tap of four
 * channels and is loaded once for four pixels. Kernels of constant width and stride also load each
 * input word once for all taps of a row. What is constant in a call of an INLINE function is not
 * decided again; width 0 means any. */
#include "cfu.h"
#include "dwconv.h"
#include "output.h"

#define WIDTH_MAX 5 /* of constant ones */

INLINE void weights_load(uint32_t *to, const uint32_t *weights, uint32_t count)
{
#pragma GCC unroll 16
    for (uint32_t i = 0; i < count; i++) {
        to[i] = weights[i];
    }
}

/* All loads come first, so that none is waited for. */
INLINE void add_taps(const int8_t *in, const uint32_t *weights, uint32_t width, uint32_t stride)
{
    uint32_t word[WIDTH_MAX + 6];
#pragma GCC unroll 16
    for (uint32_t c = 0; c < 3 * stride + width; c++) {
        word[c] = load_word(in + c * DW_COLUMN_BYTES);
    }
#pragma GCC unroll 8
    for (uint32_t kx = 0; kx < width; kx++) {
        CFU_MAC4(0, word[kx], weights[kx]);
        CFU_MAC4(1, word[kx + stride], weights[kx]);
        CFU_MAC4(2, word[kx + 2 * stride], weights[kx]);
        CFU_MAC4(3, word[kx + 3 * stride], weights[kx]);
    }
}

INLINE void add_taps_of_any(const int8_t *in, const uint32_t *weights, uint32_t width,
                            uint32_t stride)
{
    uint32_t step = stride * DW_COLUMN_BYTES;
    for (; width > 0; width--, in += DW_COLUMN_BYTES, weights++) {
        uint32_t w = *weights, x0 = load_word(in), x1 = load_word(in + step);
        uint32_t x2 = load_word(in + 2 * step), x3 = load_word(in + 3 * step);
        CFU_MAC4(0, x0, w);
        CFU_MAC4(1, x1, w);
        CFU_MAC4(2, x2, w);
        CFU_MAC4(3, x3, w);
    }
}

/* The sums of a block whose first column is `in`, row by row of the kernel. */
INLINE void sum_rows(const dw_row_t *row, const int8_t *in, const uint32_t *weights, uint32_t width,
                     uint32_t stride)
{
    const int8_t *end = in + row->kernel_h * row->row_bytes;
    const int8_t *line = in + row->oldest * row->row_bytes;
    for (uint32_t left = row->kernel_h; left > 0; left--) {
        if (width != 0) {
            uint32_t taps[WIDTH_MAX];
            weights_load(taps, weights, width);
            add_taps(line, taps, width, stride);
            weights += width;
        } else {
            add_taps_of_any(line, weights, row->kernel_w, row->stride_w);
            weights += row->kernel_w;
        }
        line += row->row_bytes;
        line = line == end ? in : line;
    }
}

INLINE void channels_set(const uint32_t *packed)
{
    uint32_t s0 = packed[0], s1 = packed[1], s2 = packed[2], s3 = packed[3];
    uint32_t b0 = packed[4], b1 = packed[5], b2 = packed[6], b3 = packed[7];
    CFU_SET_CHANNEL(0, s0, b0);
    CFU_SET_CHANNEL(1, s1, b1);
    CFU_SET_CHANNEL(2, s2, b2);
    CFU_SET_CHANNEL(3, s3, b3);
    CFU_BIAS_ROW(0);
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
}

/* Stores a block of which `left` pixels remain. Returns by how many pixels the next one is further,
 * 0 if this was the last; the last is moved back to where it is whole. */
INLINE uint32_t block_store(int8_t *out, uint32_t pitch, uint32_t left)
{
    if (UNLIKELY(left < 4)) {
        rows_store_part(out, pitch, left, 4);
        return 0;
    }
    rows_store(out, pitch);
    return min_u32(left - 4, 4);
}

/* All pixels of four channels. */
INLINE void run_pixels(const dw_row_t *row, uint32_t width, uint32_t stride)
{
    const int8_t *in = row->in;
    int8_t *out = row->out;
    uint32_t pitch = row->out_pitch, left = row->pixels;
    for (;;) {
        sum_rows(row, in, row->packed + DW_SCALES_WORDS, width, stride);
        uint32_t step = block_store(out, pitch, left);
        if (step == 0) {
            return;
        }
        left -= step;
        in += step * row->stride_w * DW_COLUMN_BYTES, out += step * pitch;
    }
}

/* The same for 3 by 3, with all weights in registers. */
INLINE void run_pixels_3x3(const dw_row_t *row, uint32_t stride)
{
    uint32_t first = row->oldest, second = first == 2 ? 0 : first + 1;
    uint32_t third = second == 2 ? 0 : second + 1;
    const int8_t *in0 = row->in + first * row->row_bytes;
    const int8_t *in1 = row->in + second * row->row_bytes;
    const int8_t *in2 = row->in + third * row->row_bytes;
    int8_t *out = row->out;
    uint32_t pitch = row->out_pitch, left = row->pixels, taps[9];
    weights_load(taps, row->packed + DW_SCALES_WORDS, 9);
    for (;;) {
        add_taps(in0, taps, 3, stride);
        add_taps(in1, taps + 3, 3, stride);
        add_taps(in2, taps + 6, 3, stride);
        uint32_t step = block_store(out, pitch, left);
        if (step == 0) {
            return;
        }
        left -= step;
        uint32_t bytes = step * stride * DW_COLUMN_BYTES;
        in0 += bytes, in1 += bytes, in2 += bytes, out += step * pitch;
    }
}

/* Works on a copy: to the compiler each store and each CFU command could change the original. */
INLINE void run_row(const dw_row_t *original, uint32_t height, uint32_t width, uint32_t stride)
{
    dw_row_t row = *original;
    for (; row.channels > 0; row.channels -= 4) {
        channels_set(row.packed);
        if (height == 3 && width == 3) {
            run_pixels_3x3(&row, stride);
        } else {
            run_pixels(&row, width, stride);
        }
        row.in += 4, row.out += 4;
        row.packed += DW_SCALES_WORDS + row.kernel_h * row.kernel_w;
    }
}

#define RUN_ROW(name, height, width, stride)     \
    static void name(const dw_row_t *row)        \
    {                                            \
        run_row(row, height, width, stride);     \
    }

RUN_ROW(run_3x3_by_1, 3, 3, 1)
RUN_ROW(run_3x3_by_2, 3, 3, 2)
RUN_ROW(run_5_by_1, 0, 5, 1)
RUN_ROW(run_5_by_2, 0, 5, 2)
RUN_ROW(run_any, 0, 0, 0)

dw_kernel_t *dw_kernel_find(uint32_t kernel_h, uint32_t kernel_w, uint32_t stride_w)
{
    if (kernel_h == 3 && kernel_w == 3 && stride_w <= 2) {
        return stride_w == 1 ? run_3x3_by_1 : run_3x3_by_2;
    }
    if (kernel_w == 5 && stride_w <= 2) {
        return stride_w == 1 ? run_5_by_1 : run_5_by_2;
    }
    return run_any;
}
