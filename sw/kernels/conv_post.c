/* Convolution on tiles that requantise: which constants a tile holds, and where patches lie. */
#include "kernels.h"
#include "tile_io.h"
#include "tile_post.h"

/* Whose constants a tile holds: the address of a group's weights, which is no other group's; 0 is
 * none. A loose tile's word is that of the hart that holds the tile, so it is read and written past
 * the cache. */
static uint32_t tight_groups[HART_COUNT_MAX][TIGHT_TILES_PER_HART_MAX];
static uint32_t loose_groups[LOOSE_TILE_COUNT_MAX];

#ifdef HOST_BUILD
/* What clearing bss does on the target. */
void constants_forget(void)
{
    __builtin_memset(tight_groups, 0, sizeof tight_groups);
    __builtin_memset(loose_groups, 0, sizeof loose_groups);
}
#endif

/* True if `place` named the weights of another block than this one's, which it names afterwards. */
static bool replaces(volatile uint32_t *place, const block_t *block)
{
    bool other = *place != block->weights_addr;
    if (other) {
        *place = block->weights_addr;
    }
    return other;
}

void loose_constants(const layer_t *layer, const group_t *group)
{
    const block_t *block = mem_ptr(group->block_addr);
    if (replaces(uncached(&loose_groups[block->tile]), block)) {
        loose_constants_load(loose_port(block->tile), layer, group);
    }
}

void post_group(const layer_t *layer, const chunk_t *chunk, const group_t *group, unsigned hart)
{
    const block_t *block = mem_ptr(group->block_addr);
    uint32_t tile = block->tile;
    if (chunk->pixel_begin == chunk->pixel_end) {
        return;
    }
    if (layer->body == BODY_LOOSE) {
        loose_constants(layer, group);
        loose_post(loose_port(tile), layer, chunk, group);
        return;
    }
    if (replaces(&tight_groups[hart][tile], block)) {
        tight_constants_load(tile, layer, group);
    }
    tight_post(tile, layer, chunk, group);
}

post_job_t post_job(const layer_t *layer, const chunk_t *chunk, const group_t *group)
{
    const block_t *block = mem_ptr(group->block_addr);
    uint32_t pixels = chunk->pixel_end - chunk->pixel_begin;
    uint32_t offset = chunk->pixel_begin * layer->out_pitch + group->channel_begin;
    bool aligned = is_word_aligned((layer->out_addr + offset) | (pixels > 1 ? layer->out_pitch : 0));
    return (post_job_t){
        .out = mem_ptr(layer->out_addr + offset),
        .out_pitch = layer->out_pitch,
        .pixels = pixels,
        .patch_bytes = block->row_count,
        .count = group->channel_count,
        .words = aligned ? group->channel_count & ~3u : 0,
        .cols = block->col_count,
    };
}

/* True if no patch reaches out of the image, along one axis. */
static bool is_inside(uint32_t outputs, uint32_t stride, uint32_t kernel, uint32_t pad,
                      uint32_t size)
{
    return pad == 0 && (outputs - 1) * stride + kernel <= size;
}

bool runs_find(const layer_t *layer, uint32_t pixel, runs_t *runs)
{
    uint32_t y = pixel / layer->out_w, x = pixel % layer->out_w;
    uint32_t row_bytes = layer->in_w * layer->in_pitch;
    runs->out_w = layer->out_w;
    runs->left = layer->out_w - x;
    runs->step = layer->stride_w * layer->in_pitch;
    runs->jump = (int32_t)(layer->stride_h * row_bytes - layer->out_w * runs->step);
    runs->in = pixel_ptr(layer, (int32_t)(y * layer->stride_h), (int32_t)(x * layer->stride_w));
    return layer->kernel_h == 1 && (layer->kernel_w == 1 || layer->in_pitch == layer->in_c) &&
           is_inside(layer->out_w, layer->stride_w, layer->kernel_w, layer->pad_left, layer->in_w) &&
           is_inside(layer->out_h, layer->stride_h, 1, layer->pad_top, layer->in_h) &&
           is_word_aligned((uintptr_t)runs->in | runs->step | (uint32_t)runs->jump);
}
