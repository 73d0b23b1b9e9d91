/* Outputs from the raw results that streaming tiles left in the scratchpad. */
#ifndef STREAM_SUMS_H
#define STREAM_SUMS_H

#include "image_layout.h"
#include "target.h"

/* Results of a group's blocks for pixels that follow each other: block b's begin at
 * addr + b * area_bytes, pixel by pixel. */
typedef struct {
    uint32_t addr;
    uint32_t block_count;
    uint32_t area_bytes;
    uint32_t pixel_bytes;
    uint32_t element_bytes;
    uint32_t channel_begin;
    uint32_t channel_count;
    uint32_t pixel_begin;
    uint32_t pixel_count;
} results_t;

/* Room for `bytes` of results of a block: an odd number of lines, so that the results of one pixel
 * in different blocks don't drive each other out of the data cache. */
INLINE uint32_t results_bytes(uint32_t bytes)
{
    return ((bytes + 63) & ~63u) + DCACHE_LINE_BYTES;
}

/* Adds the blocks' results to the bias, requantises them and stores the outputs. */
void stream_sums(const layer_t *layer, const results_t *results);

#endif
