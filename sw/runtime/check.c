/* Refuses an image that this machine can't run, with a sentence in the log. */
#include "kernels.h"
#include "runtime.h"

/* Tables are arrays of words that lie in the image, or in memory the run may touch. */
static bool table_fits(const header_t *image, uint32_t addr, uint32_t count, uint32_t size_bytes)
{
    uint64_t end = (uint64_t)addr + (uint64_t)count * size_bytes;
    bool inside = is_word_aligned(addr) && addr >= IMAGE_ADDR && end <= image->memory_end_addr;
    return count == 0 || inside;
}

static bool equal(const header_t *image, const char *what, uint32_t value, uint32_t expected)
{
    if (value != expected) {
        log_printf(image, "The image has %s 0x%x, the machine or firmware 0x%x.\n", what, value,
                   expected);
    }
    return value == expected;
}

static bool log_fits(const header_t *image)
{
    uint64_t end = (uint64_t)image->log_addr + 4 + image->log_bytes;
    return is_word_aligned(image->log_addr) && image->log_addr >= IMAGE_ADDR &&
           end <= MAIN_MEMORY_BASE_ADDR + MAIN_MEMORY_SIZE_BYTES;
}

static bool machine_matches(const header_t *image)
{
    uint32_t harts = hart_local(HART_LOCAL_HART_COUNT_OFFSET_BYTES);
    uint32_t hash = hart_local(HART_LOCAL_CONFIG_HASH_OFFSET_BYTES);
    uint32_t tiles = harts * image->tight_tiles_per_hart + image->loose_tiles;
    if (image->tight_tiles_per_hart > TIGHT_TILES_PER_HART_MAX ||
        image->loose_tiles > LOOSE_TILE_COUNT_MAX) {
        log_printf(image, "The image has %u tight tiles per hart and %u loose tiles: too many.\n",
                   image->tight_tiles_per_hart, image->loose_tiles);
        return false;
    }
    return equal(image, "hart_count", image->hart_count, harts) &&
           equal(image, "config_hash", image->config_hash, hash) &&
           equal(image, "tile_count", image->tile_count, tiles);
}

/* How large the scratchpad is, the host knows: the image is for this machine alone. */
static bool stream_fits(const header_t *image, const layer_t *layer)
{
    uint64_t end = (uint64_t)layer->stream_addr + (uint64_t)image->hart_count * layer->stream_bytes;
    return layer->band_pixels != 0 && layer->stream_bytes % 64 == 0 && layer->stream_bytes != 0 &&
           layer->stream_addr % 64 == 0 && layer->stream_addr >= SCRATCHPAD_BASE_ADDR &&
           end <= SCRATCHPAD_BASE_ADDR + SCRATCHPAD_SIZE_BYTES;
}

static bool group_fits(const header_t *image, const layer_t *layer, const group_t *group)
{
    bool is_tight = layer->body == BODY_TIGHT, is_stream = layer->body == BODY_STREAM;
    uint32_t tiles = is_tight ? image->tight_tiles_per_hart : image->loose_tiles;
    uint32_t limit = group->reprogram || layer->op == OP_PROGRAM ? ~0u : GROUP_BLOCKS_MAX;
    if (!table_fits(image, group->block_addr, group->block_count, sizeof(block_t)) ||
        group->block_count > limit || (group->block_count == 0 && layer->op == OP_CONV) ||
        (group->reprogram && (is_stream || layer->partial_pitch < 4 * layer->out_c)) ||
        (layer->post && (group->reprogram || group->block_count != 1))) {
        return false;
    }
    const block_t *blocks = mem_ptr(group->block_addr);
    for (uint32_t b = 0; b < group->block_count; b++) {
        uint32_t cols = blocks[b].col_count;
        if (!(blocks[b].layer_addr == 0 ||
              table_fits(image, blocks[b].layer_addr, 1, sizeof(layer_t))) ||
            blocks[b].tile >= tiles || cols % 4 != 0 || cols > TILE_DIM_MAX ||
            (is_stream && (cols != blocks->col_count || cols < group->channel_count))) {
            return false;
        }
    }
    return true;
}

/* Output pixels x channels, or x groups, all inside the layer; and a kernel that computes them. */
static bool chunks_fit(const layer_t *layer)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    uint32_t pixels = layer->out_h * layer->out_w;
    for (uint32_t i = 0; i < layer->chunk_count; i++) {
        const chunk_t *chunk = &chunks[i];
        bool is_digital = chunk->body == BODY_DOT4 || chunk->body == BODY_SCALAR;
        uint32_t others = is_digital ? layer->out_c : layer->group_count;
        if ((!is_digital && chunk->body != layer->body) ||
            kernel_find(layer->op, chunk->body) == NULL || chunk->pixel_end > pixels ||
            chunk->pixel_begin > chunk->pixel_end || chunk->end > others ||
            chunk->begin > chunk->end) {
            return false;
        }
    }
    return true;
}

/* Who takes which of `count` things: first[0] .. first[hart_count], rising to `count` at the most. */
static bool shares_fit(const header_t *image, uint32_t addr, uint32_t count)
{
    const uint32_t *first = mem_ptr(addr);
    if (!table_fits(image, addr, image->hart_count + 1, 4) || first[image->hart_count] > count) {
        return false;
    }
    for (uint32_t hart = 0; hart < image->hart_count; hart++) {
        if (first[hart] > first[hart + 1]) {
            return false;
        }
    }
    return true;
}

static bool layer_fits(const header_t *image, const layer_t *layer)
{
    if (kernel_find(layer->op, layer->body) == NULL || layer->balance >= BALANCE_COUNT ||
        (layer->body == BODY_STREAM && !stream_fits(image, layer)) ||
        !table_fits(image, layer->chunks_addr, layer->chunk_count, sizeof(chunk_t)) ||
        !table_fits(image, layer->groups_addr, layer->group_count, sizeof(group_t))) {
        return false;
    }
    if (layer->op != OP_PROGRAM && !chunks_fit(layer)) {
        return false;
    }
    if (layer->op != OP_PROGRAM &&
        !shares_fit(image, layer->hart_first_addr, layer->chunk_count)) {
        return false;
    }
    const group_t *groups = mem_ptr(layer->groups_addr);
    for (uint32_t g = 0; g < layer->group_count; g++) {
        if (!group_fits(image, layer, &groups[g])) {
            log_printf(image, "Group %u can't run: ", g);
            return false;
        }
    }
    return true;
}

/* The layers of every input; none of them may be a pipeline or program tiles. */
static bool pipeline_fits(const header_t *image, const layer_t *layer)
{
    const uint32_t *stages = mem_ptr(layer->stages_addr);
    if (!shares_fit(image, layer->stages_addr, UINT16_MAX) ||
        layer->pipeline_inputs > UINT16_MAX ||
        !table_fits(image, layer->stage_layers_addr,
                    layer->pipeline_inputs * stages[image->hart_count], sizeof(layer_t))) {
        return false;
    }
    const layer_t *layers = mem_ptr(layer->stage_layers_addr);
    for (uint32_t i = 0; i < layer->pipeline_inputs * stages[image->hart_count]; i++) {
        if (layers[i].op == OP_PROGRAM || layers[i].balance != BALANCE_STATIC ||
            !layer_fits(image, &layers[i])) {
            log_printf(image, "Layer %u of the pipeline can't run: ", i);
            return false;
        }
    }
    return true;
}

static bool tables_fit(const header_t *image)
{
    uint32_t counters = image->layer_count * image->hart_count;
    uint32_t tiles = image->layer_count * image->tile_count;
    if (!table_fits(image, image->layers_addr, image->layer_count, sizeof(layer_t)) ||
        !table_fits(image, image->layer_counters_addr, counters, 4 * HART_COUNTER_COUNT) ||
        !table_fits(image, image->tile_counters_addr, tiles, 4 * TILE_STATUS_COUNT) ||
        !table_fits(image, image->machine_counters_addr, image->layer_count,
                    4 * MACHINE_COUNTER_COUNT)) {
        log_printf(image, "A table of the header lies outside the image.\n");
        return false;
    }
    const layer_t *layers = mem_ptr(image->layers_addr);
    for (uint32_t i = 0; i < image->layer_count; i++) {
        bool fits = layers[i].op == OP_PIPELINE ? pipeline_fits(image, &layers[i])
                                                : layer_fits(image, &layers[i]);
        if (!fits) {
            log_printf(image, "layer %u (op %u, body %u) has a bad table or no kernel.\n", i,
                       layers[i].op, layers[i].body);
            return false;
        }
    }
    return true;
}

bool contents_fit(const header_t *image)
{
    /* Without these two there is no telling where the log is. */
    if (image->magic != IMAGE_MAGIC || !log_fits(image)) {
        return false;
    }
    return equal(image, "version", image->version, IMAGE_VERSION) && machine_matches(image) &&
           tables_fit(image);
}
