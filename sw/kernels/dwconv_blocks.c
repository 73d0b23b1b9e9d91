/* The inner loops of depth-wise convolution on the CFU; dwconv.c says how often they run.
 *
 * A row of accumulators is a pixel, a column a channel, so a word of weights is one tap of four
 * channels and is loaded once for four pixels. Kernels of width 3 also load each input word once
 * for all taps of a row. What is constant in a call of an INLINE function is not decided again. */
#include "cfu.h"
#include "dwconv.h"
#include "output.h"

/* Input column c, counted from the block's first. */
INLINE uint32_t column(const taps_t *taps, const int8_t *in, int32_t x, uint32_t c, bool edge)
{
    bool outside = edge && (uint32_t)x + c >= taps->in_w;
    return outside ? taps->padding : load_word(in);
}

#define MAC_TAP(kx, w)                     \
    CFU_MAC4(0, word[kx], w);              \
    CFU_MAC4(1, word[kx + stride], w);     \
    CFU_MAC4(2, word[kx + 2 * stride], w); \
    CFU_MAC4(3, word[kx + 3 * stride], w);

/* All loads come first, so that none is waited for. */
INLINE const int8_t *row_of_three(const taps_t *taps, const int8_t *in, int32_t x,
                                  const int8_t *weights, uint32_t stride, bool edge)
{
    uint32_t pitch = taps->weight_pitch;
    uint32_t word[9];
    for (uint32_t c = 0; c < 3 * stride + 3; c++, in += taps->in_pitch) {
        word[c] = column(taps, in, x, c, edge);
    }
    uint32_t w0 = load_word(weights);
    uint32_t w1 = load_word(weights += pitch);
    uint32_t w2 = load_word(weights += pitch);
    MAC_TAP(0, w0)
    MAC_TAP(1, w1)
    MAC_TAP(2, w2)
    return weights + pitch;
}

INLINE const int8_t *row_of_any(const taps_t *taps, const int8_t *in, int32_t x,
                                const int8_t *weights, bool edge)
{
    uint32_t stride = taps->stride_w, pitch = taps->in_pitch;
    const int8_t *in1 = in + stride * pitch, *in2 = in1 + stride * pitch;
    const int8_t *in3 = in2 + stride * pitch;
    for (uint32_t kx = 0; kx < taps->kernel_w; kx++, weights += taps->weight_pitch) {
        uint32_t w = load_word(weights);
        uint32_t x0 = column(taps, in, x, kx, edge);
        uint32_t x1 = column(taps, in1, x, kx + stride, edge);
        uint32_t x2 = column(taps, in2, x, kx + 2 * stride, edge);
        uint32_t x3 = column(taps, in3, x, kx + 3 * stride, edge);
        CFU_MAC4(0, x0, w);
        CFU_MAC4(1, x1, w);
        CFU_MAC4(2, x2, w);
        CFU_MAC4(3, x3, w);
        in += pitch, in1 += pitch, in2 += pitch, in3 += pitch;
    }
    return weights;
}

/* `three` is the stride of a kernel of width 3, or 0 for any kernel. */
INLINE void sum_block(const taps_t *taps, const int8_t *in, int32_t x, uint32_t three, bool edge)
{
    const int8_t *weights = taps->weights;
    for (uint32_t rows = taps->rows; rows > 0; rows--, in += taps->in_row_bytes) {
        weights = three != 0 ? row_of_three(taps, in, x, weights, three, edge)
                             : row_of_any(taps, in, x, weights, edge);
    }
}

/* Works on a copy of `taps`: to the compiler each store and each CFU command could change it. */
INLINE void run_inside(taps_t taps, const int8_t *in, uint32_t count, int8_t *out, uint32_t three)
{
    uint32_t step = 4 * taps.stride_w * taps.in_pitch;
    for (; count > 0; count--, in += step, out += 4 * taps.out_pitch) {
        sum_block(&taps, in, 0, three, false);
        rows_store(out, taps.out_pitch);
    }
}

INLINE void run_edge(taps_t taps, const int8_t *in, int32_t x, uint32_t count, int8_t *out,
                     uint32_t three)
{
    sum_block(&taps, in, x, three, true);
    if (LIKELY(count == 4)) {
        rows_store(out, taps.out_pitch);
    } else {
        rows_store_part(out, taps.out_pitch, count, 4);
    }
}

#define BLOCKS(name, three)                                                                      \
    static void name##_inside(const taps_t *taps, const int8_t *in, int32_t x, uint32_t count,   \
                              int8_t *out)                                                       \
    {                                                                                            \
        (void)x;                                                                                 \
        run_inside(*taps, in, count, out, three);                                                \
    }                                                                                            \
    static void name##_edge(const taps_t *taps, const int8_t *in, int32_t x, uint32_t count,     \
                            int8_t *out)                                                         \
    {                                                                                            \
        run_edge(*taps, in, x, count, out, three);                                               \
    }

BLOCKS(three_by_1, 1)
BLOCKS(three_by_2, 2)
BLOCKS(any, 0)

dw_blocks_t dw_blocks(uint32_t kernel_w, uint32_t stride_w)
{
    if (kernel_w == 3 && stride_w == 1) {
        return (dw_blocks_t){three_by_1_inside, three_by_1_edge};
    }
    if (kernel_w == 3 && stride_w == 2) {
        return (dw_blocks_t){three_by_2_inside, three_by_2_edge};
    }
    return (dw_blocks_t){any_inside, any_edge};
}
