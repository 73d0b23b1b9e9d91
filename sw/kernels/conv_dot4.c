/* Convolution on the CFU's accumulators, blocked 4 pixels by 4 channels.
 *
 * Loops, with K = weight_pitch and P = panel_size():
 *   panels of P pixels: gather P patches (gather.c), or find them where they are
 *     one side or two (see below), before the second of which the panel is copied, word by word
 *       blocks of 4 channels: set 4 channels of the CFU and 4 rows of accumulators
 *         blocks of 4 pixels (dot_4x4), then 0 .. 3 single pixels (dot_1x4), see dot4_blocks.c:
 *           dot_4x4: K / 32 steps of 8 words, then (K / 16) % 2 of 4 words, then (K / 4) % 4 of
 *             one; a word is 8 loads, 16 DOT4; 9 more instructions per step. Then 4 pixels are
 *             stored
 *           dot_1x4: K / 16 steps of 4 words, then (K / 4) % 4 of one; a word is 5 loads, 4 DOT4;
 *             6 more instructions per step. Then one pixel is stored
 *           a pixel is OUT_ROW, TAKE and one word stored (or up to 4 bytes, see output.c)
 * A last block of fewer than 4 channels computes 4; the rows past the last are zeros.
 *
 * The data cache: a panel of at most PANEL_BYTES, half of it, stays while all weights pass, so each
 * is read once per panel. Weights that don't fit the cache would drive out all of it on their way,
 * so they pass it in two turns: first those whose lines are in the half that the panel is not in,
 * then, with a copy of the panel in the other half, the rest. Where there is one side, rows of
 * weights and patches that fall on the same lines at the same time would miss on every load; see
 * clash(). */
#include "cfu.h"
#include "dot4.h"
#include "kernels.h"
#include "patch.h"

#define PANEL_BYTES (DCACHE_BYTES / 2)

/* A block of fewer than 4 channels sets the last one several times. */
#define SET_CHANNEL(i)                                       \
    {                                                        \
        uint32_t n = channel + min_u32(i, block->count - 1); \
        CFU_SET_CHANNEL(i, scales[n], bias[n]);              \
    }

static void channels_load(const layer_t *layer, uint32_t channel, const channels_t *block)
{
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

/* What all panels of a chunk have in common. */
typedef struct {
    bool direct;      /* patches are read where they are in the input */
    bool two_sided;
    uint32_t pixels;  /* of a whole panel */
    uint32_t scratch; /* address of the hart's */
} panels_t;

/* True if the input is nothing but patches, one after the other. */
static bool is_patches(const layer_t *layer)
{
    return layer->kernel_h == 1 && layer->kernel_w == 1 && layer->stride_h == 1 &&
           layer->stride_w == 1 && layer->out_h == layer->in_h && layer->out_w == layer->in_w &&
           is_word_aligned(layer->in_addr) && layer->in_c == layer->weight_pitch &&
           layer->in_pitch == layer->weight_pitch;
}

static panels_t panels_of(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    uint32_t pitch = layer->weight_pitch;
    uint32_t step = lowest_bit(pitch | DCACHE_BYTES);
    uint32_t room = (layer->scratch_bytes - 64) / pitch;
    uint32_t pixels = PANEL_BYTES / pitch < 4 ? 4 : PANEL_BYTES / pitch;
    panels_t panels = {.scratch = layer->scratch_addr + hart * layer->scratch_bytes};
    panels.two_sided = (chunk->end - chunk->begin) * pitch > DCACHE_BYTES &&
                       chunk->pixel_end - chunk->pixel_begin > 4 && 4 * pitch <= PANEL_BYTES &&
                       layer->scratch_bytes >= DCACHE_BYTES + PANEL_BYTES + 64;
    panels.direct = is_patches(layer) &&
                    (panels.two_sided || !clash(layer->in_addr - layer->weights_addr, step));
    panels.pixels = (panels.direct ? pixels : min_u32(pixels, room)) & ~3u;
    return panels;
}

/* Where gathered patches go: at most 64 bytes into the scratch, clear of the weights' lines. */
static int8_t *panel_ptr(const layer_t *layer, const panels_t *panels)
{
    uint32_t addr = panels->scratch;
    uint32_t step = lowest_bit(layer->weight_pitch | DCACHE_BYTES);
    uint32_t phase = (addr - layer->weights_addr) & (step - 1);
    if (clash(phase, step)) {
        uint32_t wrap = phase < DCACHE_LINE_BYTES ? 0 : step;
        addr += wrap + DCACHE_LINE_BYTES - phase;
    }
    return mem_ptr(addr);
}

/* The patches of some pixels, one after the other. */
static const int8_t *panel_find(const layer_t *layer, const panels_t *panels, patch_t *patch,
                                uint32_t pixel, uint32_t pixels)
{
    if (panels->direct) {
        return mem_ptr(layer->in_addr + pixel * layer->in_pitch);
    }
    int8_t *panel = panel_ptr(layer, panels), *gathered = panel;
    for (; pixels > 0; pixels--, gathered += layer->weight_pitch) {
        patch_gather(layer, patch, gathered);
        patch_next(layer, patch);
    }
    return panel;
}

/* A copy, half a cache from the original. */
static const int8_t *panel_copy(const panels_t *panels, const int8_t *panel, uint32_t bytes)
{
    int8_t *scratch = mem_ptr(panels->scratch);
    uint32_t phase = (uint32_t)(uintptr_t)panel + PANEL_BYTES - (uint32_t)(uintptr_t)scratch;
    int8_t *copy = scratch + phase % DCACHE_BYTES;
    words_copy(copy, panel, bytes);
    return copy;
}

/* True if the weights of a block lie, in the cache, in the half that begins with a panel. */
static bool is_beside(const int8_t *panel, const channels_t *block)
{
    uint32_t middle = (uint32_t)(uintptr_t)(block->weights + 2 * block->patch_bytes);
    return ((middle - (uint32_t)(uintptr_t)panel) & PANEL_BYTES) == 0;
}

/* All channels, or only those with weights that are not beside the panel. */
static void run_panel(const layer_t *layer, const chunk_t *chunk, const int8_t *panel,
                      uint32_t pixel, uint32_t pixels, bool two_sided)
{
    const int8_t *weights = mem_ptr(layer->weights_addr);
    uint32_t out_addr = layer->out_addr + pixel * layer->out_pitch;
    channels_t block = {.patch_bytes = layer->weight_pitch, .out_pitch = layer->out_pitch};
    for (uint32_t n = chunk->begin; n < chunk->end; n += 4) {
        block.weights = weights + n * block.patch_bytes;
        if (two_sided && is_beside(panel, &block)) {
            continue;
        }
        block.count = min_u32(chunk->end - n, 4);
        block.stores_words =
            block.count == 4 && is_word_aligned(layer->out_addr | layer->out_pitch | n);
        channels_load(layer, n, &block);
        uint32_t fours = pixels / 4;
        int8_t *out = mem_ptr(out_addr + n);
        dot_4x4(panel, fours, &block, out);
        dot_1x4(panel + 4 * fours * block.patch_bytes, pixels % 4, &block,
                out + 4 * fours * block.out_pitch);
    }
}

void conv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    panels_t panels = panels_of(layer, chunk, hart);
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel += panels.pixels) {
        uint32_t pixels = min_u32(chunk->pixel_end - pixel, panels.pixels);
        const int8_t *panel = panel_find(layer, &panels, &patch, pixel, pixels);
        run_panel(layer, chunk, panel, pixel, pixels, panels.two_sided);
        if (panels.two_sided) {
            panel = panel_copy(&panels, panel, pixels * layer->weight_pitch);
            run_panel(layer, chunk, panel, pixel, pixels, true);
        }
    }
}
