/* Convolution on tiles, for both couplings.
 *
 * Loops of a resident group of one block: pixels of the chunk > queue the next pixel's slice,
 * finish this one's. Several blocks: the same by MVMs, pixel-major, with at most two MVMs on any
 * tile; the first block's results are added to the bias, the last one's are finished.
 * Reprogrammed group: blocks > program, then all pixels of the chunk as above, with partial sums
 * in memory. What queue, accumulate and finish do is in tile_io.inc. Where tiles requantise, all is
 * in tile_post.inc. */
#include "kernels.h"
#include "output.h"
#include "tile_io.h"
#include "tile_post.h"

typedef struct {
    const layer_t *layer;
    const chunk_t *chunk;
    const block_t *blocks;
    uint32_t block_count;
    bool is_loose;
    sink_t sink;
} job_t;

static const tile_io_t *io_of(const job_t *job)
{
    return job->is_loose ? &loose_io : &tight_io;
}

static uint32_t port_of(const job_t *job, uint32_t tile)
{
    return job->is_loose ? loose_port(tile) : tile;
}

static slice_t slice_of(const layer_t *layer, const block_t *block)
{
    uint32_t row_bytes = layer->kernel_w * layer->in_c;
    return (slice_t){block->k_begin / row_bytes, block->k_begin % row_bytes, block->row_count};
}

static const int32_t *bias_of(const job_t *job)
{
    return (const int32_t *)mem_ptr(job->layer->bias_addr) + job->sink.channel_begin;
}

static int32_t *partial_of(const job_t *job, uint32_t pixel)
{
    const layer_t *layer = job->layer;
    int32_t *row = mem_ptr(layer->partial_addr + pixel * layer->partial_pitch);
    return row + job->sink.channel_begin;
}

/* One block over all pixels: the whole of a group, or one step of a reprogrammed one. */
static void run_block(const job_t *job, const block_t *block, bool is_first, bool is_last)
{
    const layer_t *layer = job->layer;
    const tile_io_t *io = io_of(job);
    uint32_t port = port_of(job, block->tile);
    slice_t slice = slice_of(layer, block);
    patch_t patch = patch_at(layer, job->chunk->pixel_begin);
    const int32_t *from = bias_of(job);

    io->configure(port, layer, block);
    io->queue(port, layer, &slice, &patch);
    for (uint32_t pixel = job->chunk->pixel_begin; pixel < job->chunk->pixel_end; pixel++) {
        if (pixel + 1 < job->chunk->pixel_end) {
            patch_next(layer, &patch);
            io->queue(port, layer, &slice, &patch);
        }
        if (!is_first) {
            from = partial_of(job, pixel);
        }
        if (is_last) {
            io->finish(port, &job->sink, block->col_count, from, pixel);
        } else {
            io->accumulate(port, &job->sink, block->col_count, from, partial_of(job, pixel));
        }
    }
}

static void run_reprogrammed(const job_t *job)
{
    for (uint32_t b = 0; b < job->block_count; b++) {
        const block_t *block = &job->blocks[b];
        io_of(job)->program(port_of(job, block->tile), block);
        run_block(job, block, b == 0, b + 1 == job->block_count);
    }
}

/* Waits for the MVM of one block of one pixel; `acc` collects the sums of that pixel. */
static void take(const job_t *job, uint32_t b, uint32_t pixel, int32_t *acc)
{
    const block_t *block = &job->blocks[b];
    const tile_io_t *io = io_of(job);
    uint32_t port = port_of(job, block->tile);
    const int32_t *from = b == 0 ? bias_of(job) : acc;
    if (b + 1 == job->block_count) {
        io->finish(port, &job->sink, block->col_count, from, pixel);
    } else {
        io->accumulate(port, &job->sink, block->col_count, from, acc);
    }
}

/* MVMs are queued and taken in the same order. A third MVM on a tile with two output buffers could
 * wait for ever, so the oldest of all is taken before; that is also what overlaps the pixels. */
NOINLINE static void run_blocks(const job_t *job, unsigned hart)
{
    const layer_t *layer = job->layer;
    slice_t slices[GROUP_BLOCKS_MAX];
    uint8_t in_flight[LOOSE_TILE_COUNT_MAX];
    /* Not on the stack, whose place in the data cache is to stay small. */
    int32_t *acc = mem_ptr(layer->scratch_addr + hart * layer->scratch_bytes);
    uint32_t taken_pixel = job->chunk->pixel_begin, taken_block = 0;
    uint32_t pixel = taken_pixel, b = 0;
    patch_t patch = patch_at(layer, pixel);

    for (uint32_t i = 0; i < job->block_count; i++) {
        slices[i] = slice_of(layer, &job->blocks[i]);
        in_flight[job->blocks[i].tile] = 0;
    }
    while (taken_pixel < job->chunk->pixel_end) {
        const block_t *block = &job->blocks[b];
        if (pixel < job->chunk->pixel_end && in_flight[block->tile] < 2) {
            const tile_io_t *io = io_of(job);
            uint32_t port = port_of(job, block->tile);
            io->configure(port, layer, block);
            io->queue(port, layer, &slices[b], &patch);
            in_flight[block->tile]++;
            if (++b == job->block_count) {
                b = 0;
                pixel++;
                patch_next(layer, &patch);
            }
            continue;
        }
        take(job, taken_block, taken_pixel, acc);
        in_flight[job->blocks[taken_block].tile]--;
        if (++taken_block == job->block_count) {
            taken_block = 0;
            taken_pixel++;
        }
    }
}

void outputs_store(const uint32_t *scale, const int32_t *from, const int32_t *values,
                   uint32_t count, int8_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        CFU_REQUANTISE(from[i] + values[i], scale[i]);
    }
    store_last(out, CFU_TAKE(), count);
}

static void run_group(const layer_t *layer, const chunk_t *chunk, const group_t *group,
                      unsigned hart)
{
    if (layer->post) {
        post_group(layer, chunk, group, hart);
        return;
    }
    uint32_t adc_bits = mmio_read32(HART_LOCAL_BASE_ADDR + HART_LOCAL_TILE_ADC_BITS_OFFSET_BYTES);
    job_t job = {
        .layer = layer,
        .chunk = chunk,
        .blocks = mem_ptr(group->block_addr),
        .block_count = group->block_count,
        .is_loose = layer->body == BODY_LOOSE,
        .sink = {.layer = layer,
                 .channel_begin = group->channel_begin,
                 .channel_count = group->channel_count,
                 .element_bytes = adc_bits <= 8 ? 1 : adc_bits <= 16 ? 2 : 4},
    };
    if (chunk->pixel_begin == chunk->pixel_end) {
        return;
    }
    if (group->reprogram) {
        run_reprogrammed(&job);
    } else if (group->block_count == 1) {
        run_block(&job, job.blocks, true, true);
    } else {
        run_blocks(&job, hart);
    }
}

/* The lowest tile of a group that is not below `from`; LOOSE_TILE_COUNT_MAX if there is none. */
static uint32_t tile_after(const block_t *blocks, uint32_t count, uint32_t from)
{
    uint32_t next = LOOSE_TILE_COUNT_MAX;
    for (uint32_t b = 0; b < count; b++) {
        uint32_t tile = blocks[b].tile;
        next = tile >= from && tile < next ? tile : next;
    }
    return next;
}

void hold_tiles(const group_t *group, unsigned hart, bool acquire)
{
    const block_t *blocks = mem_ptr(group->block_addr);
    uint32_t tile = tile_after(blocks, group->block_count, 0);
    while (tile < LOOSE_TILE_COUNT_MAX) {
        if (acquire) {
            loose_acquire(tile, hart);
        } else {
            loose_release(tile);
        }
        tile = tile_after(blocks, group->block_count, tile + 1);
    }
}

/* A chunk on a hart without tiles: the channels of its groups, as many at a time as lie side by
 * side. */
static void run_digital(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    const group_t *groups = mem_ptr(layer->groups_addr);
    chunk_t part = *chunk;
    part.begin = part.end = groups[chunk->begin].channel_begin;
    for (uint32_t g = chunk->begin; g < chunk->end; g++) {
        if (groups[g].channel_begin != part.end) {
            conv_dot4_s8(layer, &part, hart);
            part.begin = groups[g].channel_begin;
        }
        part.end = groups[g].channel_begin + groups[g].channel_count;
    }
    conv_dot4_s8(layer, &part, hart);
}

void conv_tight_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    const group_t *groups = mem_ptr(layer->groups_addr);
    if ((layer->tile_harts >> hart & 1) == 0) {
        run_digital(layer, chunk, hart);
        return;
    }
    activation_set(layer, layer->out_zero_point);
    for (uint32_t g = chunk->begin; g < chunk->end; g++) {
        run_group(layer, chunk, &groups[g], hart);
    }
}

void conv_loose_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    const group_t *groups = mem_ptr(layer->groups_addr);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t g = chunk->begin; g < chunk->end; g++) {
        hold_tiles(&groups[g], hart, true);
        run_group(layer, chunk, &groups[g], hart);
        hold_tiles(&groups[g], hart, false);
    }
}

static void program_group(const layer_t *layer, const group_t *group)
{
    const block_t *blocks = mem_ptr(group->block_addr);
    for (uint32_t b = 0; b < group->block_count; b++) {
        uint32_t tile = blocks[b].tile;
        if (layer->body == BODY_LOOSE) {
            loose_io.program(loose_port(tile), &blocks[b]);
            const layer_t *user = mem_ptr(blocks[b].layer_addr);
            if (blocks[b].layer_addr != 0 && user->post) {
                loose_constants(user, group);
            }
        } else {
            tight_io.program(tile, &blocks[b]);
        }
    }
}

void program_tight(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)chunk;
    const group_t *groups = mem_ptr(layer->groups_addr);
    for (uint32_t g = 0; g < layer->group_count; g++) {
        if (groups[g].hart == hart) {
            program_group(layer, &groups[g]);
        }
    }
}

void program_loose(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)chunk;
    const group_t *groups = mem_ptr(layer->groups_addr);
    for (uint32_t g = 0; g < layer->group_count; g++) {
        if (groups[g].hart == hart) {
            hold_tiles(&groups[g], hart, true);
            program_group(layer, &groups[g]);
            hold_tiles(&groups[g], hart, false);
        }
    }
}

uint32_t tight_status(uint32_t tile, uint32_t reg)
{
    return tight_io.status(tile, reg);
}

uint32_t loose_status(uint32_t tile, uint32_t reg)
{
    return loose_io.status(loose_port(tile), reg);
}
