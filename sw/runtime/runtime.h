/* Harts, synchronisation, counters and the log. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "events.h"
#include "image_layout.h"
#include "target.h"

enum { MUTEX_LOG = 0, MUTEX_TRAP = 1 };

/* Waits at the barrier in the read itself, in a trap handler too. */
INLINE void barrier_stall(void)
{
    (void)mmio_read32(SYNC_BASE_ADDR + SYNC_BARRIER_OFFSET_BYTES);
}

INLINE uint32_t fetch_add(uint32_t index)
{
    return mmio_read32(SYNC_BASE_ADDR + SYNC_FETCH_ADD_OFFSET_BYTES + 4 * index);
}

INLINE void fetch_add_clear(uint32_t index)
{
    mmio_write32(SYNC_BASE_ADDR + SYNC_FETCH_ADD_OFFSET_BYTES + 4 * index, 0);
}

INLINE bool mutex_try(uint32_t index)
{
    return mmio_read32(SYNC_BASE_ADDR + SYNC_MUTEX_OFFSET_BYTES + 4 * index) != 0;
}

INLINE void mutex_release(uint32_t index)
{
    mmio_write32(SYNC_BASE_ADDR + SYNC_MUTEX_OFFSET_BYTES + 4 * index, 0);
}

INLINE uint32_t hart_local(uint32_t offset_bytes)
{
    return mmio_read32(HART_LOCAL_BASE_ADDR + offset_bytes);
}

/* Of what all harts share, by MACHINE_COUNTER_*. */
INLINE uint32_t machine_counter_addr(uint32_t index)
{
    return HOST_BASE_ADDR + HOST_COUNTER_OFFSET_BYTES + 4 * index;
}

INLINE uint32_t machine_counter(uint32_t index)
{
    return mmio_read32(machine_counter_addr(index));
}

INLINE void dcache_flush(void)
{
#ifndef HOST_BUILD
    __asm__ volatile(".word %0" : : "i"(DCACHE_FLUSH_INSTRUCTION) : "memory");
#endif
}

/* Writes HART_COUNTER_COUNT values. */
void counters_read(uint32_t *values);

/* Hart 0 alone, before the barrier that begins a layer and after the one that ends it: writes the
 * machine's counters of the layer, outside of the time that harts measure. */
void machine_counters_begin(const header_t *image, uint32_t layer_index);
void machine_counters_end(const header_t *image, uint32_t layer_index);

/* Appends to the image's log; knows %u %d %x %s. */
__attribute__((format(printf, 2, 3))) void log_printf(const header_t *image, const char *format,
                                                      ...);

/* True if the machine can run the image, and it was loaded to its end; if not, the log says why. */
bool image_check(const header_t *image);

/* The first part of that: tables, and what descriptors say of them. */
bool contents_fit(const header_t *image);

/* After a layer on tiles: writes this hart's part of the tile counters; true without errors. */
bool tiles_report(const header_t *image, uint32_t layer_index, const layer_t *layer, unsigned hart);

/* After a layer that streamed: true if none of this hart's DMA blocks, or of the tiles' jobs,
 * failed; else the log says which and why. */
bool dma_report(const header_t *image, uint32_t layer_index, unsigned hart);
bool jobs_report(const header_t *image, uint32_t layer_index);

/* Ends the run. The host stops the machine; until then the hart sleeps. */
__attribute__((noreturn)) void run_end(uint32_t status);
__attribute__((noreturn)) void hart_sleep(void);

#endif
