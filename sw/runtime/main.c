/* The interpreter of an image: a barrier, a layer, a barrier, and so on. */
#include "kernels.h"
#include "runtime.h"

void hart_sleep(void)
{
    for (;;) {
        barrier();
    }
}

void run_end(uint32_t status)
{
    mmio_write32(HOST_BASE_ADDR + HOST_EXIT_OFFSET_BYTES, status);
    for (;;) {
    }
}

static void run_static(const layer_t *layer, kernel_t *kernel, unsigned hart)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    const uint32_t *first = mem_ptr(layer->hart_first_addr);
    for (uint32_t i = first[hart]; i < first[hart + 1]; i++) {
        kernel(layer, &chunks[i], hart);
    }
}

static void run_steal(const layer_t *layer, kernel_t *kernel, uint32_t counter, unsigned hart)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    uint32_t i;
    while ((i = fetch_add(counter)) < layer->chunk_count) {
        kernel(layer, &chunks[i], hart);
    }
}

/* A hart reported an error: written and read past the cache, on two sides of a barrier. */
static uint32_t failed;

/* After a barrier: the run ends if a hart reported an error before it, with the reports of all. */
static void end_if_failed(unsigned hart)
{
    if (*past_cache(&failed) == 0) {
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
    kernel_t *kernel = kernel_find(layer->op, layer->body);

    dcache_flush();
    barrier();
    end_if_failed(hart);
    counters_read(before);
    if (hart == 0) {
        fetch_add_clear((index + 1) % SYNC_FETCH_ADD_COUNT);
    }
    if (layer->op == OP_PROGRAM) {
        kernel(layer, NULL, hart);
    } else if (layer->balance == BALANCE_STEAL) {
        run_steal(layer, kernel, index % SYNC_FETCH_ADD_COUNT, hart);
    } else {
        run_static(layer, kernel, hart);
    }
    barrier();
    counters_read(after);

    uint32_t *out = mem_ptr(image->layer_counters_addr);
    out += (index * image->hart_count + hart) * HART_COUNTER_COUNT;
    for (uint32_t i = 0; i < HART_COUNTER_COUNT; i++) {
        out[i] = after[i] - before[i];
    }
}

/* To the stack, which is the only place that no table meets in the data cache. There is no memcpy
 * here, which an assignment would call. */
static void layer_copy(layer_t *to, const layer_t *from)
{
    for (uint32_t i = 0; i < sizeof(layer_t) / 4; i++) {
        ((uint32_t *)to)[i] = ((const uint32_t *)from)[i];
    }
}

__attribute__((noreturn)) void main(unsigned hart);

void main(unsigned hart)
{
    const header_t *image = mem_ptr(IMAGE_ADDR);
    if (hart == 0) {
        if (!image_check(image)) {
            run_end(EXIT_BAD_IMAGE);
        }
        fetch_add_clear(0);
    }
    barrier();
    const layer_t *layers = mem_ptr(image->layers_addr);
    for (uint32_t i = 0; i < image->layer_count; i++) {
        layer_t layer;
        layer_copy(&layer, &layers[i]);
        run_layer(image, i, &layer, hart);
        if (!tiles_report(image, i, &layer, hart)) {
            *past_cache(&failed) = 1;
        }
    }
    barrier();
    end_if_failed(hart);
    if (hart == 0) {
        run_end(EXIT_OK);
    }
    hart_sleep();
}
