/* Event counters of harts and tiles. */
#include "kernels.h"
#include "runtime.h"

void counters_read(uint32_t *values)
{
    for (uint32_t i = 0; i < HART_COUNTER_COUNT; i++) {
        values[i] = hart_local(HART_LOCAL_COUNTER_OFFSET_BYTES + 4 * i);
    }
#ifndef HOST_BUILD
    __asm__ volatile("csrr %0, minstret" : "=r"(values[HART_COUNTER_INSTRUCTIONS]));
#endif
}

static uint32_t *machine_counters_of(const header_t *image, uint32_t layer_index)
{
    uint32_t *table = mem_ptr(image->machine_counters_addr);
    return table + layer_index * MACHINE_COUNTER_COUNT;
}

/* Memory's beats are read last here and first at the end: what is written here is not the layer's. */
void machine_counters_begin(const header_t *image, uint32_t layer_index)
{
    uint32_t *values = machine_counters_of(image, layer_index);
    for (uint32_t i = MACHINE_COUNTER_COUNT; i-- > 0;) {
        values[i] = machine_counter(i);
    }
}

void machine_counters_end(const header_t *image, uint32_t layer_index)
{
    uint32_t *values = machine_counters_of(image, layer_index);
    for (uint32_t i = 0; i < MACHINE_COUNTER_COUNT; i++) {
        values[i] = machine_counter(i) - values[i];
    }
}

/* Values at the end of the previous layer, in the image's order of tiles. */
static uint32_t tile_before[HART_COUNT_MAX * TIGHT_TILES_PER_HART_MAX + LOOSE_TILE_COUNT_MAX]
                           [TILE_STATUS_COUNT];

#ifdef HOST_BUILD
/* What clearing bss does on the target. */
void tiles_forget(void)
{
    __builtin_memset(tile_before, 0, sizeof tile_before);
}
#endif

/* Writes one tile's counters of this layer; STATUS and GEOMETRY are values, not differences. */
static bool tile_report(const header_t *image, uint32_t layer_index, uint32_t tile_index,
                        const char *kind, uint32_t tile, uint32_t (*status)(uint32_t, uint32_t))
{
    uint32_t *out = mem_ptr(image->tile_counters_addr);
    out += (layer_index * image->tile_count + tile_index) * TILE_STATUS_COUNT;
    uint32_t *before = tile_before[tile_index];
    for (uint32_t reg = 0; reg < TILE_STATUS_COUNT; reg++) {
        uint32_t value = status(tile, reg);
        bool is_counter = reg != TILE_STATUS_STATUS && reg != TILE_STATUS_GEOMETRY;
        out[reg] = is_counter ? value - before[reg] : value;
        before[reg] = value;
    }
    uint32_t errors = before[TILE_STATUS_STATUS] & TILE_STATUS_ERRORS_MASK;
    if (errors != 0) {
        log_printf(image, "Layer %u: %s tile %u of hart %u reports error bits 0x%x.\n",
                   layer_index, kind, tile,
                   (unsigned)hart_local(HART_LOCAL_HART_ID_OFFSET_BYTES), errors);
    }
    return errors == 0;
}

static bool loose_report(const header_t *image, uint32_t layer_index, unsigned hart)
{
    uint32_t first = image->hart_count * image->tight_tiles_per_hart;
    bool good = true;
    for (uint32_t tile = 0; tile < image->loose_tiles; tile++) {
        loose_acquire(tile, hart);
        good &= tile_report(image, layer_index, first + tile, "loose", tile, loose_status);
        loose_release(tile);
    }
    return good;
}

bool tiles_report(const header_t *image, uint32_t layer_index, const layer_t *layer, unsigned hart)
{
    bool all = layer->op == OP_PIPELINE;
    bool good = true;
    if (layer->body == BODY_TIGHT || all) {
        uint32_t tiles = hart_local(HART_LOCAL_TIGHT_TILES_OFFSET_BYTES);
        for (uint32_t tile = 0; tile < tiles; tile++) {
            uint32_t index = hart * image->tight_tiles_per_hart + tile;
            good &= tile_report(image, layer_index, index, "tight", tile, tight_status);
        }
    }
    if ((layer->body == BODY_LOOSE || layer->body == BODY_STREAM || all) && hart == 0) {
        good &= loose_report(image, layer_index, hart);
    }
    if (layer->body == BODY_STREAM) {
        good &= dma_report(image, layer_index, hart);
        good &= hart != 0 || jobs_report(image, layer_index);
    }
    return good;
}
