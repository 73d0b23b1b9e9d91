/* Sleep until something happens: wfi that ends with a timer interrupt which is never taken. */
#include "events.h"

#define MACHINE_TIMER_INTERRUPT (1u << 7)

#ifndef HOST_BUILD

uint32_t event_wait(uint32_t events)
{
    const uint32_t base = HART_LOCAL_BASE_ADDR;
    mmio_write32(base + HART_LOCAL_EVENT_MASK_OFFSET_BYTES, events);
    /* An event between SLEEP and wfi ends wfi at once. A bus error does too, and is taken after. */
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
    uint32_t pending = mmio_read32(base + HART_LOCAL_EVENT_PENDING_OFFSET_BYTES) & events;
    mmio_write32(base + HART_LOCAL_EVENT_PENDING_OFFSET_BYTES, pending);
    return pending;
}

#endif
