/* Convolution on the CFU's accumulators, blocked 4 pixels by 4 channels.
 *
 * Loops, with K = weight_pitch and P = panel_size():
 *   panels of P pixels: find or gather P patches (gather.c)
 *     blocks of 4 channels: load 4 channels' constants, set 16 accumulators 
 *       blocks of 4 pixels (dot_4x4), then 0 .. 3 single pixels (dot_1x4), see dot4_blocks.c:
 *         K / 16 unrolled steps, then (K / 4) % 4 single ones, where a step of one word is
 *           dot_4x4: 8 loads, 16 DOT4; 9 more instructions per (unrolled) iteration
 *           dot_1x4: 5 loads, 4 DOT4; 6 more instructions per (unrolled) iteration
 *         4 outputs requantised and one word (or 4 bytes) stored per pixel: take_4x4 runs about 300
 *         instructions for its 16 outputs, take_any (scales that are not simple) about twice that
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

static void channels_load(const layer_t *layer, uint32_t channel, uint32_t count, channels_t *block)
{
    const int8_t *weights = mem_ptr(layer->weights_addr);
    const int32_t *bias = mem_ptr(layer->bias_addr);
    block->channel = channel;
    block->count = count;
    block->patch_bytes = layer->weight_pitch;
    block->activation = activation_of(layer);
    block->is_simple = true;
    block->stores_words =
        count == 4 && is_word_aligned(layer->out_addr | layer->out_pitch | channel);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t n = channel + min_u32(i, count - 1);
        block->weights[i] = weights + n * layer->weight_pitch;
        block->bias[i] = bias[n];
        block->scale[i] = scale_at(layer, n);
        uint32_t magnitude = bias[n] < 0 ? -(uint32_t)bias[n] : (uint32_t)bias[n];
        uint32_t bits = accumulator_bits(layer->weight_pitch, magnitude, 0);
        block->is_simple &=
            scale_is_simple(block->scale[i].multiplier, block->scale[i].shift, bits);
    }
}

#define SET_CHANNEL(i)                          \
    {                                           \
        int32_t bias = block->bias[i];          \
        (void)CFU_ACC_SWAP(4 * i + 0, bias);    \
        (void)CFU_ACC_SWAP(4 * i + 1, bias);    \
        (void)CFU_ACC_SWAP(4 * i + 2, bias);    \
        (void)CFU_ACC_SWAP(4 * i + 3, bias);    \
    }

static void accumulators_set(const channels_t *block)
{
    SET_CHANNEL(0)
    SET_CHANNEL(1)
    SET_CHANNEL(2)
    SET_CHANNEL(3)
}

INLINE uint32_t output_addr(const layer_t *layer, const channels_t *block, uint32_t pixel)
{
    return layer->out_addr + pixel * layer->out_pitch + block->channel;
}

INLINE void store_outputs(const channels_t *block, uint32_t addr, uint32_t word)
{
    int8_t *out = mem_ptr(addr);
    if (LIKELY(block->stores_words)) {
        store_word(out, word);
        return;
    }
    for (uint32_t i = 0; i < block->count; i++, word >>= 8) {
        out[i] = (int8_t)word;
    }
}

INLINE uint32_t output_simple(const channels_t *block, uint32_t channel, uint32_t acc)
{
    const scale_t *scale = &block->scale[channel];
    int32_t value = requantise_simple((int32_t)acc, scale->multiplier, scale->shift,
                                      block->activation.rounding);
    return clamp_to_range(value, block->activation.range) << 8 * channel;
}

INLINE uint32_t restore(const channels_t *block, uint32_t word)
{
    return (word + block->activation.restore) ^ BIASED_WORD;
}

/* Reading an accumulator sets it to the bias, ready for the next block of pixels. */
#define TAKE_CHANNEL(i)                                        \
    {                                                          \
        uint32_t a0 = CFU_ACC_SWAP(4 * i + 0, block->bias[i]); \
        uint32_t a1 = CFU_ACC_SWAP(4 * i + 1, block->bias[i]); \
        uint32_t a2 = CFU_ACC_SWAP(4 * i + 2, block->bias[i]); \
        uint32_t a3 = CFU_ACC_SWAP(4 * i + 3, block->bias[i]); \
        y0 += output_simple(block, i, a0);                     \
        y1 += output_simple(block, i, a1);                     \
        y2 += output_simple(block, i, a2);                     \
        y3 += output_simple(block, i, a3);                     \
    }

NOINLINE static void take_4x4(const layer_t *layer, const channels_t *block, uint32_t pixel)
{
    uint32_t y0 = 0, y1 = 0, y2 = 0, y3 = 0;
    TAKE_CHANNEL(0)
    TAKE_CHANNEL(1)
    TAKE_CHANNEL(2)
    TAKE_CHANNEL(3)
    uint32_t addr = output_addr(layer, block, pixel), pitch = layer->out_pitch;
    store_outputs(block, addr, restore(block, y0));
    store_outputs(block, addr + pitch, restore(block, y1));
    store_outputs(block, addr + 2 * pitch, restore(block, y2));
    store_outputs(block, addr + 3 * pitch, restore(block, y3));
}

NOINLINE static void take_1x4(const layer_t *layer, const channels_t *block, uint32_t pixel)
{
    uint32_t a0 = CFU_ACC_SWAP(0, block->bias[0]), a1 = CFU_ACC_SWAP(4, block->bias[1]);
    uint32_t a2 = CFU_ACC_SWAP(8, block->bias[2]), a3 = CFU_ACC_SWAP(12, block->bias[3]);
    uint32_t y = output_simple(block, 0, a0) + output_simple(block, 1, a1);
    y += output_simple(block, 2, a2) + output_simple(block, 3, a3);
    store_outputs(block, output_addr(layer, block, pixel), restore(block, y));
}

#define TAKE_RAW(i)                                         \
    acc[0][i] = CFU_ACC_SWAP(4 * i + 0, block->bias[i]);    \
    acc[1][i] = CFU_ACC_SWAP(4 * i + 1, block->bias[i]);    \
    acc[2][i] = CFU_ACC_SWAP(4 * i + 2, block->bias[i]);    \
    acc[3][i] = CFU_ACC_SWAP(4 * i + 3, block->bias[i]);

/* Blocks with a scale that is not simple: rare, so small and slow. */
NOINLINE static void take_any(const layer_t *layer, const channels_t *block, uint32_t pixel,
                              uint32_t pixels)
{
    uint32_t acc[4][4];
    TAKE_RAW(0)
    TAKE_RAW(1)
    TAKE_RAW(2)
    TAKE_RAW(3)
    for (uint32_t i = 0; i < pixels; i++) {
        uint32_t word = 0;
        for (uint32_t n = 0; n < 4; n++) {
            int32_t y = activate(layer, requantise((int32_t)acc[i][n], block->scale[n]));
            word |= (uint32_t)(uint8_t)y << 8 * n;
        }
        store_outputs(block, output_addr(layer, block, pixel + i), word);
    }
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

INLINE uint32_t lowest_bit(uint32_t value)
{
    return value & -value;
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
           is_word_aligned(layer->in_addr | layer->in_pitch | layer->in_c) &&
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
    for (uint32_t n = chunk->begin; n < chunk->end; n += 4) {
        channels_t block;
        channels_load(layer, n, min_u32(chunk->end - n, 4), &block);
        accumulators_set(&block);
        uint32_t i = 0;
        for (; i + 4 <= pixels; i += 4) {
            dot_4x4(patches + i, &block);
            if (LIKELY(block.is_simple)) {
                take_4x4(layer, &block, pixel + i);
            } else {
                take_any(layer, &block, pixel + i, 4);
            }
        }
        for (; i < pixels; i++) {
            dot_1x4(patches[i], &block);
            if (LIKELY(block.is_simple)) {
                take_1x4(layer, &block, pixel + i);
            } else {
                take_any(layer, &block, pixel + i, 1);
            }
        }
    }
}

void conv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    const int8_t *patches[PANEL_PIXELS_MAX];
    bool direct = is_direct(layer);
    uint32_t size = panel_size(layer, direct);
    patch_t patch = patch_at(layer, chunk->pixel_begin);
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
