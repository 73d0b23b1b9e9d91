/* Outputs by the CFU's requantiser, for kernels that use it. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "cfu.h"
#include "image_layout.h"
#include "requant.h"

/* A scale of 1, less 2**-26: exact for all values that are not clamped anyway. */
#define SCALE_ONE (0xFFFFFFC0u | 32u)

/* The activation as the CFU and tiles take it. */
INLINE uint32_t activation_word(const layer_t *layer, int32_t zero_point)
{
    return (uint8_t)zero_point | (uint32_t)(uint8_t)layer->act_min << 8 |
           (uint32_t)(uint8_t)layer->act_max << 16;
}

INLINE void activation_set(const layer_t *layer, int32_t zero_point)
{
    CFU_SET_ACTIVATION(activation_word(layer, zero_point));
}

/* Weights with which MAC4 adds to four channels what they hold. */
#define FOUR_ONES 0x01010101u

/* Four channels with the same scale and bias, for MAC4 in row 0. */
INLINE void channels_set_alike(uint32_t scale, int32_t bias)
{
    CFU_SET_CHANNEL(0, scale, bias);
    CFU_SET_CHANNEL(1, scale, bias);
    CFU_SET_CHANNEL(2, scale, bias);
    CFU_SET_CHANNEL(3, scale, bias);
    CFU_BIAS_ROW(0);
}

/* The last `count` outputs of a word from TAKE, the oldest first; 4 at the most. */
INLINE void store_last(int8_t *out, uint32_t word, uint32_t count)
{
    for (word >>= (32 - 8 * count) & 31; count > 0; count--, word >>= 8) {
        *out++ = (int8_t)word;
    }
}

/* The outputs of four pixels, one per row of accumulators, as words: a row is requantised while the
 * one before is stored. */
INLINE void rows_store(int8_t *out, uint32_t pitch)
{
    CFU_OUT_ROW(0);
    uint32_t y = CFU_TAKE();
    CFU_OUT_ROW(1);
    store_word(out, y);
    y = CFU_TAKE();
    CFU_OUT_ROW(2);
    store_word(out + pitch, y);
    y = CFU_TAKE();
    CFU_OUT_ROW(3);
    store_word(out + 2 * pitch, y);
    y = CFU_TAKE();
    store_word(out + 3 * pitch, y);
}

/* The same, but only the first `columns` channels of the first `rows` pixels, 1 .. 4 of each, as
 * bytes. Rare, so small and slow. */
void rows_store_part(int8_t *out, uint32_t pitch, uint32_t rows, uint32_t columns);

INLINE int8_t requantise_one(int32_t value, uint32_t scale)
{
    CFU_REQUANTISE(value, scale);
    return (int8_t)(CFU_TAKE() >> 24);
}

#endif
