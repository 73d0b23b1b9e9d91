/* Depth-wise convolution.
 *
 * Loops of dwconv_dot4_s8: blocks of 32 channels (a cache line, so that neighbouring pixels find
 * theirs) > pixels of the chunk > groups of 4 channels (set 4 accumulators; 4 outputs, one store)
 * > kernel_h * kernel_w taps: 2 loads (1 in the padding), 4 ands, 4 DOT4. The masks leave one
 * weight each, so that a DOT4 is one product. Channels past the last multiple of 4, and all of
 * them if something is not word-aligned, go as in dwconv_scalar_s8: pixels > channels > taps. */
#include "cfu.h"
#include "kernels.h"
#include "patch.h"
#include "requant.h"

#define LINE_CHANNELS DCACHE_LINE_BYTES

static void one_output(const layer_t *layer, const patch_t *patch, uint32_t pixel, uint32_t n)
{
    const int8_t *weights = (const int8_t *)mem_ptr(layer->weights_addr) + n;
    const int32_t *bias = mem_ptr(layer->bias_addr);
    int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
    int32_t acc = bias[n];
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
        int32_t y = patch->in_y + (int32_t)ky;
        bool row_inside = (uint32_t)y < layer->in_h;
        for (uint32_t kx = 0; kx < layer->kernel_w; kx++, weights += layer->out_c) {
            bool inside = row_inside && kx >= patch->kx_begin && kx < patch->kx_end;
            int32_t x = layer->in_zero_point;
            if (inside) {
                x = pixel_ptr(layer, y, patch->in_x + (int32_t)kx)[n];
            }
            acc += x * *weights;
        }
    }
    out[n] = (int8_t)activate(layer, requantise(acc, scale_at(layer, n)));
}

#define TAP(word)                            \
    {                                        \
        uint32_t x_ = word;                  \
        uint32_t w_ = load_word(weights);    \
        weights += layer->out_c;             \
        CFU_DOT4(0, x_, w_ & 0x000000FFu);   \
        CFU_DOT4(1, x_, w_ & 0x0000FF00u);   \
        CFU_DOT4(2, x_, w_ & 0x00FF0000u);   \
        CFU_DOT4(3, x_, w_ & 0xFF000000u);   \
    }

/* All taps of 4 channels; the accumulators hold the bias before and the sums after. */
static void four_taps(const layer_t *layer, const patch_t *patch, uint32_t n)
{
    const int8_t *weights = (const int8_t *)mem_ptr(layer->weights_addr) + n;
    const uint32_t padding = (uint8_t)layer->in_zero_point * 0x01010101u;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
        int32_t y = patch->in_y + (int32_t)ky;
        bool inside = (uint32_t)y < layer->in_h;
        uint32_t begin = inside ? patch->kx_begin : layer->kernel_w;
        uint32_t end = inside ? patch->kx_end : layer->kernel_w;
        const int8_t *in = pixel_ptr(layer, y, patch->in_x + (int32_t)begin) + n;
        for (uint32_t kx = 0; kx < begin; kx++) {
            TAP(padding)
        }
        for (uint32_t kx = begin; kx < end; kx++, in += layer->in_pitch) {
            TAP(load_word(in))
        }
        for (uint32_t kx = end; kx < layer->kernel_w; kx++) {
            TAP(padding)
        }
    }
}

static uint32_t biased_output(const layer_t *layer, uint32_t acc, uint32_t n)
{
    return (uint32_t)(activate(layer, requantise((int32_t)acc, scale_at(layer, n))) + 128);
}

static void four_outputs(const layer_t *layer, const patch_t *patch, uint32_t pixel, uint32_t n)
{
    const int32_t *bias = (const int32_t *)mem_ptr(layer->bias_addr) + n;
    int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
    (void)CFU_ACC_SWAP(0, bias[0]);
    (void)CFU_ACC_SWAP(1, bias[1]);
    (void)CFU_ACC_SWAP(2, bias[2]);
    (void)CFU_ACC_SWAP(3, bias[3]);
    four_taps(layer, patch, n);
    uint32_t a0 = CFU_ACC_SWAP(0, 0), a1 = CFU_ACC_SWAP(1, 0);
    uint32_t a2 = CFU_ACC_SWAP(2, 0), a3 = CFU_ACC_SWAP(3, 0);
    uint32_t y = biased_output(layer, a0, n);
    y |= biased_output(layer, a1, n + 1) << 8;
    y |= biased_output(layer, a2, n + 2) << 16;
    y |= biased_output(layer, a3, n + 3) << 24;
    store_word(out + n, y ^ 0x80808080u);
}

static void channel_block(const layer_t *layer, const chunk_t *chunk, uint32_t begin, uint32_t end,
                          bool by_words)
{
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        uint32_t n = begin;
        for (; by_words && n + 4 <= end; n += 4) {
            four_outputs(layer, &patch, pixel, n);
        }
        for (; n < end; n++) {
            one_output(layer, &patch, pixel, n);
        }
        patch_next(layer, &patch);
    }
}

void dwconv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    bool by_words =
        is_word_aligned(layer->in_addr | layer->in_pitch | layer->weights_addr | layer->out_c |
                        layer->out_addr | layer->out_pitch | chunk->begin);
    for (uint32_t n = chunk->begin; n < chunk->end; n += LINE_CHANNELS) {
        channel_block(layer, chunk, n, min_u32(n + LINE_CHANNELS, chunk->end), by_words);
    }
}

void dwconv_scalar_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    channel_block(layer, chunk, chunk->begin, chunk->end, false);
}
