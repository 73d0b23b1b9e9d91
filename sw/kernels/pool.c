/* MAXPOOL, AVGPOOL, GLOBAL_AVGPOOL.
 *
 * Loops: pixels of the chunk > groups of 4 channels (4 outputs, 4 byte stores) > pixels of the
 * window that lie inside the image: 1 word load and 4 steps. Channels past the last multiple of 4,
 * and all of them if the input is not word-aligned, are taken singly, by bytes. */
#include "kernels.h"
#include "patch.h"
#include "requant.h"

typedef struct {
    const int8_t *first; /* top left pixel inside the image */
    uint32_t row_pitch;
    uint32_t pixel_pitch;
    uint32_t rows;
    uint32_t cols;
} window_t;

static window_t window_of(const layer_t *layer, const patch_t *patch)
{
    int32_t in_h = (int32_t)layer->in_h;
    int32_t begin = clamp_s32(patch->in_y, 0, in_h);
    int32_t end = clamp_s32(patch->in_y + (int32_t)layer->kernel_h, begin, in_h);
    return (window_t){
        .first = pixel_ptr(layer, begin, patch->in_x + (int32_t)patch->kx_begin),
        .row_pitch = layer->in_w * layer->in_pitch,
        .pixel_pitch = layer->in_pitch,
        .rows = (uint32_t)(end - begin),
        .cols = patch->kx_end - patch->kx_begin,
    };
}

INLINE int32_t byte_of(uint32_t word, unsigned index)
{
    return (int8_t)(word >> 8 * index);
}

/* `count` is 1 or 4 and a constant, so each call compiles to its own loop. */
INLINE void window_max(const window_t *window, uint32_t n, uint32_t count, int32_t *values)
{
    for (uint32_t i = 0; i < count; i++) {
        values[i] = INT8_MIN;
    }
    for (uint32_t row = 0; row < window->rows; row++) {
        const int8_t *in = window->first + row * window->row_pitch + n;
        for (uint32_t col = 0; col < window->cols; col++, in += window->pixel_pitch) {
            uint32_t word = count == 4 ? load_word(in) : (uint8_t)*in;
            for (uint32_t i = 0; i < count; i++) {
                int32_t x = byte_of(word, i);
                values[i] = x > values[i] ? x : values[i];
            }
        }
    }
}

INLINE void window_sum(const window_t *window, uint32_t n, uint32_t count, int32_t *values)
{
    for (uint32_t i = 0; i < count; i++) {
        values[i] = 0;
    }
    for (uint32_t row = 0; row < window->rows; row++) {
        const int8_t *in = window->first + row * window->row_pitch + n;
        for (uint32_t col = 0; col < window->cols; col++, in += window->pixel_pitch) {
            uint32_t word = count == 4 ? load_word(in) : (uint8_t)*in;
            for (uint32_t i = 0; i < count; i++) {
                values[i] += byte_of(word, i);
            }
        }
    }
}

static bool by_words(const layer_t *layer, const chunk_t *chunk)
{
    return is_word_aligned(layer->in_addr | layer->in_pitch | chunk->begin);
}

static void max_pixel(const layer_t *layer, const chunk_t *chunk, const window_t *window,
                      int8_t *out)
{
    int32_t values[4];
    uint32_t n = chunk->begin;
    for (; by_words(layer, chunk) && n + 4 <= chunk->end; n += 4) {
        window_max(window, n, 4, values);
        for (uint32_t i = 0; i < 4; i++) {
            out[n + i] = (int8_t)clamp_s32(values[i], layer->act_min, layer->act_max);
        }
    }
    for (; n < chunk->end; n++) {
        window_max(window, n, 1, values);
        out[n] = (int8_t)clamp_s32(values[0], layer->act_min, layer->act_max);
    }
}

void maxpool_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        window_t window = window_of(layer, &patch);
        max_pixel(layer, chunk, &window, mem_ptr(layer->out_addr + pixel * layer->out_pitch));
        patch_next(layer, &patch);
    }
}

static int8_t mean(const layer_t *layer, int32_t sum, int32_t offset, scale_t scale)
{
    return (int8_t)activate(layer, requantise(sum - offset, scale));
}

static void average_pixel(const layer_t *layer, const chunk_t *chunk, const window_t *window,
                          scale_t scale, int8_t *out)
{
    int32_t offset = (int32_t)(window->rows * window->cols) * layer->in_zero_point;
    int32_t sums[4];
    uint32_t n = chunk->begin;
    for (; by_words(layer, chunk) && n + 4 <= chunk->end; n += 4) {
        window_sum(window, n, 4, sums);
        for (uint32_t i = 0; i < 4; i++) {
            out[n + i] = mean(layer, sums[i], offset, scale);
        }
    }
    for (; n < chunk->end; n++) {
        window_sum(window, n, 1, sums);
        out[n] = mean(layer, sums[0], offset, scale);
    }
}

void avgpool_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        window_t window = window_of(layer, &patch);
        uint32_t counted = window.rows * window.cols;
        if (layer->count_include_pad) {
            counted = layer->kernel_h * layer->kernel_w;
        }
        int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
        average_pixel(layer, chunk, &window, scale_at(layer, counted - 1), out);
        patch_next(layer, &patch);
    }
}

void global_avgpool_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    window_t window = {
        .first = mem_ptr(layer->in_addr),
        .row_pitch = layer->in_w * layer->in_pitch,
        .pixel_pitch = layer->in_pitch,
        .rows = layer->in_h,
        .cols = layer->in_w,
    };
    average_pixel(layer, chunk, &window, scale_at(layer, 0), mem_ptr(layer->out_addr));
}
