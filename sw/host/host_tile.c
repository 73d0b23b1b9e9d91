/* AIMC tiles in C. */
#include <stdlib.h>
#include <string.h>

#include "host.h"

static host_tile_t *tiles;

#define TILE_COUNT (HART_COUNT_MAX * TIGHT_TILES_PER_HART_MAX + LOOSE_TILE_COUNT_MAX)

void host_tiles_reset(void)
{
    free(tiles);
    tiles = calloc(TILE_COUNT, sizeof *tiles);
}

uint32_t host_tight_tiles(uint32_t hart)
{
    return hart < host_machine.tight_harts ? host_machine.tight_tiles_per_hart : 0;
}

host_tile_t *host_tight_tile(uint32_t hart, uint32_t tile)
{
    if (tile >= host_tight_tiles(hart)) {
        host_fail("hart %u used tight tile %u", hart, tile);
    }
    return &tiles[hart * TIGHT_TILES_PER_HART_MAX + tile];
}

host_tile_t *host_loose_tile(uint32_t tile)
{
    if (tile >= host_machine.loose_tiles) {
        host_fail("loose tile %u was used", tile);
    }
    return &tiles[HART_COUNT_MAX * TIGHT_TILES_PER_HART_MAX + tile];
}

static uint32_t low(uint32_t word)
{
    return word & 0xFFFF;
}

static uint32_t high(uint32_t word)
{
    return word >> 16;
}

static int32_t convert(int32_t sum, uint32_t shift)
{
    uint32_t bits = host_machine.adc_bits;
    if (bits == 32) {
        return sum;
    }
    int64_t half = ((int64_t)1 << shift) >> 1;
    int64_t rounded = ((llabs((int64_t)sum) + half) >> shift) * (sum < 0 ? -1 : 1);
    int32_t limit = 1 << (bits - 1);
    return (int32_t)(rounded < -limit ? -limit : rounded >= limit ? limit - 1 : rounded);
}

/* The sum of a column over the first `rows` rows of the window of the oldest MVM. */
static int32_t column_sum(const host_tile_t *tile, uint32_t row0, uint32_t rows, uint32_t column)
{
    int32_t sum = 0;
    for (uint32_t r = 0; r < rows && r < tile->pending[0].filled; r++) {
        sum += tile->pending[0].bytes[r] * tile->weights[row0 + r][column];
    }
    return sum;
}

static void compute(host_tile_t *tile)
{
    uint32_t *config = tile->pending[0].config;
    uint32_t row0 = low(config[TILE_CONFIG_ROWS]), rows = high(config[TILE_CONFIG_ROWS]);
    uint32_t col0 = low(config[TILE_CONFIG_COLS]), cols = high(config[TILE_CONFIG_COLS]);
    uint32_t shift = config[TILE_CONFIG_SHIFT] & 31;
    bool is_post = (config[TILE_CONFIG_SHIFT] & TILE_SHIFT_POST_MASK) != 0;
    uint32_t bits = host_machine.adc_bits;
    uint32_t bytes = is_post || bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
    uint32_t mask = bytes == 4 ? ~0u : (1u << 8 * bytes) - 1;
    uint32_t per_word = 4 / bytes;
    tile->status[TILE_STATUS_MVMS]++;
    tile->status[TILE_STATUS_ROWS_USED] += rows;
    tile->status[TILE_STATUS_COLS_USED] += cols;
    if (tile->pending[0].filled != rows) {
        tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_SHORT_MASK;
    }
    uint32_t *words = tile->results[tile->result_count].words;
    memset(words, 0, sizeof tile->results[0].words);
    for (uint32_t c = 0; c < cols; c++) {
        int32_t value = convert(column_sum(tile, row0, rows, col0 + c), shift);
        if (is_post) {
            value = tile_post(tile, col0 + c, shift, value);
        }
        words[c / per_word] |= ((uint32_t)value & mask) << c % per_word * 8 * bytes;
    }
    tile->results[tile->result_count].count = (cols * bytes + 3) / 4;
    tile->results[tile->result_count].next = 0;
    tile->results[tile->result_count].is_post = is_post;
    tile->result_count++;
}

static bool window_is_bad(const uint32_t *config)
{
    uint32_t rows = high(config[TILE_CONFIG_ROWS]), cols = high(config[TILE_CONFIG_COLS]);
    return rows == 0 || cols == 0 || cols % 4 != 0 || low(config[TILE_CONFIG_COLS]) % 4 != 0 ||
           low(config[TILE_CONFIG_ROWS]) + rows > host_machine.rows ||
           low(config[TILE_CONFIG_COLS]) + cols > host_machine.cols;
}

/* Computes what is pending while an output buffer is free. */
static void advance(host_tile_t *tile)
{
    while (tile->pending_count != 0 && tile->result_count < HOST_BUFFERS) {
        if (window_is_bad(tile->pending[0].config)) {
            tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_WINDOW_MASK;
        } else {
            compute(tile);
        }
        tile->pending[0] = tile->pending[1];
        tile->pending_count--;
    }
}

void tile_queue(host_tile_t *tile, uint32_t count, uint64_t bytes)
{
    if (tile->pending_count == HOST_BUFFERS) {
        host_fail("hart %u queues to a tile that can't take it: the machine would hang", host_hart);
    }
    for (uint32_t i = 0; i < count; i++, bytes >>= 8) {
        if (tile->filled >= high(tile->config[TILE_CONFIG_ROWS])) {
            tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_RANGE_MASK;
            return;
        }
        tile->filling[tile->filled++] = (int8_t)bytes;
    }
    tile->status[TILE_STATUS_BYTES_IN] += count;
}

void tile_process(host_tile_t *tile)
{
    if (tile->pending_count == HOST_BUFFERS) {
        host_fail("hart %u starts a third MVM: the machine would hang", host_hart);
    }
    uint32_t place = tile->pending_count++;
    memcpy(tile->pending[place].bytes, tile->filling, sizeof tile->filling);
    memcpy(tile->pending[place].config, tile->config, sizeof tile->config);
    tile->pending[place].filled = tile->filled;
    tile->filled = 0;
    advance(tile);
}

uint32_t tile_dequeue(host_tile_t *tile)
{
    if (tile->result_count == 0) {
        tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_EMPTY_MASK;
        return 0;
    }
    uint32_t word = tile->results[0].words[tile->results[0].next++];
    tile->status[TILE_STATUS_BYTES_OUT] += 4;
    if (tile->results[0].next == tile->results[0].count) {
        tile->results[0] = tile->results[1];
        tile->result_count--;
        advance(tile);
    }
    return word;
}

void tile_initialize(host_tile_t *tile, uint32_t addr, uint32_t weights)
{
    uint32_t row = low(addr), col = high(addr);
    if (row >= host_machine.rows || col + 4 > host_machine.cols) {
        tile->status[TILE_STATUS_STATUS] |= TILE_STATUS_ERROR_RANGE_MASK;
        return;
    }
    int32_t limit = 1 << (host_machine.weight_bits - 1);
    for (uint32_t i = 0; i < 4; i++) {
        tile->weights[row][col + i] =
            (int8_t)clamp_s32((int8_t)(weights >> 8 * i), -limit, limit - 1);
    }
    tile->status[TILE_STATUS_PROGRAM_WRITES]++;
}

void tile_config(host_tile_t *tile, uint32_t reg, uint32_t value)
{
    if (reg >= TILE_CONFIG_COLUMN) {
        tile_constant(tile, reg, value);
        return;
    }
    if (reg == TILE_CONFIG_SHIFT && (value & TILE_SHIFT_POST_MASK) && !host_machine.post_lanes) {
        host_fail("hart %u asked a tile without post-processing for it", host_hart);
    }
    tile->config[reg] = value;
}

uint32_t tile_status(host_tile_t *tile, uint32_t reg)
{
    uint32_t value = tile->status[reg];
    if (reg == TILE_STATUS_GEOMETRY) {
        value = host_machine.rows | host_machine.cols << 16;
    } else if (reg == TILE_STATUS_STATUS) {
        value |= tile->result_count != 0 ? TILE_STATUS_RESULT_MASK : 0;
        value |= tile->pending_count == HOST_BUFFERS ? TILE_STATUS_INPUT_FULL_MASK : 0;
    }
    return value;
}
