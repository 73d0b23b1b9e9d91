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

/* Columns of a block outside the image, a constant: the first -place, the last place, or any, so
 * that each must be looked at. */
enum { INSIDE = 0, EDGE = 100 };

/* Input column c of a block that begins at x. */
INLINE uint32_t column(const dw_row_t *row, const int8_t *in, int32_t x, uint32_t c, bool edge)
{
    bool outside = edge && (uint32_t)x + c >= row->in_w;
    return outside ? row->padding : load_word(in);
}

/* All loads come first, so that none is waited for. */
INLINE void add_taps(const dw_row_t *row, const int8_t *in, int32_t x, const uint32_t *weights,
                     uint32_t width, uint32_t stride, int32_t place)
{
    int32_t columns = (int32_t)(3 * stride + width);
    uint32_t word[WIDTH_MAX + 6], weight[WIDTH_MAX];
#pragma GCC unroll 16
    for (int32_t c = 0; c < columns; c++, in += row->in_pitch) {
        bool outside = place != EDGE && (c < -place || c >= columns - place);
        word[c] = outside ? row->padding : column(row, in, x, (uint32_t)c, place == EDGE);
    }
#pragma GCC unroll 8
    for (uint32_t kx = 0; kx < width; kx++) {
        weight[kx] = weights[kx];
    }
#pragma GCC unroll 8
    for (uint32_t kx = 0; kx < width; kx++) {
        CFU_MAC4(0, word[kx], weight[kx]);
        CFU_MAC4(1, word[kx + stride], weight[kx]);
        CFU_MAC4(2, word[kx + 2 * stride], weight[kx]);
        CFU_MAC4(3, word[kx + 3 * stride], weight[kx]);
    }
}

INLINE void add_taps_of_any(const dw_row_t *row, const int8_t *in, int32_t x,
                            const uint32_t *weights, bool edge)
{
    uint32_t stride = row->stride_w, pitch = row->in_pitch;
    const int8_t *in1 = in + stride * pitch, *in2 = in1 + stride * pitch;
    const int8_t *in3 = in2 + stride * pitch;
    for (uint32_t kx = 0; kx < row->kernel_w; kx++) {
        uint32_t w = weights[kx];
        uint32_t x0 = column(row, in, x, kx, edge);
        uint32_t x1 = column(row, in1, x, kx + stride, edge);
        uint32_t x2 = column(row, in2, x, kx + 2 * stride, edge);
        uint32_t x3 = column(row, in3, x, kx + 3 * stride, edge);
        CFU_MAC4(0, x0, w);
        CFU_MAC4(1, x1, w);
        CFU_MAC4(2, x2, w);
        CFU_MAC4(3, x3, w);
        in += pitch, in1 += pitch, in2 += pitch, in3 += pitch;
    }
}

INLINE void sum_block(const dw_row_t *row, const int8_t *in, int32_t x, uint32_t width,
                      uint32_t stride, int32_t place)
{
    const uint32_t *weights = row->weights + row->taps_before;
    for (uint32_t rows = row->rows; rows > 0; rows--, in += row->in_row_bytes) {
        if (width != 0) {
            add_taps(row, in, x, weights, width, stride, place);
            weights += width;
        } else {
            add_taps_of_any(row, in, x, weights, place != INSIDE);
            weights += row->kernel_w;
        }
    }
}

INLINE void sum_block_anywhere(const dw_row_t *row, const int8_t *in, int32_t x, uint32_t width,
                               uint32_t stride)
{
    int32_t over = x + (int32_t)(3 * row->stride_w + row->kernel_w) - (int32_t)row->in_w;
    if (LIKELY(x >= 0 && over <= 0)) {
        sum_block(row, in, x, width, stride, INSIDE);
    } else if (width >= 3 && x == -1 && over <= 0) {
        sum_block(row, in, x, width, stride, -1);
    } else if (width >= 3 && x >= 0 && over == 1) {
        sum_block(row, in, x, width, stride, 1);
    } else if (width >= 5 && x == -2 && over <= 0) {
        sum_block(row, in, x, width, stride, -2);
    } else if (width >= 5 && x >= 0 && over == 2) {
        sum_block(row, in, x, width, stride, 2);
    } else {
        sum_block(row, in, x, width, stride, EDGE);
    }
}

static void add_padding(const uint32_t *weights, uint32_t count, uint32_t padding)
{
    for (const uint32_t *end = weights + count; weights != end; weights++) {
        CFU_MAC4(0, padding, *weights);
    }
}

/* Rows of padding are the same for all pixels, so they go into the channels' biases. */
NOINLINE static void channels_set_padded(const dw_row_t *row, const uint32_t *weights,
                                         const uint32_t *scales)
{
    const uint32_t *after = weights + row->taps - row->taps_after;
    add_padding(weights, row->taps_before, row->padding);
    add_padding(after, row->taps_after, row->padding);
    CFU_SET_CHANNEL(0, scales[0], CFU_SWAP(0, 0));
    CFU_SET_CHANNEL(1, scales[1], CFU_SWAP(1, 0));
    CFU_SET_CHANNEL(2, scales[2], CFU_SWAP(2, 0));
    CFU_SET_CHANNEL(3, scales[3], CFU_SWAP(3, 0));
    CFU_BIAS_ROW(0);
}

INLINE void channels_set(const dw_row_t *original, const dw_row_t *row)
{
    const uint32_t *scales = row->scales;
    const int32_t *bias = row->bias;
    uint32_t s0 = scales[0], s1 = scales[1], s2 = scales[2], s3 = scales[3];
    int32_t b0 = bias[0], b1 = bias[1], b2 = bias[2], b3 = bias[3];
    CFU_SET_CHANNEL(0, s0, b0);
    CFU_SET_CHANNEL(1, s1, b1);
    CFU_SET_CHANNEL(2, s2, b2);
    CFU_SET_CHANNEL(3, s3, b3);
    CFU_BIAS_ROW(0);
    if (UNLIKELY((row->taps_before | row->taps_after) != 0)) {
        channels_set_padded(original, row->weights, scales);
    }
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
}

/* All pixels of four channels. The last block is moved back to where it is whole. */
INLINE void run_pixels(const dw_row_t *row, uint32_t width, uint32_t stride)
{
    uint32_t step = row->stride_w * row->in_pitch;
    const int8_t *in = row->in;
    int8_t *out = row->out;
    int32_t x = row->x;
    for (uint32_t left = row->pixels;;) {
        sum_block_anywhere(row, in, x, width, stride);
        if (UNLIKELY(left < 4)) {
            rows_store_part(out, row->out_pitch, left, 4);
            return;
        }
        rows_store(out, row->out_pitch);
        left -= 4;
        if (left == 0) {
            return;
        }
        uint32_t pixels = min_u32(left, 4);
        left = left < 4 ? 4 : left;
        in += pixels * step, out += pixels * row->out_pitch, x += (int32_t)(pixels * row->stride_w);
    }
}

/* Works on a copy: to the compiler each store and each CFU command could change the original. */
INLINE void run_row(const dw_row_t *original, uint32_t width, uint32_t stride)
{
    dw_row_t row = *original;
    for (; row.channels > 0; row.channels -= 4) {
        channels_set(original, &row);
        run_pixels(&row, width, stride);
        row.in += 4, row.out += 4;
        row.weights += row.taps, row.scales += 4, row.bias += 4;
    }
}

#define RUN_ROW(width, stride)                                 \
    static void run_##width##_by_##stride(const dw_row_t *row) \
    {                                                          \
        run_row(row, width, stride);                           \
    }

RUN_ROW(3, 1)
RUN_ROW(3, 2)
RUN_ROW(5, 1)
RUN_ROW(5, 2)
RUN_ROW(0, 0)

dw_kernel_t *dw_kernel_find(uint32_t kernel_w, uint32_t stride_w)
{
    if (kernel_w == 3 && stride_w <= 2) {
        return stride_w == 1 ? run_3_by_1 : run_3_by_2;
    }
    if (kernel_w == 5 && stride_w <= 2) {
        return stride_w == 1 ? run_5_by_1 : run_5_by_2;
    }
    return run_0_by_0;
}
