/* Harts and streaming tiles at the scratchpad, and harts that sleep for them. */
#include "bare.h"
#include "events.h"

enum { MEMORY, STREAM, SLEEP, STRANGER, DMA };
enum { ORDER_KIND, ORDER_SIZE_BYTES, ORDER_ROWS, ORDER_COLS, ORDER_JOBS, ORDER_ONE_BY_ONE };
enum { ORDER_TURNS = ORDER_SIZE_BYTES };
enum { RESULT_WORDS = 256, GUARD_WORDS = 8, TURNS_MAX = 64 };

#define CONTENTS_ADDR (IMAGE_ADDR + 0x20000)
#define WEIGHTS_ADDR (IMAGE_ADDR + 0x40000)
#define JOBS_ADDR (IMAGE_ADDR + 0x50000)
#define FINAL_ADDR (IMAGE_ADDR + 0x60000)

INLINE uint32_t counter(uint32_t index)
{
    return hart_local(HART_LOCAL_COUNTER_OFFSET_BYTES + 4 * index);
}

INLINE uint32_t page(uint32_t tile)
{
    return LOOSE_TILE_BASE_ADDR + tile * LOOSE_TILE_STRIDE_BYTES;
}

INLINE uint32_t tile_status(uint32_t tile, uint32_t reg)
{
    return mmio_read32(page(tile) + LOOSE_TILE_STATUS_OFFSET_BYTES + 4 * reg);
}

/* Bytes, half words and words, stored through the cache and past it, each with guards on both
 * sides. results: words that were wrong, words moved and conflicts that were counted. */
static void use_memory(unsigned hart, volatile uint32_t *out)
{
    uint32_t wrong = 0, words = order(ORDER_SIZE_BYTES) / 4 / hart_count();
    uint32_t base = SCRATCHPAD_BASE_ADDR + 4 * words * hart;
    volatile uint32_t *cached = mem_ptr(base), *uncached = mem_ptr_uncached(base);
    for (uint32_t i = 0; i < words; i++) {
        uncached[i] = 0xA5A5A5A5;
    }
    barrier();
    dcache_flush();
    /* Lines that are there when they are written to, and lines that are not. */
    for (uint32_t i = 0; i < words; i += 16) {
        wrong += cached[i] != 0xA5A5A5A5;
    }
    for (uint32_t i = GUARD_WORDS; i < words - GUARD_WORDS; i += 4) {
        volatile uint8_t *bytes = (volatile uint8_t *)&cached[i + 1];
        volatile uint16_t *halves = (volatile uint16_t *)&uncached[i + 2];
        cached[i] = i * 0x01010101;
        bytes[i / 4 % 4] = i;
        halves[i / 4 % 2] = i;
        uncached[i + 3] = ~i;
    }
    barrier();
    dcache_flush();
    uint32_t before = counter(HART_COUNTER_SCRATCHPAD_ACCESSES);
    for (uint32_t i = 0; i < words; i++) {
        uint32_t expected = 0xA5A5A5A5;
        if (i >= GUARD_WORDS && i < words - GUARD_WORDS) {
            uint32_t at = i & ~3u, place = at / 4 % 4 * 8, half = at / 4 % 2 * 16;
            switch (i % 4) {
            case 0: expected = i * 0x01010101; break;
            case 1: expected = (expected & ~(0xFFu << place)) | (at & 0xFF) << place; break;
            case 2: expected = (expected & ~(0xFFFFu << half)) | (at & 0xFFFF) << half; break;
            default: expected = ~at; break;
            }
        }
        wrong += cached[i] != expected;
        wrong += uncached[i] != expected;
    }
    out[0] = wrong;
    out[1] = counter(HART_COUNTER_SCRATCHPAD_ACCESSES) - before;
    out[2] = counter(HART_COUNTER_SCRATCHPAD_CONFLICTS);
    /* A store before a register access is done before it. */
    cached[0] = 1;
    barrier();
    out[3] = *(volatile uint32_t *)mem_ptr_uncached(
        SCRATCHPAD_BASE_ADDR + 4 * words * (hart_count() - 1 - hart));
}

static void program_tile(uint32_t tile, uint32_t rows, uint32_t cols)
{
    const uint32_t *weights = mem_ptr(WEIGHTS_ADDR + tile * rows * cols);
    for (uint32_t row = 0; row < rows; row++) {
        mmio_write32(page(tile) + LOOSE_TILE_PROGRAM_ADDR_OFFSET_BYTES, row);
        for (uint32_t i = 0; i < cols / 4; i++) {
            mmio_write32(page(tile) + LOOSE_TILE_PROGRAM_DATA_OFFSET_BYTES, *weights++);
        }
    }
}

static void job_push(uint32_t tile, const uint32_t *words)
{
    for (uint32_t i = 0; i < LOOSE_TILE_JOB_COUNT; i++) {
        mmio_write32(page(tile) + LOOSE_TILE_JOB_OFFSET_BYTES + 4 * i, words[i]);
    }
    mmio_write32(page(tile) + LOOSE_TILE_JOB_PUSH_OFFSET_BYTES, 0);
}

/* Returns JOB_STATUS once it has `wanted` bits, or `ended` jobs if that is not 0. */
static uint32_t job_wait(uint32_t tile, uint32_t wanted, uint32_t ended)
{
    for (;;) {
        uint32_t status = mmio_read32(page(tile) + LOOSE_TILE_JOB_STATUS_OFFSET_BYTES);
        if (ended ? status >> JOB_STATUS_ENDED_SHIFT == ended : (status & wanted) != 0) {
            return status;
        }
        event_wait(EVENT_STREAM_MASK);
    }
}

/* Hart h does jobs on tile h. results: JOB_STATUS, STATUS, SLEEP_CYCLES, cycles, STREAM counters,
 * then JOB_ERROR of each job if they are done one by one, or the last one's. */
static void stream(unsigned hart, volatile uint32_t *out)
{
    uint32_t count = order(ORDER_JOBS), size_words = order(ORDER_SIZE_BYTES) / 4;
    volatile uint32_t *scratchpad = mem_ptr_uncached(SCRATCHPAD_BASE_ADDR);
    const uint32_t *contents = mem_ptr(CONTENTS_ADDR);
    uint32_t *final = mem_ptr(FINAL_ADDR);
    const uint32_t *job = mem_ptr(JOBS_ADDR + hart * count * 4 * LOOSE_TILE_JOB_COUNT);
    for (uint32_t i = hart; i < size_words; i += hart_count()) {
        scratchpad[i] = contents[i];
    }
    (void)mmio_read32(page(hart) + LOOSE_TILE_ACQUIRE_OFFSET_BYTES);
    program_tile(hart, order(ORDER_ROWS), order(ORDER_COLS));
    barrier();
    uint32_t asleep = counter(HART_COUNTER_SLEEP_CYCLES), cycles = counter(HART_COUNTER_CYCLES);
    for (uint32_t i = 0; i < count; i++) {
        job_wait(hart, JOB_STATUS_ROOM_MASK, 0);
        job_push(hart, job);
        job += LOOSE_TILE_JOB_COUNT;
        if (order(ORDER_ONE_BY_ONE)) {
            job_wait(hart, 0, i + 1);
            out[8 + i] = mmio_read32(page(hart) + LOOSE_TILE_JOB_ERROR_OFFSET_BYTES);
            mmio_write32(page(hart) + LOOSE_TILE_JOB_ERROR_OFFSET_BYTES, 0);
        }
    }
    out[0] = job_wait(hart, 0, count);
    out[3] = counter(HART_COUNTER_CYCLES) - cycles;
    out[2] = counter(HART_COUNTER_SLEEP_CYCLES) - asleep;
    out[1] = tile_status(hart, TILE_STATUS_STATUS);
    for (uint32_t i = 0; i < 4; i++) {
        out[4 + i] = tile_status(hart, TILE_STATUS_STREAM_BYTES_IN + i);
    }
    if (!order(ORDER_ONE_BY_ONE)) {
        out[8] = mmio_read32(page(hart) + LOOSE_TILE_JOB_ERROR_OFFSET_BYTES);
    }
    mmio_write32(page(hart) + LOOSE_TILE_RELEASE_OFFSET_BYTES, 0);
    barrier();
    for (uint32_t i = hart; i < size_words; i += hart_count()) {
        final[i] = scratchpad[i];
    }
}

/* The last hart sleeps until the others arrive, some turns later. results: the cycle in which the
 * last one arrived, or the sleeper went on; how long it slept and since when; a tight tile's. */
static void sleep(unsigned hart, volatile uint32_t *out)
{
    for (uint32_t round = 0; round < 2; round++) { /* The second one is in the instruction cache. */
        barrier();
        if (hart + 1 < hart_count()) {
            pass_time(order(ORDER_TURNS));
            barrier_arrive();
            out[0] = counter(HART_COUNTER_CYCLES);
            (void)event_wait(EVENT_BARRIER_MASK);
        } else {
            uint32_t asleep = counter(HART_COUNTER_SLEEP_CYCLES);
            barrier_arrive();
            uint32_t before = counter(HART_COUNTER_CYCLES);
            uint32_t events = event_wait(EVENT_BARRIER_MASK);
            out[0] = counter(HART_COUNTER_CYCLES);
            out[1] = counter(HART_COUNTER_SLEEP_CYCLES) - asleep;
            out[2] = before;
            out[3] = events;
        }
    }
    CM_CONFIG(0, TILE_CONFIG_ROWS, 4 << 16);
    CM_CONFIG(0, TILE_CONFIG_COLS, 4 << 16);
    CM_QUEUE(0, 4, 0, 0);
    uint32_t asleep = counter(HART_COUNTER_SLEEP_CYCLES);
    CM_PROCESS(0);
    while (!(CM_STATUS(0, TILE_STATUS_STATUS) & TILE_STATUS_RESULT_MASK)) {
        out[4] = event_wait(EVENT_TILE_MASK);
    }
    out[5] = counter(HART_COUNTER_SLEEP_CYCLES) - asleep;
    out[6] = hart_local(HART_LOCAL_EVENT_PENDING_OFFSET_BYTES);
}

/* Hart 1 meddles with the tile that hart 0 holds. results: STATUS and JOB_STATUS after it. */
static void meddle(unsigned hart, volatile uint32_t *out)
{
    static const uint32_t job[LOOSE_TILE_JOB_COUNT];
    if (hart == 0) {
        (void)mmio_read32(page(0) + LOOSE_TILE_ACQUIRE_OFFSET_BYTES);
    }
    barrier();
    if (hart == 1) {
        job_push(0, job);
    }
    barrier();
    out[0] = tile_status(0, TILE_STATUS_STATUS);
    out[1] = mmio_read32(page(0) + LOOSE_TILE_JOB_STATUS_OFFSET_BYTES);
}

static void block_push(const uint32_t *words)
{
    for (uint32_t i = 0; i < HART_LOCAL_DMA_COUNT; i++) {
        mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_OFFSET_BYTES + 4 * i, words[i]);
    }
    mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_PUSH_OFFSET_BYTES, 0);
}

/* Each hart has its channel move blocks. results: DMA_STATUS, the last error, cycles, sleep. */
static void move_blocks(unsigned hart, volatile uint32_t *out)
{
    uint32_t count = order(ORDER_JOBS), status = 0;
    const uint32_t *block = mem_ptr(JOBS_ADDR + hart * count * 4 * HART_LOCAL_DMA_COUNT);
    volatile uint32_t *scratchpad = mem_ptr_uncached(SCRATCHPAD_BASE_ADDR);
    uint32_t size_words = order(ORDER_SIZE_BYTES) / 4;
    for (uint32_t i = hart; i < size_words; i += hart_count()) {
        scratchpad[i] = 0;
    }
    barrier();
    uint32_t asleep = counter(HART_COUNTER_SLEEP_CYCLES), cycles = counter(HART_COUNTER_CYCLES);
    for (uint32_t i = 0; i < count; i++) {
        while (!(hart_local(HART_LOCAL_DMA_STATUS_OFFSET_BYTES) & JOB_STATUS_ROOM_MASK)) {
            event_wait(EVENT_DMA_MASK);
        }
        block_push(block);
        block += HART_LOCAL_DMA_COUNT;
    }
    while ((status = hart_local(HART_LOCAL_DMA_STATUS_OFFSET_BYTES)) >> JOB_STATUS_ENDED_SHIFT !=
           count) {
        event_wait(EVENT_DMA_MASK);
    }
    out[0] = status;
    out[1] = hart_local(HART_LOCAL_DMA_ERROR_OFFSET_BYTES);
    out[2] = counter(HART_COUNTER_CYCLES) - cycles;
    out[3] = counter(HART_COUNTER_SLEEP_CYCLES) - asleep;
    barrier();
    out[4] = machine_counter(MACHINE_COUNTER_DMA_LOAD_BYTES);
    out[5] = machine_counter(MACHINE_COUNTER_DMA_STORE_BYTES);
}

void main(unsigned hart)
{
    volatile uint32_t *out = results() + hart * RESULT_WORDS;
    switch (order(ORDER_KIND)) {
    case MEMORY: use_memory(hart, out); break;
    case STREAM: stream(hart, out); break;
    case SLEEP: sleep(hart, out); break;
    case DMA: move_blocks(hart, out); break;
    default: meddle(hart, out); break;
    }
    barrier();
    run_end(EXIT_OK);
}
