/* Harts compete for counters and mutexes, and meet at the barrier. */
#include "bare.h"

enum { TICKETS, MUTEX, BARRIER, LOG };
enum { ORDER_KIND, ORDER_TURNS };
enum { LINE_WORDS = DCACHE_LINE_BYTES / 4 };

/* Different on every hart and in every turn. */
static uint32_t some_time(unsigned hart, uint32_t turn)
{
    return (hart * 29 + turn * 17) % 31;
}

/* results: [hart][turn] ticket. Every counter is in use by some hart all the time. */
static void draw_tickets(unsigned hart, uint32_t turns)
{
    uint32_t *own = (uint32_t *)RESULTS_ADDR + hart * turns;
    for (uint32_t i = 0; i < turns; i++) {
        own[i] = fetch_add((i + hart) % SYNC_FETCH_ADD_COUNT);
    }
}

/* results: a count of all turns, intruders, then [hart] turns in which it had to wait. */
static void take_turns(unsigned hart, uint32_t turns)
{
    volatile uint32_t *count = results();
    volatile uint32_t *intruders = count + 1, *owner = count + 2, *waits = count + 3;
    for (uint32_t i = 0; i < turns; i++) {
        uint32_t mutex = SYNC_MUTEX_COUNT - 1;
        bool at_once = true;
        while (!mutex_try(mutex)) {
            at_once = false;
        }
        *owner = hart;
        uint32_t before = *count;
        pass_time(some_time(hart, i));
        *count = before + 1;
        if (*owner != hart) {
            *intruders += 1;
        }
        if (!at_once) {
            waits[hart]++;
        }
        mutex_release(mutex);
    }
}

/* results: [hart] mismatches, then a line for each hart. Everybody must see what everybody wrote
 * before the barrier, through the cache too. */
static void meet(unsigned hart, uint32_t turns)
{
    uint32_t harts = hart_count();
    uint32_t *lines = (uint32_t *)RESULTS_ADDR + 2 * LINE_WORDS;
    uint32_t mismatches = 0;
    for (uint32_t i = 0; i < turns; i++) {
        pass_time(some_time(hart, i));
        for (uint32_t word = 0; word < LINE_WORDS; word++) {
            lines[hart * LINE_WORDS + word] = i * 1000 + hart * LINE_WORDS + word;
        }
        barrier();
        dcache_flush();
        for (uint32_t n = 0; n < harts * LINE_WORDS; n++) {
            mismatches += ((volatile uint32_t *)lines)[n] != i * 1000 + n;
        }
        barrier();
    }
    results()[hart] = mismatches;
}

static void talk(unsigned hart, uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++) {
        log_printf(image_header(), "hart %u says %d in 0x%x %s\n", hart, -(int)i, i, "words");
    }
}

void main(unsigned hart)
{
    uint32_t turns = order(ORDER_TURNS);
    switch (order(ORDER_KIND)) {
    case TICKETS: draw_tickets(hart, turns); break;
    case MUTEX: take_turns(hart, turns); break;
    case BARRIER: meet(hart, turns); break;
    default: talk(hart, turns); break;
    }
    barrier();
    run_end(EXIT_OK);
}
