/* One hart, or every hart, does what the host orders; the others wait at the barrier. */
#include "bare.h"

enum { STORE, LOAD, JUMP, INSTRUCTION, MISS_BARRIER };
enum { ORDER_KIND, ORDER_HART, ORDER_ADDR, ORDER_STEP };

#define INSTRUCTION_COUNT 4

NOINLINE void wait_at_barrier(void)
{
    barrier();
}

NOINLINE void miss_barrier(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

/* The interrupt of a bus error comes a little after the access. */
NOINLINE void store_to(uint32_t addr)
{
    *(volatile uint8_t *)addr = 1;
    pass_time(50);
}

NOINLINE void load_from(uint32_t addr)
{
    (void)*(volatile uint32_t *)addr;
    pass_time(50);
}

NOINLINE void jump_to(uint32_t addr)
{
    ((void (*)(void))addr)();
}

void bad_instructions(void);
__asm__(".section .text.bad_instructions, \"ax\"\n"
        ".globl bad_instructions\n"
        "bad_instructions:\n"
        "    .word 0xffffffff\n"
        "    ecall\n"
        "    ebreak\n"
        "    csrrw zero, 0x7c7, zero\n"
        "    j .\n");

static void go_wrong(uint32_t kind, uint32_t addr)
{
    switch (kind) {
    case STORE: store_to(addr); break;
    case LOAD: load_from(addr); break;
    case JUMP: jump_to(addr); break;
    case INSTRUCTION: jump_to((uint32_t)bad_instructions + 4 * addr); break;
    default: miss_barrier(); break;
    }
}

void main(unsigned hart)
{
    if (order(ORDER_HART) == hart || order(ORDER_HART) >= hart_count()) {
        go_wrong(order(ORDER_KIND), order(ORDER_ADDR) + hart * order(ORDER_STEP));
    }
    wait_at_barrier();
    run_end(EXIT_OK);
}
