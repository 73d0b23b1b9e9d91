/* Convolution by loose tiles that stream: the hart only moves bands of pixels to and from them.
 *
 * A band is up to band_pixels output pixels. The DMA engine copies its input to the scratchpad, a
 * job for each block of the group computes it, and its results go to main memory: by the engine if
 * the tile requantises, else through the hart (stream_sums.c).
 *
 * Loops: groups of the chunk > bands > load, blocks > job (20 register writes), store or sums.
 * Bands are double-buffered: one is loaded while the one before is computed, and its job is queued
 * if the tile requantises. Even bands use the lower half of the hart's part of the scratchpad, odd
 * ones the upper half; in a half, input comes first, and the results of the blocks, side by side,
 * end where the half does.
 *
 * A block or a job that fails changes nothing and counts as ended, so the others run to their end;
 * the error registers keep it for tiles_report(). */
#include "kernels.h"
#include "output.h"
#include "patch.h"
#include "stream.h"
#include "stream_sums.h"
#include "tile_io.h"
#include "tile_post.h"

/* Where in the kernel a block's slice of a patch begins. */
typedef struct {
    uint32_t ky;
    uint32_t kx;
    uint32_t channel;
} place_t;

typedef struct {
    const layer_t *layer;
    const chunk_t *chunk;
    const group_t *group;
    const block_t *blocks;
    uint32_t band_count;
    uint32_t scratch_addr;  /* of the hart's part, from the scratchpad's first byte */
    uint32_t half_bytes;
    uint32_t element_bytes; /* of a result */
    uint32_t area_bytes;    /* from the results of a block to those of the next one */
    stream_job_t job;       /* the last one pushed; most of it is the same for all */
    place_t places[GROUP_BLOCKS_MAX];
    /* By halves: */
    uint32_t image_addr[2]; /* where the layer's input would begin for its band's to be in place */
    uint16_t load_end[2];
    uint16_t job_end[2][GROUP_BLOCKS_MAX];
    uint16_t dma_pushed;
    uint16_t jobs_pushed[LOOSE_TILE_COUNT_MAX];
} run_t;

typedef struct {
    uint32_t first; /* pixel */
    uint32_t count;
    uint32_t half;
} band_t;

static band_t band_at(const run_t *run, uint32_t index)
{
    uint32_t first = run->chunk->pixel_begin + index * run->layer->band_pixels;
    uint32_t left = run->chunk->pixel_end - first;
    return (band_t){first, min_u32(run->layer->band_pixels, left), index & 1};
}

static uint32_t results_addr(const run_t *run, uint32_t half)
{
    uint32_t end = run->scratch_addr + (half + 1) * run->half_bytes;
    return end - run->group->block_count * run->area_bytes;
}

static void block_push(run_t *run, const dma_block_t *block)
{
    dma_push(block);
    run->dma_pushed++;
}

/* Whole input rows; only the pixels in between if the kernel has one row. */
static void load(run_t *run, uint32_t index)
{
    const layer_t *layer = run->layer;
    band_t band = band_at(run, index);
    patch_t from = patch_at(layer, band.first);
    patch_t to = patch_at(layer, band.first + band.count - 1);
    int32_t in_h = (int32_t)layer->in_h, in_w = (int32_t)layer->in_w;
    int32_t begin = clamp_s32(from.in_y, 0, in_h) * in_w;
    int32_t end = clamp_s32(to.in_y + (int32_t)layer->kernel_h, 0, in_h) * in_w;
    if (layer->kernel_h == 1 && end > begin) {
        begin += from.in_y >= 0 ? clamp_s32(from.in_x, 0, in_w) : 0;
        end -= to.in_y < in_h ? in_w - clamp_s32(to.in_x + (int32_t)layer->kernel_w, 0, in_w) : 0;
    }
    /* At least a word, so that each band has a block to wait for. */
    uint32_t begin_addr = (layer->in_addr + (uint32_t)begin * layer->in_pitch) & ~3u;
    uint32_t end_addr = begin_addr + 1;
    if (end > begin) {
        end_addr = layer->in_addr + (uint32_t)(end - 1) * layer->in_pitch + layer->in_c;
    }
    uint32_t to_addr = run->scratch_addr + band.half * run->half_bytes;
    dma_block_t block = {
        .memory = begin_addr - MAIN_MEMORY_BASE_ADDR,
        .scratchpad = to_addr,
        .row_bytes = (end_addr - begin_addr + 3) & ~3u,
        .rows = 1,
        .direction = DMA_LOAD,
    };
    run->image_addr[band.half] = to_addr + (layer->in_addr - begin_addr);
    block_push(run, &block);
    run->load_end[band.half] = run->dma_pushed;
}

/* Results that a tile has requantised. */
static void store(run_t *run, uint32_t index)
{
    const layer_t *layer = run->layer;
    const group_t *group = run->group;
    band_t band = band_at(run, index);
    uint32_t to_addr = layer->out_addr + band.first * layer->out_pitch + group->channel_begin;
    dma_block_t block = {
        .memory = to_addr - MAIN_MEMORY_BASE_ADDR,
        .scratchpad = results_addr(run, band.half),
        .memory_pitch = layer->out_pitch,
        .scratchpad_pitch = run->job.destination_step,
        .row_bytes = group->channel_count,
        .rows = (uint16_t)band.count,
        .direction = DMA_STORE,
    };
    if (block.memory_pitch == block.row_bytes && block.scratchpad_pitch == block.row_bytes) {
        block.row_bytes *= band.count;
        block.rows = 1;
    }
    block_push(run, &block);
}

static void push_jobs(run_t *run, uint32_t index)
{
    const layer_t *layer = run->layer;
    band_t band = band_at(run, index);
    patch_t patch = patch_at(layer, band.first);
    stream_job_t *job = &run->job;
    job->out_x = (uint16_t)patch.out_x;
    job->count = band.count;
    job->destination = results_addr(run, band.half);
    job->tag = (uint16_t)index;
    for (uint32_t b = 0; b < run->group->block_count; b++) {
        const block_t *block = &run->blocks[b];
        const place_t *place = &run->places[b];
        uint32_t y = (uint32_t)patch.in_y + place->ky, x = (uint32_t)patch.in_x + place->kx;
        job->source = run->image_addr[band.half] + (y * layer->in_w + x) * layer->in_pitch;
        job->y = (uint16_t)y;
        job->x = (uint16_t)x;
        job->channel = (uint16_t)place->channel;
        job->kernel_x = (uint16_t)place->kx;
        job->row = (uint16_t)block->row_begin;
        job->rows = (uint16_t)block->row_count;
        job->col = (uint16_t)block->col_begin;
        job_push(loose_port(block->tile), job);
        run->job_end[band.half][b] = ++run->jobs_pushed[block->tile];
        job->destination += run->area_bytes;
    }
}

static void wait_for_jobs(const run_t *run, uint32_t index)
{
    for (uint32_t b = 0; b < run->group->block_count; b++) {
        job_wait(loose_port(run->blocks[b].tile), run->job_end[index & 1][b]);
    }
}

static void sum(const run_t *run, uint32_t index)
{
    band_t band = band_at(run, index);
    stream_sums(run->layer, &(results_t){
        .addr = SCRATCHPAD_BASE_ADDR + results_addr(run, band.half),
        .block_count = run->group->block_count,
        .area_bytes = run->area_bytes,
        .pixel_bytes = run->job.destination_step,
        .element_bytes = run->element_bytes,
        .channel_begin = run->group->channel_begin,
        .channel_count = run->group->channel_count,
        .pixel_begin = band.first,
        .pixel_count = band.count,
    });
}

/* Acquires the tiles of the group. */
static void begin_jobs(run_t *run, unsigned hart)
{
    hold_tiles(run->group, hart, true);
    for (uint32_t b = 0; b < run->group->block_count; b++) {
        uint32_t tile = run->blocks[b].tile;
        run->jobs_pushed[tile] = (uint16_t)(job_status(loose_port(tile)) >> JOB_STATUS_ENDED_SHIFT);
    }
}

/* The input of the band is no longer needed. */
static void load_after(run_t *run, uint32_t index)
{
    if (index + 2 < run->band_count) {
        load(run, index + 2);
    }
}

/* The tile, which requantises, is to work without a pause. */
static void run_posted(run_t *run, unsigned hart)
{
    uint32_t last = run->band_count - 1;
    begin_jobs(run, hart);
    loose_constants(run->layer, run->group);
    for (uint32_t k = 0; k <= last; k++) {
        dma_wait(run->load_end[k & 1]);
        push_jobs(run, k);
        if (k > 0) {
            wait_for_jobs(run, k - 1);
            store(run, k - 1);
            load_after(run, k - 1);
        }
    }
    wait_for_jobs(run, last);
    hold_tiles(run->group, hart, false);
    store(run, last);
}

/* The hart has more to do than the tiles, which others may use while it adds up. */
static void run_raw(run_t *run, unsigned hart)
{
    for (uint32_t k = 0; k < run->band_count; k++) {
        dma_wait(run->load_end[k & 1]);
        begin_jobs(run, hart);
        push_jobs(run, k);
        wait_for_jobs(run, k);
        hold_tiles(run->group, hart, false);
        load_after(run, k);
        sum(run, k);
    }
}

static void run_bands(run_t *run, unsigned hart)
{
    load(run, 0);
    if (run->band_count > 1) {
        load(run, 1);
    }
    if (run->layer->post) {
        run_posted(run, hart);
    } else {
        run_raw(run, hart);
    }
    dma_wait(run->dma_pushed);
}

/* What all jobs of the layer have in common. */
static void begin_layer(stream_job_t *job, const layer_t *layer)
{
    uint32_t kernel_back = layer->kernel_w - 1, line_back = (layer->out_w - 1) * layer->stride_w;
    job->column_step = layer->in_pitch;
    job->row_step = (layer->in_w - kernel_back) * layer->in_pitch;
    job->pixel_step = layer->stride_w * layer->in_pitch;
    job->line_step = (layer->stride_h * layer->in_w - line_back) * layer->in_pitch;
    job->in_h = (uint16_t)layer->in_h;
    job->in_w = (uint16_t)layer->in_w;
    job->column_x = 1;
    job->row_y = 1;
    job->row_x = (uint16_t)-kernel_back;
    job->pixel_x = (uint16_t)layer->stride_w;
    job->line_y = (uint16_t)layer->stride_h;
    job->line_x = (uint16_t)-line_back;
    job->channels = (uint16_t)layer->in_c;
    job->kernel_w = (uint16_t)layer->kernel_w;
    job->out_w = (uint16_t)layer->out_w;
    job->shift = (uint8_t)(layer->adc_shift | (layer->post ? JOB_POST_MASK : 0));
    job->zero_point = (uint8_t)layer->in_zero_point;
}

static void begin_group(run_t *run, const group_t *group)
{
    const layer_t *layer = run->layer;
    uint32_t row_bytes = layer->kernel_w * layer->in_c;
    run->group = group;
    run->blocks = mem_ptr(group->block_addr);
    for (uint32_t b = 0; b < group->block_count; b++) {
        uint32_t k = run->blocks[b].k_begin, rest = k % row_bytes;
        run->places[b] = (place_t){k / row_bytes, rest / layer->in_c, rest % layer->in_c};
    }
    /* All blocks of a group have as many columns. */
    run->job.cols = (uint16_t)run->blocks->col_count;
    run->job.destination_step = run->job.cols * run->element_bytes;
    run->area_bytes = results_bytes(layer->band_pixels * run->job.destination_step);
}

void conv_stream_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    uint32_t adc_bits = mmio_read32(HART_LOCAL_BASE_ADDR + HART_LOCAL_TILE_ADC_BITS_OFFSET_BYTES);
    const group_t *groups = mem_ptr(layer->groups_addr);
    uint32_t pixels = chunk->pixel_end - chunk->pixel_begin;
    run_t run;
    run.layer = layer;
    run.chunk = chunk;
    run.band_count = (pixels + layer->band_pixels - 1) / layer->band_pixels;
    run.scratch_addr = layer->stream_addr + hart * layer->stream_bytes - SCRATCHPAD_BASE_ADDR;
    run.half_bytes = layer->stream_bytes / 2;
    run.element_bytes = layer->post || adc_bits <= 8 ? 1 : adc_bits <= 16 ? 2 : 4;
    begin_layer(&run.job, layer);
    run.dma_pushed = (uint16_t)(dma_status() >> JOB_STATUS_ENDED_SHIFT);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t g = chunk->begin; g < chunk->end && pixels > 0; g++) {
        begin_group(&run, &groups[g]);
        run_bands(&run, hart);
    }
}
