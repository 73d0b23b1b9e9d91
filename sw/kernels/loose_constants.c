/* Biases, scales and the activation of loose tiles that requantise. */
#include "kernels.h"
#include "output.h"
#include "tile_io.h"

/* Whose constants each tile has: the address of the weights that it was last given constants for,
 * which are no other group's. Harts look and write past the cache, while they hold the tile. */
static uint32_t constants_of[LOOSE_TILE_COUNT_MAX];

#ifdef HOST_BUILD
/* What clearing bss does on the target. */
void constants_forget(void)
{
    __builtin_memset(constants_of, 0, sizeof constants_of);
}
#endif

/* All loads of a round come before its register writes, so that none is waited for. */
void loose_constants_load(const layer_t *layer, const group_t *group, const block_t *block)
{
    volatile uint32_t *known = past_cache(&constants_of[block->tile]);
    if (*known == block->weights_addr) {
        return;
    }
    *known = block->weights_addr;
    const int32_t *bias = (const int32_t *)mem_ptr(layer->bias_addr) + group->channel_begin;
    const uint32_t *scale = scales_of(layer) + group->channel_begin;
    uint32_t config = loose_port(block->tile) + LOOSE_TILE_CONFIG_OFFSET_BYTES;
    mmio_write32(config + 4 * TILE_CONFIG_ACTIVATION,
                 activation_word(layer, layer->out_zero_point));
    mmio_write32(config + 4 * TILE_CONFIG_COLUMN, block->col_begin);
    for (const int32_t *end = bias + group->channel_count; bias != end; bias += 4, scale += 4) {
        uint32_t words[8];
        for (uint32_t i = 0; i < 4; i++) {
            words[2 * i] = (uint32_t)bias[i];
            words[2 * i + 1] = scale[i];
        }
        for (uint32_t i = 0; i < 8; i += 2) {
            mmio_write32(config + 4 * TILE_CONFIG_BIAS, words[i]);
            mmio_write32(config + 4 * TILE_CONFIG_SCALE, words[i + 1]);
        }
    }
}
