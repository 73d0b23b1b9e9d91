/* From an accumulator to int8: exactly `requantise` of docs/architecture.md. */
#ifndef REQUANT_H
#define REQUANT_H

#include "image_layout.h"
#include "target.h"

/* What requantise needs of a channel. Shifts are 32 .. 62, so only the product's high word is
 * shifted, by shift - 32: that is `shift` itself to a shift instruction of RV32. */
typedef struct {
    uint32_t multiplier;
    uint32_t shift;
    uint32_t mask; /* 2**(shift - 32) - 1 */
} scale_t;

INLINE scale_t scale_of(uint32_t multiplier, uint32_t shift)
{
    return (scale_t){multiplier, shift, (1u << (shift & 31)) - 1};
}

INLINE scale_t scale_at(const layer_t *layer, uint32_t index)
{
    const uint32_t *multiplier = mem_ptr(layer->multiplier_addr);
    const uint32_t *shift = mem_ptr(layer->shift_addr);
    return scale_of(multiplier[index], shift[index]);
}

/* acc * multiplier / 2**shift, rounded half to even; 12 instructions.
 *
 * With the product as {high, low} and q = high >> s, the part of `high` below q is rounded by
 * adding half minus one unit of `low`, and one more if `low` is not zero or q is odd. Rounding the
 * remainder alone, and not `high`, keeps the sum from overflowing. */
INLINE int32_t requantise(int32_t acc, scale_t scale)
{
    int64_t product = (int64_t)acc * (int64_t)(uint64_t)scale.multiplier;
    uint32_t low = (uint32_t)product;
    int32_t high = (int32_t)(product >> 32);
    int32_t q = high >> (scale.shift & 31);
    uint32_t odd = (uint32_t)q & 1;
    if (UNLIKELY(scale.shift == 32)) {
        return q + (low > 0x80000000u - odd);
    }
    uint32_t up = (low | odd) != 0;
    uint32_t rest = ((uint32_t)high & scale.mask) + (scale.mask >> 1) + up;
    return q + (int32_t)(rest >> (scale.shift & 31));
}

/* Bits b such that every accumulator of a layer is in -2**(b-1) .. 2**(b-1): a layer sums `taps`
 * products of int8, a bias, and `slack` that converters may add. Few classes are enough. */
INLINE uint32_t accumulator_bits(uint32_t taps, uint32_t bias_magnitude, uint32_t slack)
{
    uint32_t products = min_u32(taps, 1 << 15) << 14;
    uint32_t magnitude = products + min_u32(bias_magnitude, 1 << 29) + min_u32(slack, 1 << 29);
    return magnitude <= 1 << 25 ? 26 : magnitude <= 1 << 28 ? 29 : 32;
}

/* True if no product of such an accumulator lies halfway between two results. Then rounding half
 * to even is rounding half up, which needs the product's high word only (requantise_simple).
 *
 * Halfway means that the product has shift - 1 factors of 2 and not more. The accumulator has less
 * than `bits` of them (if it is not 0), so the multiplier would need more than shift - 1 - bits:
 * it hasn't if there is a 1 among its low shift - bits bits. */
INLINE bool scale_is_simple(uint32_t multiplier, uint32_t shift, uint32_t bits)
{
    uint32_t window = shift - bits;
    uint32_t low = window < 32 ? multiplier & ((1u << window) - 1) : multiplier;
    /* From 34 on, the sum in requantise_simple can't overflow. */
    return shift >= 34 && (low != 0 || multiplier == 0);
}

/* requantise(acc) + offset, for simple scales; `rounding` is 2 * offset + 1. 5 instructions. */
INLINE int32_t requantise_simple(int32_t acc, uint32_t multiplier, uint32_t shift, int32_t rounding)
{
    int64_t product = (int64_t)acc * (int64_t)(uint64_t)multiplier;
    int32_t high = (int32_t)(product >> 32);
    return ((high >> ((shift - 1) & 31)) + rounding) >> 1;
}

/* The clamp of a layer's outputs, prepared for values from which act_min has been subtracted. */
typedef struct {
    int32_t rounding;
    int32_t range;
    uint32_t restore; /* added to a word of four such outputs, then xor BIASED_WORD: int8 */
} activation_t;

#define BIASED_WORD 0x80808080u

INLINE activation_t activation_of(const layer_t *layer)
{
    return (activation_t){2 * (layer->out_zero_point - layer->act_min) + 1,
                          layer->act_max - layer->act_min,
                          (uint32_t)(layer->act_min + 128) * 0x01010101u};
}

/* 0 .. range without branches, which the outputs of a ReLU would often take. 7 instructions. */
INLINE uint32_t clamp_to_range(int32_t value, int32_t range)
{
    value &= ~(value >> 31);
    int32_t room = range - value;
    return (uint32_t)(value + (room & (room >> 31)));
}

INLINE int32_t activate(const layer_t *layer, int32_t value)
{
    return clamp_s32(value + layer->out_zero_point, layer->act_min, layer->act_max);
}

/* value / 2**shift for shift 0 .. 30 and |value| <= 2**30, rounded half to even. */
INLINE int32_t shift_half_even(int32_t value, uint32_t shift)
{
    int32_t half = (1 << shift) >> 1;
    return shift == 0 ? value : (value + half - 1 + ((value >> shift) & 1)) >> shift;
}

#endif
