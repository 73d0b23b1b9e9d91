/* Blocks of 4 output channels on the CFU's accumulators: a row of accumulators for each pixel, a
 * column for each channel. */
#ifndef DOT4_H
#define DOT4_H

#include "output.h"

/* A block of channels for the pixels of a panel. Scales and biases are in the CFU. */
typedef struct {
    const int8_t *weights; /* four rows */
    uint32_t patch_bytes;  /* a row's, too */
    uint32_t count;    /* channels to be stored, 1 .. 4 */
    bool stores_words; /* four outputs of a pixel are an aligned word */
    uint32_t out_pitch;
} channels_t;

/* Outputs of `count` blocks of 4 pixels, or of `count` single pixels, from their patches, which lie
 * one after the other, word-aligned as are the weights. All accumulators hold their channel's bias,
 * before and after. */
void dot_4x4(const int8_t *patches, uint32_t count, const channels_t *block, int8_t *out);
void dot_1x4(const int8_t *patches, uint32_t count, const channels_t *block, int8_t *out);

#endif
