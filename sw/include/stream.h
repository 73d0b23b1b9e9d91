/* DMA blocks and streaming jobs: pushing them, and sleeping until they end. */
#ifndef STREAM_H
#define STREAM_H

#include "events.h"
#include "target.h"

/* Ended blocks and jobs are counted modulo 2**16; fewer than half of that are ever on their way. */
INLINE bool has_ended(uint32_t status, uint16_t number)
{
    return (int16_t)((status >> JOB_STATUS_ENDED_SHIFT) - number) >= 0;
}

INLINE uint32_t dma_status(void)
{
    return mmio_read32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_STATUS_OFFSET_BYTES);
}

/* Gives the block to this hart's channel as soon as there is room. */
INLINE void dma_push(const dma_block_t *block)
{
    const uint32_t *words = (const uint32_t *)block;
    while ((dma_status() & JOB_STATUS_ROOM_MASK) == 0) {
        event_wait(EVENT_DMA_MASK);
    }
    for (uint32_t i = 0; i < HART_LOCAL_DMA_COUNT; i++) {
        mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_OFFSET_BYTES + 4 * i, words[i]);
    }
    mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_DMA_PUSH_OFFSET_BYTES, 0);
}

/* Until the channel has ended as many blocks as `number`. */
INLINE void dma_wait(uint16_t number)
{
    while (!has_ended(dma_status(), number)) {
        event_wait(EVENT_DMA_MASK);
    }
}

/* `port` is the base address of a loose tile. */
INLINE uint32_t job_status(uint32_t port)
{
    return mmio_read32(port + LOOSE_TILE_JOB_STATUS_OFFSET_BYTES);
}

/* Gives the job to a tile that this hart holds, as soon as there is room. */
INLINE void job_push(uint32_t port, const stream_job_t *job)
{
    const uint32_t *words = (const uint32_t *)job;
    while ((job_status(port) & JOB_STATUS_ROOM_MASK) == 0) {
        event_wait(EVENT_STREAM_MASK);
    }
    for (uint32_t i = 0; i < LOOSE_TILE_JOB_COUNT; i++) {
        mmio_write32(port + LOOSE_TILE_JOB_OFFSET_BYTES + 4 * i, words[i]);
    }
    mmio_write32(port + LOOSE_TILE_JOB_PUSH_OFFSET_BYTES, 0);
}

/* Until the tile has ended as many jobs as `number`. */
INLINE void job_wait(uint32_t port, uint16_t number)
{
    while (!has_ended(job_status(port), number)) {
        event_wait(EVENT_STREAM_MASK);
    }
}

#endif
