/* What the programs of these tests share: orders from the host, results for it, and the end of a
 * run. Included once in each program; crt0, trap handler and log are the firmware's own. */
#ifndef BARE_H
#define BARE_H

#include "cfu.h"
#include "runtime.h"

#define ORDERS_ADDR (IMAGE_ADDR + sizeof(header_t))
#define RESULTS_ADDR (IMAGE_ADDR + 0x1000)

INLINE uint32_t order(uint32_t index)
{
    return ((const uint32_t *)ORDERS_ADDR)[index];
}

INLINE const header_t *image_header(void)
{
    return mem_ptr(IMAGE_ADDR);
}

/* For words that are looked at by other harts, or only by the host. */
INLINE volatile uint32_t *results(void)
{
    return mem_ptr_uncached(RESULTS_ADDR);
}

INLINE uint32_t hart_count(void)
{
    return hart_local(HART_LOCAL_HART_COUNT_OFFSET_BYTES);
}

/* The nop is there because the compiler unrolls a loop of nothing to nothing. */
static void pass_time(uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++) {
        __asm__ volatile("nop");
    }
}

void run_end(uint32_t status)
{
    mmio_write32(HOST_BASE_ADDR + HOST_EXIT_OFFSET_BYTES, status);
    for (;;) {
    }
}

void hart_sleep(void)
{
    for (;;) {
        barrier_stall();
    }
}

__attribute__((noreturn)) void main(unsigned hart);

#endif
