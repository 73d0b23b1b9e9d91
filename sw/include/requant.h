/* From an accumulator to int8 in plain C: exactly `requantise` of docs/architecture.md. Scalar
 * bodies use it; all others leave it to the CFU, whose reference it is. */
#ifndef REQUANT_H
#define REQUANT_H

#include "image_layout.h"
#include "target.h"

/* A scale is a word, `multiplier | shift`. */
#define SCALE_SHIFT_MASK 63u

INLINE const uint32_t *scales_of(const layer_t *layer)
{
    return mem_ptr(layer->scale_addr);
}

/* acc * multiplier / 2**shift, rounded half to even; about 15 instructions.
 *
 * Shifts are 32 .. 62, so only the product's high word is shifted, by shift - 32: that is `shift`
 * itself to a shift instruction of RV32. With the product as {high, low} and q = high >> s, the
 * part of `high` below q is rounded by adding half minus one unit of `low`, and one more if `low`
 * is not zero or q is odd. Rounding the remainder alone keeps the sum from overflowing. */
INLINE int32_t requantise(int32_t acc, uint32_t scale)
{
    uint32_t shift = scale & SCALE_SHIFT_MASK;
    uint32_t mask = (1u << (shift & 31)) - 1;
    int64_t product = (int64_t)acc * (int64_t)(uint64_t)(scale & ~SCALE_SHIFT_MASK);
    uint32_t low = (uint32_t)product;
    int32_t high = (int32_t)(product >> 32);
    int32_t q = high >> (shift & 31);
    uint32_t odd = (uint32_t)q & 1;
    if (UNLIKELY(shift == 32)) {
        return q + (low > 0x80000000u - odd);
    }
    uint32_t up = (low | odd) != 0;
    uint32_t rest = ((uint32_t)high & mask) + (mask >> 1) + up;
    return q + (int32_t)(rest >> (shift & 31));
}

INLINE int32_t activate(const layer_t *layer, int32_t value)
{
    return clamp_s32(value + layer->out_zero_point, layer->act_min, layer->act_max);
}

#endif
