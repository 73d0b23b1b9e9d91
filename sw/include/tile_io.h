/* What the convolution on tiles asks of a tile, whatever its coupling. */
#ifndef TILE_IO_H
#define TILE_IO_H

#include "patch.h"

/* The part of a patch that a block of weights multiplies. */
typedef struct {
    uint32_t row;   /* of the patch, where the slice begins */
    uint32_t begin; /* byte of that row */
    uint32_t bytes;
} slice_t;

/* Where a tile's results go. */
typedef struct {
    const layer_t *layer;
    uint32_t channel_begin;
    uint32_t channel_count;
    uint32_t element_bytes; /* of a result on the tile's port: 1, 2 or 4 */
} sink_t;

/* `port` is the base address of a loose tile, or the number of a tight one. */
typedef struct {
    /* Sets the window and the shift of the MVMs that follow. */
    void (*configure)(uint32_t port, const layer_t *layer, const block_t *block);
    void (*program)(uint32_t port, const block_t *block);
    /* Queues a slice of a patch and starts the MVM. */
    void (*queue)(uint32_t port, const layer_t *layer, const slice_t *slice, const patch_t *patch);
    /* to[n] = from[n] + result of channel n; both are indexed from the group's first channel. */
    void (*accumulate)(uint32_t port, const sink_t *sink, uint32_t cols, const int32_t *from,
                       int32_t *to);
    /* The same, but requantises and stores the outputs of a pixel. */
    void (*finish)(uint32_t port, const sink_t *sink, uint32_t cols, const int32_t *from,
                   uint32_t pixel);
    uint32_t (*status)(uint32_t port, uint32_t reg);
} tile_io_t;

extern const tile_io_t tight_io;
extern const tile_io_t loose_io;

/* Up to 4 outputs of a pixel, requantised and stored as bytes. */
void outputs_store(const uint32_t *scale, const int32_t *from, const int32_t *values,
                   uint32_t count, int8_t *out);

INLINE uint32_t loose_port(uint32_t tile)
{
    return LOOSE_TILE_BASE_ADDR + tile * LOOSE_TILE_STRIDE_BYTES;
}

#endif
