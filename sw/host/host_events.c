/* What a hart sleeps for in C: everything happens at once, so it has happened or never will. */
#include "events.h"
#include "host.h"

static uint32_t pending[HART_COUNT_MAX];

void host_events_reset(void)
{
    for (unsigned hart = 0; hart < HART_COUNT_MAX; hart++) {
        pending[hart] = 0;
    }
}

void host_event(unsigned hart, uint32_t events)
{
    pending[hart] |= events;
}

uint32_t event_wait(uint32_t events)
{
    uint32_t found = pending[host_hart] & events;
    if (found == 0) {
        host_fail("hart %u would wait for ever for events 0x%x", host_hart, events);
    }
    pending[host_hart] &= ~found;
    return found;
}
