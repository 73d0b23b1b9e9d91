/* The interpreter of an image: a barrier, a layer, a barrier, and so on; or a pipeline of layers. */
#include "kernels.h"
#include "runtime.h"

void hart_sleep(void)
{
    for (;;) {
        barrier_stall();
    }
}

void run_end(uint32_t status)
{
    mmio_write32(HOST_BASE_ADDR + HOST_EXIT_OFFSET_BYTES, status);
    for (;;) {
    }
}

static void run_static(const layer_t *layer, unsigned hart)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    const uint32_t *first = mem_ptr(layer->hart_first_addr);
    for (uint32_t i = first[hart]; i < first[hart + 1]; i++) {
        kernel_find(layer->op, chunks[i].body)(layer, &chunks[i], hart);
    }
}

/* Counters of two layers: while one is in use, those of the next layer are cleared. */
static uint32_t counters_of(uint32_t layer_index)
{
    return layer_index % 2 * HART_COUNT_MAX;
}

static void counters_clear(uint32_t layer_index, uint32_t hart_count)
{
    for (uint32_t hart = 0; hart < hart_count; hart++) {
        fetch_add_clear(counters_of(layer_index) + hart);
    }
}

/* First the chunks of this hart, then what the next ones have not begun. */
static void run_steal(const layer_t *layer, uint32_t counters, unsigned hart, uint32_t hart_count)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    const uint32_t *first = mem_ptr(layer->hart_first_addr);
    uint32_t owner = hart;
    do {
        uint32_t begin = first[owner], count = first[owner + 1] - begin, i;
        while ((i = fetch_add(counters + owner)) < count) {
            const chunk_t *chunk = &chunks[begin + i];
            kernel_find(layer->op, chunk->body)(layer, chunk, hart);
        }
        owner = owner + 1 == hart_count ? 0 : owner + 1;
    } while (owner != hart);
}

/* To the stack, which is the only place that no table meets in the data cache. There is no memcpy
 * here, which an assignment would call. */
static void layer_copy(layer_t *to, const layer_t *from)
{
    for (uint32_t i = 0; i < sizeof(layer_t) / 4; i++) {
        ((uint32_t *)to)[i] = ((const uint32_t *)from)[i];
    }
}

/* This hart's layers of one input. */
static void run_stage(const layer_t *layers, uint32_t count, unsigned hart)
{
    for (uint32_t i = 0; i < count; i++) {
        layer_t layer;
        layer_copy(&layer, &layers[i]);
        dcache_flush();
        run_static(&layer, hart);
    }
}

/* The stages are the first harts, so the last one with layers says how many beats it takes. */
static void run_pipeline(const layer_t *layer, uint32_t hart_count, unsigned hart)
{
    const uint32_t *stages = mem_ptr(layer->stages_addr);
    const layer_t *layers = mem_ptr(layer->stage_layers_addr);
    uint32_t count = stages[hart_count];
    uint32_t stage_count = hart_count;
    while (stage_count > 1 && stages[stage_count - 1] == count) {
        stage_count--;
    }
    for (uint32_t beat = 0; beat + 1 < layer->pipeline_inputs + stage_count; beat++) {
        uint32_t input = beat - hart; /* wraps where there is none yet */
        if (input < layer->pipeline_inputs) {
            uint32_t first = stages[hart];
            run_stage(layers + input * count + first, stages[hart + 1] - first, hart);
        }
        barrier();
    }
}

/* A hart reported an error: written and read past the cache, on two sides of a barrier. */
static uint32_t failed;

/* After a barrier: the run ends if a hart reported an error before it, with the reports of all. */
static void end_if_failed(unsigned hart)
{
    if (*uncached(&failed) == 0) {
        return;
    }
    if (hart == 0) {
        run_end(EXIT_TILE_ERROR);
    }
    hart_sleep();
}

static void run_layer(const header_t *image, uint32_t index, const layer_t *layer, unsigned hart)
{
    uint32_t before[HART_COUNTER_COUNT];
    uint32_t after[HART_COUNTER_COUNT];

    if (hart == 0) {
        machine_counters_begin(image, index);
    }
    dcache_flush();
    barrier();
    end_if_failed(hart);
    counters_read(before);
    if (hart == 0) {
        counters_clear(index + 1, image->hart_count);
    }
    if (layer->op == OP_PROGRAM) {
        kernel_find(layer->op, layer->body)(layer, NULL, hart);
    } else if (layer->op == OP_PIPELINE) {
        run_pipeline(layer, image->hart_count, hart);
    } else if (layer->balance == BALANCE_STEAL) {
        run_steal(layer, counters_of(index), hart, image->hart_count);
    } else {
        run_static(layer, hart);
    }
    barrier();
    counters_read(after);
    if (hart == 0) {
        machine_counters_end(image, index);
    }

    uint32_t *out = mem_ptr(image->layer_counters_addr);
    out += (index * image->hart_count + hart) * HART_COUNTER_COUNT;
    for (uint32_t i = 0; i < HART_COUNTER_COUNT; i++) {
        out[i] = after[i] - before[i];
    }
}

/* Past the data cache, so that the host sees it. */
static void progress_report(uint32_t layers_done)
{
    volatile header_t *image = mem_ptr_uncached(IMAGE_ADDR);
    image->layers_done = layers_done;
}

__attribute__((noreturn)) void main(unsigned hart);

void main(unsigned hart)
{
    const header_t *image = mem_ptr(IMAGE_ADDR);
    if (hart == 0) {
        if (!image_check(image)) {
            run_end(EXIT_BAD_IMAGE);
        }
        counters_clear(0, image->hart_count);
    }
    barrier();
    const layer_t *layers = mem_ptr(image->layers_addr);
    for (uint32_t i = 0; i < image->layer_count; i++) {
        layer_t layer;
        layer_copy(&layer, &layers[i]);
        run_layer(image, i, &layer, hart);
        if (!tiles_report(image, i, &layer, hart)) {
            *uncached(&failed) = 1;
        }
        if (hart == 0) {
            progress_report(i + 1);
        }
    }
    barrier();
    end_if_failed(hart);
    if (hart == 0) {
        run_end(EXIT_OK);
    }
    hart_sleep();
}
