/* Sleep until something happens. */
#ifndef EVENTS_H
#define EVENTS_H

#include "target.h"

/* Sleeps until one of `events` is pending, clears those that are and returns them. What was pending
 * before counts: call it in a loop on the condition that is waited for. Not for trap handlers: it
 * leaves interrupts enabled. */
uint32_t event_wait(uint32_t events);

/* Arrives at the barrier without waiting there: EVENT_BARRIER_MASK is pending once all have. */
INLINE void barrier_arrive(void)
{
    mmio_write32(SYNC_BASE_ADDR + SYNC_ARRIVE_OFFSET_BYTES, 0);
}

#ifndef HOST_BUILD

#define MACHINE_TIMER_INTERRUPT (1u << 7)

/* Sleeps until one of `events` is pending: wfi that ends with a timer interrupt which is never
 * taken. An event between SLEEP and wfi ends wfi at once. So does a bus error; its interrupt is
 * taken then, and does not return. */
INLINE void event_sleep(uint32_t events)
{
    const uint32_t base = HART_LOCAL_BASE_ADDR;
    mmio_write32(base + HART_LOCAL_EVENT_MASK_OFFSET_BYTES, events);
    __asm__ volatile("csrci mstatus, 1 << 3\n\t"
                     "csrs mie, %0\n\t"
                     "sw zero, %2(%1)\n\t"
                     "wfi\n\t"
                     "csrc mie, %0\n\t"
                     "csrsi mstatus, 1 << 3"
                     :
                     : "r"(MACHINE_TIMER_INTERRUPT), "r"(base),
                       "i"(HART_LOCAL_SLEEP_OFFSET_BYTES)
                     : "memory");
}

/* Waits until every hart has arrived. In line and without a look at what is pending, because
 * nothing else ends this sleep: a barrier is the price of every layer. */
INLINE void barrier(void)
{
    barrier_arrive();
    event_sleep(EVENT_BARRIER_MASK);
    mmio_write32(HART_LOCAL_BASE_ADDR + HART_LOCAL_EVENT_PENDING_OFFSET_BYTES, EVENT_BARRIER_MASK);
}

#endif

#endif
