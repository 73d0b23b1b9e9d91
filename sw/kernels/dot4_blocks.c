/* The inner loops of convolution on the CFU; conv_dot4.c says how often they run. */
#include "cfu.h"
#include "dot4.h"

INLINE const uint32_t *words_of(const int8_t *bytes)
{
    return (const uint32_t *)bytes;
}

#define DOT_PIXEL(pixel, x)        \
    CFU_DOT4(4 * pixel + 0, x, b0); \
    CFU_DOT4(4 * pixel + 1, x, b1); \
    CFU_DOT4(4 * pixel + 2, x, b2); \
    CFU_DOT4(4 * pixel + 3, x, b3);

#define STEP_4X4(i)                                              \
    {                                                            \
        uint32_t b0 = w0[i], b1 = w1[i], b2 = w2[i], b3 = w3[i]; \
        uint32_t a0 = x0[i], a1 = x1[i], a2 = x2[i], a3 = x3[i]; \
        DOT_PIXEL(0, a0)                                         \
        DOT_PIXEL(1, a1)                                         \
        DOT_PIXEL(2, a2)                                         \
        DOT_PIXEL(3, a3)                                         \
    }

#define ADVANCE_4X4(n) x0 += n, x1 += n, x2 += n, x3 += n, w0 += n, w1 += n, w2 += n, w3 += n;

INLINE void sum_4x4(const int8_t *x, const int8_t *w, uint32_t words)
{
    const uint32_t *x0 = words_of(x), *x1 = x0 + words, *x2 = x1 + words, *x3 = x2 + words;
    const uint32_t *w0 = words_of(w), *w1 = w0 + words, *w2 = w1 + words, *w3 = w2 + words;
    OPAQUE(x1);
    OPAQUE(x2);
    OPAQUE(x3);
    OPAQUE(w1);
    OPAQUE(w2);
    OPAQUE(w3);
    for (const uint32_t *end = x0 + (words & ~7u); x0 != end;) {
        STEP_4X4(0)
        STEP_4X4(1)
        STEP_4X4(2)
        STEP_4X4(3)
        STEP_4X4(4)
        STEP_4X4(5)
        STEP_4X4(6)
        STEP_4X4(7)
        ADVANCE_4X4(8)
    }
    if (words & 4) {
        STEP_4X4(0)
        STEP_4X4(1)
        STEP_4X4(2)
        STEP_4X4(3)
        ADVANCE_4X4(4)
    }
    for (const uint32_t *end = x0 + (words & 3); x0 != end;) {
        STEP_4X4(0)
        ADVANCE_4X4(1)
    }
}

/* All in registers: the stack's lines come and go with those of weights and patches. So nothing is
 * computed ahead of the loop, either. */
void dot_4x4(const int8_t *patches, uint32_t count, const channels_t *block, int8_t *out)
{
    const int8_t *weights = block->weights;
    uint32_t bytes = block->patch_bytes, pitch = block->out_pitch;
    bool stores_words = block->stores_words;
    for (; count > 0; count--, patches += 4 * bytes, out += 4 * pitch) {
        OPAQUE(bytes);
        OPAQUE(pitch);
        sum_4x4(patches, weights, bytes / 4);
        if (LIKELY(stores_words)) {
            rows_store(out, pitch);
        } else {
            rows_store_part(out, pitch, 4, block->count);
        }
    }
}

#define STEP_1X4(i)                                                        \
    {                                                                      \
        uint32_t a = x[i], b0 = w0[i], b1 = w1[i], b2 = w2[i], b3 = w3[i]; \
        DOT_PIXEL(0, a)                                                    \
    }

INLINE void sum_1x4(const int8_t *patch, const channels_t *block)
{
    uint32_t words = block->patch_bytes / 4;
    const uint32_t *x = words_of(patch), *end = x + words;
    const uint32_t *w0 = words_of(block->weights), *w1 = w0 + words;
    const uint32_t *w2 = w1 + words, *w3 = w2 + words;
    const uint32_t *unrolled_end = x + block->patch_bytes / 16 * 4;
    while (x != unrolled_end) {
        STEP_1X4(0)
        STEP_1X4(1)
        STEP_1X4(2)
        STEP_1X4(3)
        x += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4;
    }
    while (x != end) {
        STEP_1X4(0)
        x++, w0++, w1++, w2++, w3++;
    }
}

void dot_1x4(const int8_t *patches, uint32_t count, const channels_t *block, int8_t *out)
{
    for (; count > 0; count--, patches += block->patch_bytes, out += block->out_pitch) {
        sum_1x4(patches, block);
        if (LIKELY(block->stores_words)) {
            CFU_OUT_ROW(0);
            store_word(out, CFU_TAKE());
        } else {
            rows_store_part(out, block->out_pitch, 1, block->count);
        }
    }
}
