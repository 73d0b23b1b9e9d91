/* Convolution on the CFU's accumulators, blocked 4 pixels by 4 channels.
 *
 * Loops, with K = weight_pitch and P = panel_size():
 *   panels of P pixels: find or gather P patches (gather.c)
 *     blocks of 4 channels: set 4 channels of the CFU and 4 rows of accumulators
 *       blocks of 4 pixels (dot_4x4), then 0 .. 3 single pixels (dot_1x4), see dot4_blocks.c:
 *         dot_4x4: K / 32 steps of 8 words, then (K / 16) % 2 of 4 words, then (K / 4) % 4 of one;
 *           a word is 8 loads, 16 DOT4; 9 more instructions per step. Then 4 pixels are stored
 *         dot_1x4: K / 16 steps of 4 words, then (K / 4) % 4 of one; a word is 5 loads, 4 DOT4; 6
 *           more instructions per step. Then one pixel is stored
 *         a pixel is OUT_ROW, TAKE and one word stored (or up to 4 bytes, see output.c)
 * A last block of fewer than 4 channels computes its last channel several times.
 *
 * The data cache: a panel of at most PANEL_BYTES stays while all weights pass it, so each is read
 * once per panel. Rows of weights and patches that fall on the same lines at the same time would
 * miss on every load; see clash(). */
#include "cfu.h"
#include "dot4.h"
#include "kernels.h"
#include "patch.h"

#define PANEL_PIXELS_MAX 32
#define PANEL_BYTES (DCACHE_BYTES / 2)

/* A block of fewer than 4 channels computes its last one several times. */
#define SET_CHANNEL(i)                                       \
    {                                                        \
        uint32_t n = channel + min_u32(i, block->count - 1); \
        block->weights[i] = weights + n * block->patch_bytes; \
        CFU_SET_CHANNEL(i, scales[n], bias[n]);              \
    }

static void channels_load(const layer_t *layer, uint32_t channel, channels_t *block)
{
    const int8_t *weights = mem_ptr(layer->weights_addr);
    const int32_t *bias = mem_ptr(layer->bias_addr);
    const uint32_t *scales = scales_of(layer);
    SET_CHANNEL(0)
    SET_CHANNEL(1)
    SET_CHANNEL(2)
    SET_CHANNEL(3)
    CFU_BIAS_ROW(0);
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
}

/* Rows of patches lie a multiple of `step` bytes (a power of 2) from rows of weights plus `phase`.
 * True if some pair could be less than a cache line apart modulo the cache, on every load. If
 * step is less than two lines that can't be avoided, and concerns few pairs. */
static bool clash(uint32_t phase, uint32_t step)
{
    phase &= step - 1;
    return step >= 2 * DCACHE_LINE_BYTES &&
           (phase < DCACHE_LINE_BYTES || phase > step - DCACHE_LINE_BYTES);
}

/* True if patches are whole words of the input that can be read where they are. */
static bool is_direct(const layer_t *layer)
{
    uint32_t row_bytes = layer->in_w * layer->in_pitch * layer->stride_h;
    uint32_t step = lowest_bit(layer->in_pitch * layer->stride_w | row_bytes |
                               layer->weight_pitch | DCACHE_BYTES);
    return layer->kernel_h == 1 && layer->kernel_w == 1 && layer->pad_top == 0 &&
           layer->pad_left == 0 && (layer->out_h - 1) * layer->stride_h < layer->in_h &&
           (layer->out_w - 1) * layer->stride_w < layer->in_w &&
           is_word_aligned(layer->in_addr | layer->in_pitch) &&
           layer->in_c == layer->weight_pitch &&
           !clash(layer->in_addr - layer->weights_addr, step);
}

/* Where gathered patches go: at most 64 bytes into the scratch, clear of the weights' lines. */
static int8_t *panel_ptr(const layer_t *layer, unsigned hart)
{
    uint32_t addr = layer->scratch_addr + hart * layer->scratch_bytes;
    uint32_t step = lowest_bit(layer->weight_pitch | DCACHE_BYTES);
    uint32_t phase = (addr - layer->weights_addr) & (step - 1);
    if (clash(phase, step)) {
        uint32_t wrap = phase < DCACHE_LINE_BYTES ? 0 : step;
        addr += wrap + DCACHE_LINE_BYTES - phase;
    }
    return mem_ptr(addr);
}

static uint32_t panel_size(const layer_t *layer, bool direct)
{
    uint32_t pixels = min_u32(PANEL_BYTES / layer->weight_pitch, PANEL_PIXELS_MAX);
    uint32_t room = (layer->scratch_bytes - 64) / layer->weight_pitch;
    pixels = pixels < 4 ? 4 : pixels & ~3u;
    return direct ? pixels : min_u32(pixels, room & ~3u);
}

static void run_panel(const layer_t *layer, const chunk_t *chunk, const int8_t *const *patches,
                      uint32_t pixel, uint32_t pixels)
{
    uint32_t out_addr = layer->out_addr + pixel * layer->out_pitch;
    channels_t block = {.patch_bytes = layer->weight_pitch, .out_pitch = layer->out_pitch};
    for (uint32_t n = chunk->begin; n < chunk->end; n += 4) {
        block.count = min_u32(chunk->end - n, 4);
        block.stores_words =
            block.count == 4 && is_word_aligned(layer->out_addr | layer->out_pitch | n);
        channels_load(layer, n, &block);
        uint32_t fours = pixels / 4;
        int8_t *out = mem_ptr(out_addr + n);
        dot_4x4(patches, fours, &block, out);
        dot_1x4(patches + 4 * fours, pixels % 4, &block, out + 4 * fours * block.out_pitch);
    }
}

void conv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    const int8_t *patches[PANEL_PIXELS_MAX];
    bool direct = is_direct(layer);
    uint32_t size = panel_size(layer, direct);
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel += size) {
        uint32_t pixels = min_u32(chunk->pixel_end - pixel, size);
        int8_t *gathered = panel_ptr(layer, hart);
        for (uint32_t i = 0; i < pixels; i++, gathered += layer->weight_pitch) {
            if (direct) {
                patches[i] = pixel_ptr(layer, patch.in_y, patch.in_x);
            } else {
                patch_gather(layer, &patch, gathered);
                patches[i] = gathered;
            }
            patch_next(layer, &patch);
        }
        run_panel(layer, chunk, patches, pixel, pixels);
    }
}
