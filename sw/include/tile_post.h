/* Groups whose tile requantises its results: what is known before the first pixel. */
#ifndef TILE_POST_H
#define TILE_POST_H

#include "patch.h"

/* A group's pixels of a chunk. */
typedef struct {
    int8_t *out; /* of the first pixel and channel */
    uint32_t out_pitch;
    uint32_t pixels;
    uint32_t patch_bytes;
    uint32_t count; /* channels */
    uint32_t words; /* of these, the first ones that are stored as words */
    uint32_t cols;
} post_job_t;

post_job_t post_job(const layer_t *layer, const chunk_t *chunk, const group_t *group);

/* Patches that are runs of words: where the next one lies. */
typedef struct {
    const int8_t *in;
    uint32_t step; /* bytes to the next pixel's */
    int32_t jump;  /* and more to the one after the last of a row */
    uint32_t left; /* pixels of this row, from `in` on */
    uint32_t out_w;
} runs_t;

/* False if a patch is anything but an aligned run of bytes inside the image. */
bool runs_find(const layer_t *layer, uint32_t pixel, runs_t *runs);

INLINE void runs_next(runs_t *runs)
{
    runs->in += runs->step;
    if (--runs->left == 0) {
        runs->left = runs->out_w;
        runs->in += runs->jump;
    }
}

/* Bias and scale of a group's channels, and the activation, into its tile. `port` as in tile_io.h. */
void tight_constants_load(uint32_t port, const layer_t *layer, const group_t *group);
void loose_constants_load(uint32_t port, const layer_t *layer, const group_t *group);

/* The same, unless the tile, which this hart holds, has them already. */
void loose_constants(const layer_t *layer, const group_t *group);

/* The pixels of a chunk for a group of one block, whose constants the tile has. */
void tight_post(uint32_t port, const layer_t *layer, const chunk_t *chunk, const group_t *group);
void loose_post(uint32_t port, const layer_t *layer, const chunk_t *chunk, const group_t *group);

/* The same on the group's tile, which this hart holds. */
void post_group(const layer_t *layer, const chunk_t *chunk, const group_t *group, unsigned hart);

#endif
