/* Ends the run on a trap, and tells the host what happened. */
#include "runtime.h"

#define CAUSE_SOFTWARE_INTERRUPT 0x80000003u

__attribute__((noreturn)) void trap_report(unsigned hart, uint32_t cause, uint32_t value,
                                           uint32_t pc);

void trap_report(unsigned hart, uint32_t cause, uint32_t value, uint32_t pc)
{
    /* Only the first trap is reported; the mutex is never released. */
    if (!mutex_try(MUTEX_TRAP)) {
        hart_sleep();
    }
    if (cause == CAUSE_SOFTWARE_INTERRUPT) {
        value = hart_local(HART_LOCAL_BUS_ERROR_ADDR_OFFSET_BYTES);
    }
    mmio_write32(HOST_BASE_ADDR + HOST_FAULT_CAUSE_OFFSET_BYTES, cause);
    mmio_write32(HOST_BASE_ADDR + HOST_FAULT_ADDR_OFFSET_BYTES, value);
    mmio_write32(HOST_BASE_ADDR + HOST_FAULT_PC_OFFSET_BYTES, pc);
    mmio_write32(HOST_BASE_ADDR + HOST_FAULT_HART_OFFSET_BYTES, hart);
    run_end(EXIT_TRAP);
}
