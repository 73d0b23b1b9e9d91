/* Reset and trap entry. The image's first instruction is _start, at FIRMWARE_ADDR. */
#include "cluster_regs.h"
#include "image_layout.h"

#define MACHINE_SOFTWARE_INTERRUPT (1 << 3)

    .section .init, "ax"
    .globl _start
_start:
    li t0, CFU_ENABLE_MASK
    csrw CFU_ENABLE_CSR, t0
    la t0, trap_entry
    csrw mtvec, t0
    /* The software interrupt is how the bus reports an error. */
    csrwi mie, MACHINE_SOFTWARE_INTERRUPT
    csrsi mstatus, 1 << 3
    call hart_stack
    bnez a0, joined
    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, joined
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
joined:
    li t0, SYNC_BASE_ADDR
    lw t0, SYNC_BARRIER_OFFSET_BYTES(t0)
    tail main

/* Sets a0 to the hart's number and sp to the top of its stack; uses t0 and t1. */
hart_stack:
    li t0, HART_LOCAL_BASE_ADDR
    lw a0, HART_LOCAL_HART_ID_OFFSET_BYTES(t0)
    li t0, STACK_BYTES
    mul t1, a0, t0
    li sp, STACK_ADDR + STACK_BYTES
    add sp, sp, t1
    ret

    /* A trap ends the run, so nothing is saved, and the stack starts anew. */
    .balign 4
trap_entry:
    call hart_stack
    csrr a1, mcause
    csrr a2, mtval
    csrr a3, mepc
    tail trap_report
