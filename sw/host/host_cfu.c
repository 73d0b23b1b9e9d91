/* The custom function unit in C: digital operations, and the way to a hart's tight tiles. */
#include "cfu.h"
#include "host.h"

typedef struct {
    uint32_t acc[CFU_ACCUMULATOR_COUNT];
    struct {
        uint32_t scale;
        uint32_t bias;
    } channel[4];
    int8_t zero_point, min, max;
    uint32_t packed;
    uint32_t tile_base;
} digital_t;

static digital_t digital[HART_COUNT_MAX];

static int32_t product(uint32_t a, uint32_t b, int i)
{
    return (int8_t)(a >> 8 * i) * (int8_t)(b >> 8 * i);
}

/* In 64 bits and by comparing what is left with a half, unlike sw/include/requant.h. */
static int64_t divide_half_even(int64_t value, uint32_t shift)
{
    int64_t unit = (int64_t)1 << shift;
    int64_t quotient = value >> shift;
    int64_t rest = value - quotient * unit;
    bool up = rest > unit / 2 || (rest == unit / 2 && quotient % 2 != 0);
    return quotient + up;
}

int8_t host_output(uint32_t value, uint32_t scale, int8_t zero_point, int8_t min, int8_t max)
{
    uint32_t shift = scale & 63;
    if (shift < 32 || shift > 62) {
        host_fail("scale 0x%x has shift %u", scale, shift);
    }
    int64_t y = divide_half_even((int32_t)value * (int64_t)(scale - shift), shift) + zero_point;
    return (int8_t)(y < min ? min : y > max ? max : y);
}

static void requantise_into(digital_t *state, uint32_t value, uint32_t scale)
{
    int8_t y = host_output(value, scale, state->zero_point, state->min, state->max);
    state->packed = state->packed >> 8 | (uint32_t)(uint8_t)y << 24;
}

static uint32_t do_dot(digital_t *state, uint32_t family, uint32_t small, uint32_t a, uint32_t b)
{
    if (family == CFU_DOT_DOT4) {
        for (int i = 0; i < 4; i++) {
            state->acc[small] += (uint32_t)product(a, b, i);
        }
        return state->acc[small];
    }
    if (family != CFU_DOT_MAC4 || small >= 4) {
        host_fail("DOT operation %u.%u does not exist", family, small);
    }
    for (int i = 0; i < 4; i++) {
        state->acc[4 * small + i] += (uint32_t)product(a, b, i);
    }
    return 0;
}

static void do_row(digital_t *state, uint32_t row, bool out)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t *acc = &state->acc[4 * row + i];
        if (out) {
            requantise_into(state, *acc, state->channel[i].scale);
        }
        *acc = state->channel[i].bias;
    }
}

static uint32_t do_acc(digital_t *state, uint32_t family, uint32_t small, uint32_t a, uint32_t b)
{
    if (small >= (family == CFU_ACC_SWAP ? CFU_ACCUMULATOR_COUNT : 4)) {
        host_fail("ACC operation %u has no argument %u", family, small);
    }
    uint32_t before = state->acc[small];
    switch (family) {
    case CFU_ACC_SWAP: state->acc[small] = a; return before;
    case CFU_ACC_CHANNEL:
        state->channel[small].scale = a;
        state->channel[small].bias = b;
        break;
    case CFU_ACC_ACTIVATION:
        state->zero_point = (int8_t)a;
        state->min = (int8_t)(a >> 8);
        state->max = (int8_t)(a >> 16);
        break;
    case CFU_ACC_BIAS_ROW: do_row(state, small, false); break;
    case CFU_ACC_OUT_ROW: do_row(state, small, true); break;
    case CFU_ACC_REQUANTISE: requantise_into(state, a, b); break;
    case CFU_ACC_TAKE: return state->packed;
    case CFU_ACC_TILE_BASE: state->tile_base = a & 15; break;
    default: host_fail("ACC operation %u does not exist", family);
    }
    return 0;
}

uint32_t host_cfu(uint32_t op, uint32_t argument, uint32_t rs1, uint32_t rs2)
{
    if (op == CFU_OP_DOT) {
        return do_dot(&digital[host_hart], argument >> 4, argument & 15, rs1, rs2);
    }
    if (op == CFU_OP_ACC) {
        return do_acc(&digital[host_hart], argument >> 4, argument & 15, rs1, rs2);
    }
    host_tile_t *tile = host_tight_tile(host_hart, ((argument >> 3) + digital[host_hart].tile_base) & 15);
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
