/* Post-processing of tiles in C. */
#include "host.h"

/* In 64 bits and by comparing what is left with a half, unlike sw/include/requant.h. */
static int64_t divide_half_even(int64_t value, uint32_t shift)
{
    int64_t unit = (int64_t)1 << shift;
    int64_t quotient = value >> shift;
    int64_t rest = value - quotient * unit;
    bool up = rest > unit / 2 || (rest == unit / 2 && quotient % 2 != 0);
    return quotient + up;
}

int8_t host_requantised(int32_t acc, uint32_t scale, uint32_t activation)
{
    uint32_t shift = scale & 63;
    if (shift < 32 || shift > 62) {
        host_fail("scale 0x%x has shift %u", scale, shift);
    }
    int64_t y = divide_half_even(acc * (int64_t)(scale - shift), shift) + (int8_t)activation;
    int8_t min = (int8_t)(activation >> 8), max = (int8_t)(activation >> 16);
    return (int8_t)(y < min ? min : y > max ? max : y);
}

static bool post_in_flight(const host_tile_t *tile)
{
    bool some = false;
    for (uint32_t i = 0; i < tile->pending_count; i++) {
        some |= (tile->pending[i].config[TILE_CONFIG_SHIFT] & TILE_SHIFT_POST_MASK) != 0;
    }
    for (uint32_t i = 0; i < tile->result_count; i++) {
        some |= tile->results[i].is_post;
    }
    return some;
}

void tile_constant(host_tile_t *tile, uint32_t reg, uint32_t value)
{
    uint32_t *column = &tile->config[TILE_CONFIG_COLUMN];
    if (host_machine.post_lanes == 0) {
        host_fail("hart %u wrote register %u of a tile without post-processing", host_hart, reg);
    }
    if (post_in_flight(tile)) {
        host_fail("hart %u changes constants that an MVM may need", host_hart);
    }
    if (reg == TILE_CONFIG_COLUMN || reg == TILE_CONFIG_ACTIVATION) {
        tile->config[reg] = value;
    } else if (*column >= host_machine.cols) {
        tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_RANGE_MASK;
    } else if (reg == TILE_CONFIG_BIAS) {
        tile->constants[*column].bias = (int32_t)value;
    } else {
        tile->constants[*column].scale = value;
        tile->constants[*column].is_written = true;
        ++*column;
    }
}

/* Columns that only fill up a window may have no constants; what they give is not to be used. */
int8_t tile_post(const host_tile_t *tile, uint32_t column, uint32_t shift, int32_t value)
{
    if (!tile->constants[column].is_written) {
        return 0x55;
    }
    uint32_t sum = (uint32_t)value << (host_machine.adc_bits == 32 ? 0 : shift & 31);
    sum += (uint32_t)tile->constants[column].bias;
    return host_requantised((int32_t)sum, tile->constants[column].scale,
                            tile->config[TILE_CONFIG_ACTIVATION]);
}
