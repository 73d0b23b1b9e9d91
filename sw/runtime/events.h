/* Sleep until something happens. */
#ifndef EVENTS_H
#define EVENTS_H

#include "target.h"

/* Arrives at the barrier without waiting there: EVENT_BARRIER_MASK is pending once all have. */
INLINE void barrier_arrive(void)
{
    mmio_write32(SYNC_BASE_ADDR + SYNC_ARRIVE_OFFSET_BYTES, 0);
}

/* Sleeps until one of `events` is pending, clears those that are and returns them. What was pending
 * before counts: call it in a loop on the condition that is waited for. */
uint32_t event_wait(uint32_t events);

#endif
