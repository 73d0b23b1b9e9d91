/* Blocks of 4 output channels on the CFU's accumulators. */
#ifndef DOT4_H
#define DOT4_H

#include "requant.h"

/* What a block of 4 channels needs besides the patches. */
typedef struct {
    const int8_t *weights[4];
    int32_t bias[4];
    scale_t scale[4];
    activation_t activation;
    bool is_simple;    /* all scales are, see scale_is_simple */
    bool stores_words; /* four outputs of a pixel are an aligned word */
    uint32_t channel;
    uint32_t count;
    uint32_t patch_bytes;
} channels_t;

/* Accumulator 4 * channel + pixel += the dot product, for 4 pixels or for pixel 0 alone. Patches
 * and rows of weights are word-aligned and patch_bytes long. */
void dot_4x4(const int8_t *const *patches, const channels_t *block);
void dot_1x4(const int8_t *patch, const channels_t *block);

#endif
