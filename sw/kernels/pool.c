/* MAXPOOL, AVGPOOL, GLOBAL_AVGPOOL.
 *
 * Loops: pixels of the chunk > groups of 4 channels, for averages first of 16 (per 4 channels TAKE, 4
 * bytes stored, or 1 word if the output is word-aligned) > pixels of the window that lie inside the
 * image: per 4 channels 1 word load, and MAC4 for an average or 4 steps for a maximum. Channels past
 * the last multiple of 4, and all of them if the input is not word-aligned, are taken singly, by
 * bytes. AVGPOOL sets 4 channels for each pixel. */
#include "kernels.h"
#include "output.h"
#include "patch.h"

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

/* Adds four channels to row 0. */
/* `quads` groups of 4 channels, 1 or 4 and a constant: each goes to its row of accumulators. */
INLINE void window_add(const window_t *window, uint32_t n, uint32_t quads)
{
    const int8_t *row = window->first + n;
    for (uint32_t rows = window->rows; rows > 0; rows--, row += window->row_pitch) {
        const int8_t *in = row;
        for (uint32_t cols = window->cols; cols > 0; cols--, in += window->pixel_pitch) {
            CFU_MAC4(0, load_word(in), FOUR_ONES);
            if (quads == 4) {
                CFU_MAC4(1, load_word(in + 4), FOUR_ONES);
                CFU_MAC4(2, load_word(in + 8), FOUR_ONES);
                CFU_MAC4(3, load_word(in + 12), FOUR_ONES);
            }
        }
    }
}

static int32_t window_sum(const window_t *window, uint32_t n)
{
    int32_t sum = 0;
    const int8_t *row = window->first + n;
    for (uint32_t rows = window->rows; rows > 0; rows--, row += window->row_pitch) {
        const int8_t *in = row;
        for (uint32_t cols = window->cols; cols > 0; cols--, in += window->pixel_pitch) {
            sum += *in;
        }
    }
    return sum;
}

static bool by_words(const layer_t *layer, const chunk_t *chunk)
{
    return is_word_aligned(layer->in_addr | layer->in_pitch | chunk->begin);
}

INLINE void store_four(int8_t *out, uint32_t word)
{
    if (LIKELY(is_word_aligned((uintptr_t)out))) {
        store_word(out, word);
    } else {
        store_last(out, word, 4);
    }
}

static void max_pixel(const layer_t *layer, const chunk_t *chunk, const window_t *window,
                      int8_t *out)
{
    int32_t values[4];
    uint32_t n = chunk->begin;
    for (; by_words(layer, chunk) && n + 4 <= chunk->end; n += 4) {
        window_max(window, n, 4, values);
        CFU_REQUANTISE(values[0], SCALE_ONE);
        CFU_REQUANTISE(values[1], SCALE_ONE);
        CFU_REQUANTISE(values[2], SCALE_ONE);
        CFU_REQUANTISE(values[3], SCALE_ONE);
        store_four(out + n, CFU_TAKE());
    }
    for (; n < chunk->end; n++) {
        window_max(window, n, 1, values);
        out[n] = requantise_one(values[0], SCALE_ONE);
    }
}

void maxpool_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    /* Input and output share a zero point, so only the clamp is wanted. */
    activation_set(layer, 0);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        window_t window = window_of(layer, &patch);
        max_pixel(layer, chunk, &window, mem_ptr(layer->out_addr + pixel * layer->out_pitch));
        patch_next(layer, &patch);
    }
}

static void average_pixel(const layer_t *layer, const chunk_t *chunk, const window_t *window,
                          uint32_t scale, int8_t *out)
{
    int32_t bias = -(int32_t)(window->rows * window->cols) * layer->in_zero_point;
    uint32_t n = chunk->begin;
    channels_set_alike(scale, bias);
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
    for (; by_words(layer, chunk) && n + 16 <= chunk->end; n += 16) {
        window_add(window, n, 4);
        CFU_OUT_ROW(0);
        store_four(out + n, CFU_TAKE());
        CFU_OUT_ROW(1);
        store_four(out + n + 4, CFU_TAKE());
        CFU_OUT_ROW(2);
        store_four(out + n + 8, CFU_TAKE());
        CFU_OUT_ROW(3);
        store_four(out + n + 12, CFU_TAKE());
    }
    for (; by_words(layer, chunk) && n + 4 <= chunk->end; n += 4) {
        window_add(window, n, 1);
        CFU_OUT_ROW(0);
        store_four(out + n, CFU_TAKE());
    }
    for (; n < chunk->end; n++) {
        out[n] = requantise_one(window_sum(window, n) + bias, scale);
    }
}

void avgpool_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        window_t window = window_of(layer, &patch);
        uint32_t counted = window.rows * window.cols;
        if (layer->count_include_pad) {
            counted = layer->kernel_h * layer->kernel_w;
        }
        int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
        average_pixel(layer, chunk, &window, scales_of(layer)[counted - 1], out);
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
    activation_set(layer, layer->out_zero_point);
    average_pixel(layer, chunk, &window, scales_of(layer)[0], mem_ptr(layer->out_addr));
}
