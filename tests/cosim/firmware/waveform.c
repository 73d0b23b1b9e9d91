/* Uses every tile, the shared bus, main memory and both ways to sleep, and reports counters, each
 * with the cycles between which it was read. Hart 0 alone is on the shared bus when it matters. */
#include "bare.h"
#include "events.h"

/* Behind these, if there is something to stream: a load, a job for tile 0 and a store. */
enum { ORDER_TIGHT, ORDER_LOOSE, ORDER_RESULT_WORDS, ORDER_STREAM, ORDER_LOAD };
enum { ORDER_JOB = ORDER_LOAD + HART_LOCAL_DMA_COUNT, ORDER_STORE = ORDER_JOB + LOOSE_TILE_JOB_COUNT };
enum { SIZE = 4, LATE_TURNS = 60, LOADS = 40, BUSY_SAMPLES = 6 };

typedef struct {
    uint32_t before, value, after;
} sample_t;

INLINE uint32_t counter_addr(uint32_t index)
{
    return HART_LOCAL_BASE_ADDR + HART_LOCAL_COUNTER_OFFSET_BYTES + 4 * index;
}

INLINE uint32_t cycle(void)
{
    return mmio_read32(counter_addr(HART_COUNTER_CYCLES));
}

INLINE uint32_t page(uint32_t tile)
{
    return LOOSE_TILE_BASE_ADDR + tile * LOOSE_TILE_STRIDE_BYTES;
}

INLINE uint32_t status_addr(uint32_t tile, uint32_t reg)
{
    return page(tile) + LOOSE_TILE_STATUS_OFFSET_BYTES + 4 * reg;
}

/* Stored after the second look at the cycle: nothing but the read is between the two. */
static sample_t *sample(sample_t *out, uint32_t addr)
{
    uint32_t before = cycle(), value = mmio_read32(addr), after = cycle();
    *out = (sample_t){before, value, after};
    return out + 1;
}

static sample_t *sample_tight(sample_t *out, uint32_t reg)
{
    uint32_t before = cycle(), value = CM_STATUS(0, reg), after = cycle();
    *out = (sample_t){before, value, after};
    return out + 1;
}

/* Hart h runs 2h + t + 1 MVMs on its tile t, two of them at a time, and sleeps for the first. */
static void use_tight(unsigned hart)
{
    for (uint32_t tile = 0; tile < order(ORDER_TIGHT); tile++) {
        uint32_t count = 2 * hart + tile + 1;
        CFU_TILE_BASE(tile);
        CM_CONFIG(0, TILE_CONFIG_ROWS, SIZE << 16);
        CM_CONFIG(0, TILE_CONFIG_COLS, SIZE << 16);
        CM_INITIALIZE(0, 0, 0, 0x01020304);
        for (uint32_t i = 0; i < count + 1; i++) {
            if (i < count) {
                CM_QUEUE(0, SIZE, i, 0);
                CM_PROCESS(0);
            }
            if (i == 0) {
                (void)event_wait(EVENT_TILE_MASK);
                continue;
            }
            for (uint32_t word = 0; word < order(ORDER_RESULT_WORDS); word++) {
                (void)CM_DEQUEUE(0);
            }
        }
    }
    CFU_TILE_BASE(0);
}

static void start_loose(uint32_t tile)
{
    mmio_write32(page(tile) + LOOSE_TILE_INPUT_OFFSET_BYTES, 0x01010101);
    mmio_write32(page(tile) + LOOSE_TILE_PROCESS_OFFSET_BYTES, 0);
}

static void finish_loose(uint32_t tile)
{
    while (!(mmio_read32(status_addr(tile, TILE_STATUS_STATUS)) & TILE_STATUS_RESULT_MASK)) {
    }
    for (uint32_t word = 0; word < order(ORDER_RESULT_WORDS); word++) {
        (void)mmio_read32(page(tile) + LOOSE_TILE_OUTPUT_OFFSET_BYTES);
    }
}

/* Harts take turns with tiles: all are on the bus at once. 3t + 2 MVMs on tile t. */
static void use_loose(unsigned hart)
{
    for (uint32_t tile = hart; tile < order(ORDER_LOOSE); tile += hart_count()) {
        (void)mmio_read32(page(tile) + LOOSE_TILE_ACQUIRE_OFFSET_BYTES);
        mmio_write32(page(tile) + LOOSE_TILE_CONFIG_OFFSET_BYTES + 4 * TILE_CONFIG_ROWS,
                     SIZE << 16);
        mmio_write32(page(tile) + LOOSE_TILE_CONFIG_OFFSET_BYTES + 4 * TILE_CONFIG_COLS,
                     SIZE << 16);
        mmio_write32(page(tile) + LOOSE_TILE_PROGRAM_ADDR_OFFSET_BYTES, 0);
        mmio_write32(page(tile) + LOOSE_TILE_PROGRAM_DATA_OFFSET_BYTES, 0x01020304);
        for (uint32_t i = 0; i < 3 * tile + 2; i++) {
            start_loose(tile);
            finish_loose(tile);
        }
        mmio_write32(page(tile) + LOOSE_TILE_RELEASE_OFFSET_BYTES, 0);
    }
}

static void move_block(uint32_t first, uint32_t ended)
{
    for (uint32_t i = 0; i < HART_LOCAL_DMA_COUNT; i++) {
        mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_OFFSET_BYTES + 4 * i, order(first + i));
    }
    mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_PUSH_OFFSET_BYTES, 0);
    while (hart_local(HART_LOCAL_DMA_STATUS_OFFSET_BYTES) >> JOB_STATUS_ENDED_SHIFT != ended) {
        (void)event_wait(EVENT_DMA_MASK);
    }
}

/* The DMA engine and tile 0, without the hart. */
static void use_streams(uint32_t round)
{
    (void)mmio_read32(page(0) + LOOSE_TILE_ACQUIRE_OFFSET_BYTES);
    move_block(ORDER_LOAD, 2 * round + 1);
    for (uint32_t i = 0; i < LOOSE_TILE_JOB_COUNT; i++) {
        mmio_write32(page(0) + LOOSE_TILE_JOB_OFFSET_BYTES + 4 * i, order(ORDER_JOB + i));
    }
    mmio_write32(page(0) + LOOSE_TILE_JOB_PUSH_OFFSET_BYTES, 0);
    while (mmio_read32(page(0) + LOOSE_TILE_JOB_STATUS_OFFSET_BYTES) >> JOB_STATUS_ENDED_SHIFT !=
           round + 1) {
        (void)event_wait(EVENT_STREAM_MASK);
    }
    move_block(ORDER_STORE, 2 * round + 2);
    mmio_write32(page(0) + LOOSE_TILE_RELEASE_OFFSET_BYTES, 0);
}

/* A counter that is read while it counts. */
static sample_t *watch_loose(sample_t *out)
{
    (void)mmio_read32(page(0) + LOOSE_TILE_ACQUIRE_OFFSET_BYTES);
    start_loose(0);
    for (uint32_t i = 0; i < BUSY_SAMPLES; i++) {
        out = sample(out, status_addr(0, TILE_STATUS_BUSY_CYCLES));
    }
    finish_loose(0);
    mmio_write32(page(0) + LOOSE_TILE_RELEASE_OFFSET_BYTES, 0);
    return out;
}

static sample_t *report_shared(sample_t *out)
{
    for (uint32_t tile = 0; tile < order(ORDER_LOOSE); tile++) {
        out = sample(out, status_addr(tile, TILE_STATUS_MVMS));
        out = sample(out, status_addr(tile, TILE_STATUS_BUSY_CYCLES));
    }
    out = sample(out, machine_counter_addr(MACHINE_COUNTER_MEMORY_BEATS));
    return sample(out, machine_counter_addr(MACHINE_COUNTER_SHARED_TRANSFERS));
}

static sample_t *report_private(sample_t *out)
{
    out = sample(out, counter_addr(HART_COUNTER_SLEEP_CYCLES));
    out = sample(out, counter_addr(HART_COUNTER_MEMORY_BEATS));
    for (uint32_t tile = 0; tile < order(ORDER_TIGHT); tile++) {
        CFU_TILE_BASE(tile);
        out = sample_tight(out, TILE_STATUS_MVMS);
        out = sample_tight(out, TILE_STATUS_BUSY_CYCLES);
    }
    CFU_TILE_BASE(0);
    return out;
}

static void run_once(unsigned hart, uint32_t round)
{
    sample_t *out = (sample_t *)mem_ptr_uncached(RESULTS_ADDR + 0x1000 * hart);
    use_tight(hart);
    use_loose(hart);
    if (order(ORDER_STREAM) && hart == 0) {
        use_streams(round);
    }
    if (hart + 1 == hart_count()) {
        pass_time(LATE_TURNS);
    }
    barrier();
    out = report_private(out);
    /* The others keep the memory busy, and then sleep, while hart 0 reads what all share. */
    if (hart == 0) {
        out = watch_loose(out);
        (void)report_shared(out);
    } else {
        for (uint32_t i = 0; i < LOADS; i++) {
            (void)results()[i];
        }
    }
    barrier();
}

void main(unsigned hart)
{
    /* Code that has run once is in the instruction cache: what the second round reports remains. */
    run_once(hart, 0);
    run_once(hart, 1);
    run_end(EXIT_OK);
}
