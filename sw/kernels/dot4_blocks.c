/* The inner loops of convolution on the CFU; conv_dot4.c says how often they run. */
#include "cfu.h"
#include "dot4.h"

#define DOT_CHANNEL(channel, word)      \
    CFU_DOT4(4 * channel + 0, a0, word); \
    CFU_DOT4(4 * channel + 1, a1, word); \
    CFU_DOT4(4 * channel + 2, a2, word); \
    CFU_DOT4(4 * channel + 3, a3, word);

#define STEP_4X4(i)                                         \
    {                                                       \
        uint32_t a0 = x0[i], a1 = x1[i], a2 = x2[i], a3 = x3[i]; \
        uint32_t b0 = w0[i], b1 = w1[i], b2 = w2[i], b3 = w3[i]; \
        DOT_CHANNEL(0, b0)                                  \
        DOT_CHANNEL(1, b1)                                  \
        DOT_CHANNEL(2, b2)                                  \
        DOT_CHANNEL(3, b3)                                  \
    }

void dot_4x4(const int8_t *const *x, const channels_t *block)
{
    const uint32_t *x0 = (const uint32_t *)x[0], *x1 = (const uint32_t *)x[1];
    const uint32_t *x2 = (const uint32_t *)x[2], *x3 = (const uint32_t *)x[3];
    const uint32_t *w0 = (const uint32_t *)block->weights[0];
    const uint32_t *w1 = (const uint32_t *)block->weights[1];
    const uint32_t *w2 = (const uint32_t *)block->weights[2];
    const uint32_t *w3 = (const uint32_t *)block->weights[3];
    const uint32_t *end = x0 + block->patch_bytes / 4;
    const uint32_t *unrolled_end = x0 + block->patch_bytes / 16 * 4;
    while (x0 != unrolled_end) {
        STEP_4X4(0)
        STEP_4X4(1)
        STEP_4X4(2)
        STEP_4X4(3)
        x0 += 4, x1 += 4, x2 += 4, x3 += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4;
    }
    while (x0 != end) {
        STEP_4X4(0)
        x0++, x1++, x2++, x3++, w0++, w1++, w2++, w3++;
    }
}

#define STEP_1X4(i)                                                   \
    {                                                                 \
        uint32_t a = x[i], b0 = w0[i], b1 = w1[i], b2 = w2[i], b3 = w3[i]; \
        CFU_DOT4(0, a, b0);                                           \
        CFU_DOT4(4, a, b1);                                           \
        CFU_DOT4(8, a, b2);                                           \
        CFU_DOT4(12, a, b3);                                          \
    }

void dot_1x4(const int8_t *patch, const channels_t *block)
{
    const uint32_t *x = (const uint32_t *)patch;
    const uint32_t *w0 = (const uint32_t *)block->weights[0];
    const uint32_t *w1 = (const uint32_t *)block->weights[1];
    const uint32_t *w2 = (const uint32_t *)block->weights[2];
    const uint32_t *w3 = (const uint32_t *)block->weights[3];
    const uint32_t *end = x + block->patch_bytes / 4;
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
