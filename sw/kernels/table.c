/* Which kernel computes which operation with which body: sim/operations.py says. */
#include "kernels.h"

#define ENTRY(op, body, kernel) [op][body] = kernel,
static kernel_t *const kernels[OP_COUNT][BODY_COUNT] = {EACH_KERNEL(ENTRY)};

kernel_t *kernel_find(uint32_t op, uint32_t body)
{
    return op < OP_COUNT && body < BODY_COUNT ? kernels[op][body] : NULL;
}
