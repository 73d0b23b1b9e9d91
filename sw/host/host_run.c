/* Runs an image natively: every hart's share of a layer, then the next layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "kernels.h"
#include "requant.h"
#include "runtime.h"

uintptr_t host_memory_offset;
host_machine_t host_machine;
unsigned host_hart;

static jmp_buf failed;
static char message[256];

void host_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % bound;
}

static void run_share(const layer_t *layer)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    const uint32_t *first = mem_ptr(layer->hart_first_addr);
    for (uint32_t i = first[host_hart]; i < first[host_hart + 1]; i++) {
        kernel_find(layer->op, chunks[i].body)(layer, &chunks[i], host_hart);
    }
}

static void run_static(const layer_t *layer)
{
    for (host_hart = 0; host_hart < host_machine.hart_count; host_hart++) {
        run_share(layer);
    }
}

/* Each time any hart takes the next chunk of its own, or of the first one that has some left. */
static void run_steal(const layer_t *layer, uint64_t *random)
{
    const chunk_t *chunks = mem_ptr(layer->chunks_addr);
    const uint32_t *first = mem_ptr(layer->hart_first_addr);
    uint32_t harts = host_machine.hart_count;
    uint32_t taken[HART_COUNT_MAX] = {0};
    for (uint32_t left = first[harts] - first[0]; left > 0; left--) {
        host_hart = random_below(random, harts);
        uint32_t owner = host_hart;
        while (first[owner] + taken[owner] == first[owner + 1]) {
            owner = (owner + 1) % harts;
        }
        const chunk_t *chunk = &chunks[first[owner] + taken[owner]++];
        kernel_find(layer->op, chunk->body)(layer, chunk, host_hart);
    }
}

/* Beat by beat, as the harts would; what they do in one beat is independent. */
static void run_pipeline(const layer_t *layer)
{
    const uint32_t *stages = mem_ptr(layer->stages_addr);
    const layer_t *layers = mem_ptr(layer->stage_layers_addr);
    uint32_t harts = host_machine.hart_count;
    for (uint32_t beat = 0; beat < layer->pipeline_inputs + harts; beat++) {
        for (host_hart = 0; host_hart < harts; host_hart++) {
            uint32_t input = beat - host_hart;
            if (input >= layer->pipeline_inputs) {
                continue;
            }
            for (uint32_t i = stages[host_hart]; i < stages[host_hart + 1]; i++) {
                run_share(&layers[input * stages[harts] + i]);
            }
        }
    }
}

static bool run_layer(const header_t *image, uint32_t index, const layer_t *layer, uint64_t *random)
{
    bool good = true;
    machine_counters_begin(image, index);
    if (layer->op == OP_PROGRAM) {
        for (host_hart = 0; host_hart < host_machine.hart_count; host_hart++) {
            kernel_find(layer->op, layer->body)(layer, NULL, host_hart);
        }
    } else if (layer->op == OP_PIPELINE) {
        run_pipeline(layer);
    } else if (layer->balance == BALANCE_STEAL) {
        run_steal(layer, random);
    } else {
        run_static(layer);
    }
    machine_counters_end(image, index);
    for (host_hart = 0; host_hart < host_machine.hart_count; host_hart++) {
        good &= tiles_report(image, index, layer, host_hart);
    }
    return good;
}

/* Runs the image in `memory`, which stands for main memory from its base address on. Returns the
 * status a machine would give, or -1 with a sentence in host_message(). */
int host_run(const host_machine_t *machine, uint8_t *memory)
{
    host_machine = *machine;
    host_memory_offset = (uintptr_t)memory - MAIN_MEMORY_BASE_ADDR;
    host_hart = 0;
    message[0] = 0;
    host_tiles_reset();
    host_events_reset();
    host_stream_reset();
    tiles_forget();
    constants_forget();
    if (setjmp(failed) != 0) {
        return -1;
    }
    const header_t *image = mem_ptr(IMAGE_ADDR);
    uint64_t random = machine->seed;
    if (!image_check(image)) {
        return EXIT_BAD_IMAGE;
    }
    const layer_t *layers = mem_ptr(image->layers_addr);
    for (uint32_t i = 0; i < image->layer_count; i++) {
        if (!run_layer(image, i, &layers[i], &random)) {
            return EXIT_TILE_ERROR;
        }
    }
    return EXIT_OK;
}

const char *host_message(void)
{
    return message;
}

/* For direct tests of the arithmetic. */
int32_t host_requantise(int32_t acc, uint32_t multiplier, uint32_t shift)
{
    return requantise(acc, multiplier | shift);
}
