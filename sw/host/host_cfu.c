/* The custom function unit in C: accumulators, and the way to a hart's tight tiles. */
#include "cfu.h"
#include "host.h"

static uint32_t accumulators[HART_COUNT_MAX][CFU_ACCUMULATOR_COUNT];

static uint32_t dot4(uint32_t a, uint32_t b)
{
    int32_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (int8_t)(a >> 8 * i) * (int8_t)(b >> 8 * i);
    }
    return (uint32_t)sum;
}

static uint32_t on_accumulator(uint32_t op, uint32_t index, uint32_t rs1, uint32_t rs2)
{
    if (index >= CFU_ACCUMULATOR_COUNT) {
        host_fail("accumulator %u does not exist", index);
    }
    uint32_t *acc = &accumulators[host_hart][index];
    uint32_t before = *acc;
    *acc = op == CFU_OP_DOT4 ? before + dot4(rs1, rs2) : rs1;
    return op == CFU_OP_DOT4 ? *acc : before;
}

uint32_t host_cfu(uint32_t op, uint32_t argument, uint32_t rs1, uint32_t rs2)
{
    if (op == CFU_OP_DOT4 || op == CFU_OP_ACC_SWAP) {
        return on_accumulator(op, argument, rs1, rs2);
    }
    host_tile_t *tile = host_tight_tile(host_hart, argument >> 3);
    uint32_t small = argument & 7;
    switch (op) {
    case CFU_OP_CM_QUEUE: tile_queue(tile, small + 1, (uint64_t)rs2 << 32 | rs1); break;
    case CFU_OP_CM_PROCESS: tile_process(tile); break;
    case CFU_OP_CM_DEQUEUE: return tile_dequeue(tile);
    case CFU_OP_CM_INITIALIZE: tile_initialize(tile, rs1, rs2); break;
    case CFU_OP_CM_CONFIG: tile_config(tile, small, rs1); break;
    case CFU_OP_CM_STATUS: return tile_status(tile, rs1);
    default: host_fail("custom instruction %u does not exist", op);
    }
    return 0;
}
