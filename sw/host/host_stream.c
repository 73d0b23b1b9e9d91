/* Scratchpad and streaming tiles in C: a job is done when it is pushed. */
#include <string.h>

#include "host.h"
#include "image_layout.h"

_Alignas(64) uint8_t host_scratchpad[SCRATCHPAD_SIZE_BYTES];

typedef struct {
    uint32_t words[LOOSE_TILE_JOB_COUNT];
    uint32_t ended;
    uint32_t error; /* with the tag */
} streamer_t;

static streamer_t streamers[LOOSE_TILE_COUNT_MAX];

void host_stream_reset(void)
{
    host_dma_reset();
    memset(streamers, 0, sizeof streamers);
    memset(host_scratchpad, 0xA5, sizeof host_scratchpad);
}

uint32_t host_job_status(uint32_t ended, uint32_t error)
{
    return JOB_STATUS_ROOM_MASK | (error != 0 ? JOB_STATUS_FAILED_MASK : 0) |
           ended << JOB_STATUS_ENDED_SHIFT;
}

bool host_is_job(uint32_t offset)
{
    return offset >= LOOSE_TILE_JOB_OFFSET_BYTES && offset <= LOOSE_TILE_JOB_ERROR_OFFSET_BYTES;
}

uint32_t host_job_read(uint32_t tile, uint32_t offset)
{
    const streamer_t *streamer = &streamers[tile];
    if (offset == LOOSE_TILE_JOB_STATUS_OFFSET_BYTES) {
        return host_job_status(streamer->ended, streamer->error);
    }
    return offset == LOOSE_TILE_JOB_ERROR_OFFSET_BYTES ? streamer->error : 0;
}

static uint32_t job_error(const stream_job_t *job)
{
    uint32_t is_post = host_machine.post_lanes != 0 ? JOB_POST_MASK : 0;
    if (job->in_h == 0 || job->in_w == 0 || job->channels == 0 || job->kernel_w == 0 ||
        job->out_w == 0 || job->count == 0) {
        return JOB_ERROR_EMPTY;
    }
    if (job->channel >= job->channels || job->kernel_x >= job->kernel_w ||
        job->out_x >= job->out_w) {
        return JOB_ERROR_START;
    }
    if (job->rows == 0 || (uint32_t)job->row + job->rows > host_machine.rows || job->cols == 0 ||
        (uint32_t)job->col + job->cols > host_machine.cols || (job->col | job->cols) % 4 != 0 ||
        (job->shift & ~is_post) > 31) {
        return JOB_ERROR_WINDOW;
    }
    return is_word_aligned(job->destination | job->destination_step) ? JOB_ERROR_NONE
                                                                     : JOB_ERROR_ALIGNMENT;
}

/* Where an MVM's patch begins: all of it wraps. */
typedef struct {
    uint32_t addr;
    uint16_t y;
    uint16_t x;
} place_t;

static place_t moved(place_t from, uint32_t bytes, uint16_t y, uint16_t x)
{
    return (place_t){from.addr + bytes, (uint16_t)(from.y + y), (uint16_t)(from.x + x)};
}

/* The slice of one patch; false if it would be read outside of the scratchpad. */
static bool gather(const stream_job_t *job, place_t place, int8_t *bytes)
{
    uint32_t channel = job->channel, columns = job->kernel_w - job->kernel_x, left = job->rows;
    while (left != 0) {
        uint32_t count = min_u32(job->channels - channel, left);
        uint32_t addr = place.addr + channel;
        if (place.y < job->in_h && place.x < job->in_w) {
            if ((uint64_t)addr + count > host_machine.scratchpad_bytes) {
                return false;
            }
            memcpy(bytes, host_scratchpad + addr, count);
        } else {
            memset(bytes, job->zero_point, count);
        }
        bytes += count;
        left -= count;
        channel = 0;
        if (--columns != 0) {
            place = moved(place, job->column_step, 0, job->column_x);
        } else {
            place = moved(place, job->row_step, job->row_y, job->row_x);
            columns = job->kernel_w;
        }
    }
    return true;
}

static uint32_t result_bytes(const stream_job_t *job)
{
    uint32_t bits = host_machine.adc_bits;
    uint32_t element_bytes = bits <= 8 || (job->shift & JOB_POST_MASK) ? 1 : bits <= 16 ? 2 : 4;
    return job->cols * element_bytes;
}

/* One MVM through the tile's own registers. */
static void run_mvm(uint32_t index, const stream_job_t *job, const int8_t *bytes, uint8_t *result)
{
    host_tile_t *tile = host_loose_tile(index);
    uint32_t bits = host_machine.adc_bits, width = bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
    uint32_t raw[TILE_DIM_MAX];
    for (uint32_t i = 0; i < job->rows; i++) {
        tile_queue(tile, 1, (uint8_t)bytes[i]);
    }
    tile_process(tile);
    for (uint32_t i = 0; i < (job->cols * width + 3) / 4; i++) {
        raw[i] = tile_dequeue(tile);
    }
    if (!(job->shift & JOB_POST_MASK)) {
        memcpy(result, raw, job->cols * width);
        return;
    }
    for (uint32_t c = 0; c < job->cols; c++) {
        int32_t value = width == 1   ? ((int8_t *)raw)[c]
                        : width == 2 ? ((int16_t *)raw)[c]
                                     : ((int32_t *)raw)[c];
        result[c] = (uint8_t)tile_post(tile, job->col + c, job->shift & 31, value);
    }
}

static uint32_t run_job(uint32_t index, const stream_job_t *job)
{
    host_tile_t *tile = host_loose_tile(index);
    uint32_t error = job_error(job), pixels = job->out_w - job->out_x;
    place_t place = {job->source, job->y, job->x};
    uint32_t destination = job->destination;
    if (error != JOB_ERROR_NONE) {
        return error;
    }
    tile_config(tile, TILE_CONFIG_ROWS, job->row | (uint32_t)job->rows << 16);
    tile_config(tile, TILE_CONFIG_COLS, job->col | (uint32_t)job->cols << 16);
    tile_config(tile, TILE_CONFIG_SHIFT, job->shift & 31);
    for (uint32_t i = 0; i < job->count; i++, destination += job->destination_step) {
        int8_t bytes[TILE_DIM_MAX];
        if ((uint64_t)destination + result_bytes(job) > host_machine.scratchpad_bytes) {
            return JOB_ERROR_DESTINATION;
        }
        if (!gather(job, place, bytes)) {
            return JOB_ERROR_SOURCE;
        }
        run_mvm(index, job, bytes, host_scratchpad + destination);
        if (--pixels != 0) {
            place = moved(place, job->pixel_step, 0, job->pixel_x);
        } else {
            place = moved(place, job->line_step, job->line_y, job->line_x);
            pixels = job->out_w;
        }
    }
    return JOB_ERROR_NONE;
}

void host_job_write(uint32_t tile, uint32_t offset, uint32_t value)
{
    streamer_t *streamer = &streamers[tile];
    uint32_t word = (offset - LOOSE_TILE_JOB_OFFSET_BYTES) / 4;
    if (offset == LOOSE_TILE_JOB_PUSH_OFFSET_BYTES) {
        stream_job_t job;
        memcpy(&job, streamer->words, sizeof job);
        uint32_t error = run_job(tile, &job);
        streamer->error = error != JOB_ERROR_NONE ? error | (uint32_t)job.tag << 16
                                                  : streamer->error;
        streamer->ended++;
    } else if (offset == LOOSE_TILE_JOB_ERROR_OFFSET_BYTES) {
        streamer->error = 0;
    } else if (word < LOOSE_TILE_JOB_COUNT) {
        streamer->words[word] = value;
    } else {
        host_fail("job register 0x%x can't be written", offset);
    }
}
