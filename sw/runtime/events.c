/* Sleep until something happens. */
#include "events.h"

#ifndef HOST_BUILD

uint32_t event_wait(uint32_t events)
{
    const uint32_t pending_addr = HART_LOCAL_BASE_ADDR + HART_LOCAL_EVENT_PENDING_OFFSET_BYTES;
    event_sleep(events);
    uint32_t pending = mmio_read32(pending_addr) & events;
    mmio_write32(pending_addr, pending);
    return pending;
}

#endif
