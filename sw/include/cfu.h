/* The custom instructions, one macro each; on the host they are functions (sw/host/host_cfu.c).
 *
 * `argument` is funct7 and must be a compile-time constant, so accumulators and tight tiles are
 * named by constants. The statements are volatile: the CFU's state is invisible to the compiler. */
#ifndef CFU_H
#define CFU_H

#include "target.h"

#ifdef HOST_BUILD

uint32_t host_cfu(uint32_t op, uint32_t argument, uint32_t rs1, uint32_t rs2);

#define CFU_GET(op, argument, rs1, rs2) host_cfu(op, argument, rs1, rs2)
#define CFU_DO(op, argument, rs1, rs2) ((void)host_cfu(op, argument, rs1, rs2))

#else

#define CFU_GET(op, argument, rs1, rs2)                                                     \
    ({                                                                                      \
        uint32_t cfu_result_;                                                               \
        __asm__ volatile(".insn r %1, %2, %3, %0, %z4, %z5"                                 \
                         : "=r"(cfu_result_)                                                \
                         : "i"(CFU_OPCODE), "i"(op), "i"(argument), "rJ"((uint32_t)(rs1)),  \
                           "rJ"((uint32_t)(rs2)));                                          \
        cfu_result_;                                                                        \
    })

/* The result goes to x0, which frees a register in the inner loops. */
#define CFU_DO(op, argument, rs1, rs2)                                                      \
    __asm__ volatile(".insn r %0, %1, %2, x0, %z3, %z4"                                     \
                     :                                                                      \
                     : "i"(CFU_OPCODE), "i"(op), "i"(argument), "rJ"((uint32_t)(rs1)),      \
                       "rJ"((uint32_t)(rs2)))

#endif

/* The digital operations; see hw/isa.py. Accumulators, rows and channels are constants. */
#define CFU_ARGUMENT(family, small) ((family) * 16 + (small))
#define CFU_DOT4(acc, x, w) CFU_DO(CFU_OP_DOT, CFU_ARGUMENT(CFU_DOT_DOT4, acc), x, w)
#define CFU_MAC4(row, x, w) CFU_DO(CFU_OP_DOT, CFU_ARGUMENT(CFU_DOT_MAC4, row), x, w)
#define CFU_SWAP(acc, value) \
    CFU_GET(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_SWAP, acc), value, 0)
#define CFU_SET_CHANNEL(i, scale, bias) \
    CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_CHANNEL, i), scale, bias)
#define CFU_SET_ACTIVATION(word) \
    CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_ACTIVATION, 0), word, 0)
#define CFU_BIAS_ROW(row) CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_BIAS_ROW, row), 0, 0)
#define CFU_OUT_ROW(row) CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_OUT_ROW, row), 0, 0)
#define CFU_REQUANTISE(value, scale) \
    CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_REQUANTISE, 0), value, scale)
#define CFU_TAKE() CFU_GET(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_TAKE, 0), 0, 0)

/* The tile that tile number 0 means from now on. */
#define CFU_TILE_BASE(tile) CFU_DO(CFU_OP_ACC, CFU_ARGUMENT(CFU_ACC_TILE_BASE, 0), tile, 0)

#define CM_ARGUMENT(tile, small) ((tile) * 8 + (small))
#define CM_QUEUE(tile, bytes, low, high) \
    CFU_DO(CFU_OP_CM_QUEUE, CM_ARGUMENT(tile, (bytes) - 1), low, high)
#define CM_PROCESS(tile) CFU_DO(CFU_OP_CM_PROCESS, CM_ARGUMENT(tile, 0), 0, 0)
#define CM_DEQUEUE(tile) CFU_GET(CFU_OP_CM_DEQUEUE, CM_ARGUMENT(tile, 0), 0, 0)
#define CM_INITIALIZE(tile, row, col, weights) \
    CFU_DO(CFU_OP_CM_INITIALIZE, CM_ARGUMENT(tile, 0), (row) | (col) << 16, weights)
#define CM_CONFIG(tile, reg, value) CFU_DO(CFU_OP_CM_CONFIG, CM_ARGUMENT(tile, reg), value, 0)
#define CM_STATUS(tile, reg) CFU_GET(CFU_OP_CM_STATUS, CM_ARGUMENT(tile, 0), reg, 0)

#endif
