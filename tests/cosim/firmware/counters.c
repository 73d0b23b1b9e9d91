/* Does a known number of things and reports how many of them each counter saw. */
#include "bare.h"

enum { N = 40, LATE_TURNS = 500 };

INLINE uint32_t counter(uint32_t index)
{
    return hart_local(HART_LOCAL_COUNTER_OFFSET_BYTES + 4 * index);
}

INLINE uint32_t instructions(void)
{
    uint32_t value;
    __asm__ volatile("csrr %0, minstret" : "=r"(value));
    return value;
}

/* Results are volatile: they are stored at once, not in the midst of another region. */
#define MEASURE(index, region)                     \
    {                                              \
        uint32_t before = counter(index);          \
        region;                                    \
        values[place++] = counter(index) - before; \
    }

static volatile uint32_t *line(unsigned hart, uint32_t n)
{
    return (volatile uint32_t *)(RESULTS_ADDR + 0x1000 * (hart + 1) + DCACHE_LINE_BYTES * n);
}

static uint32_t measure(unsigned hart, volatile uint32_t *values)
{
    uint32_t place = 0;
    dcache_flush();
    MEASURE(HART_COUNTER_DCACHE_FILLS, for (uint32_t i = 0; i < N; i++) (void)*line(hart, i));
    MEASURE(HART_COUNTER_DCACHE_FILLS, for (uint32_t i = 0; i < N; i++) (void)*line(hart, i));
    MEASURE(HART_COUNTER_STORES, for (uint32_t i = 0; i < N; i++) *line(hart, i) = i);
    MEASURE(HART_COUNTER_UNCACHED, for (uint32_t i = 0; i < N; i++) (void)results()[i]);
    MEASURE(HART_COUNTER_UNCACHED, for (uint32_t i = 0; i < N; i++) *line(hart, i) = i);
    MEASURE(HART_COUNTER_CFU_COMMANDS,
            for (uint32_t i = 0; i < N; i++) (void)CFU_SWAP(0, i));
    MEASURE(HART_COUNTER_SHARED_ACCESSES, for (uint32_t i = 0; i < N; i++)
            (void)mmio_read32(HOST_BASE_ADDR + HOST_FAULT_PC_OFFSET_BYTES));
    MEASURE(HART_COUNTER_ICACHE_FILLS, pass_time(N));
    MEASURE(HART_COUNTER_CYCLES, (void)0);
    MEASURE(HART_COUNTER_CYCLES, __asm__ volatile(".rept 64\n nop\n .endr"));
    barrier();
    MEASURE(HART_COUNTER_SLEEP_CYCLES,
            if (hart + 1 == hart_count()) pass_time(LATE_TURNS);
            barrier());
    uint32_t before = instructions();
    __asm__ volatile(".rept 64\n nop\n .endr");
    values[place++] = instructions() - before;
    return place;
}

void main(unsigned hart)
{
    volatile uint32_t values[32];
    uint32_t count = 0;
    /* Code that has run once is in the instruction cache: the second round counts. */
    for (uint32_t round = 0; round < 2; round++) {
        count = measure(hart, values);
        barrier();
    }
    /* Everybody rests while the host's totals are read. */
    uint32_t beats = counter(HART_COUNTER_MEMORY_BEATS);
    uint32_t shared = counter(HART_COUNTER_SHARED_ACCESSES);
    uint32_t total_beats = 0, total_shared = 0;
    if (hart == 0) {
        total_beats = machine_counter(MACHINE_COUNTER_MEMORY_BEATS);
        total_shared = machine_counter(MACHINE_COUNTER_SHARED_TRANSFERS);
    }
    barrier();
    volatile uint32_t *out = results() + hart * 32;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = values[i];
    }
    out[count] = beats;
    out[count + 1] = shared;
    out[count + 2] = total_beats;
    out[count + 3] = total_shared;
    barrier();
    run_end(EXIT_OK);
}
