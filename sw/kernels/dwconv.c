/* Depth-wise convolution.
 *
 * Loops of dwconv_dot4_s8, where all is by words (see below):
 *   blocks of 32 channels (a cache line, so that neighbouring pixels find theirs)
 *     strips of strip_width() columns of the output, 4 to 19
 *       rows of the chunk: up to 5 blocks of 4 pixels, the last of which may overlap the one before
 *         groups of 4 channels: set 4 channels of the CFU and 4 rows of accumulators; for each tap
 *           in a row outside the image 1 load, 1 MAC4
 *           blocks of 4 pixels (dwconv_blocks.c): for each row of the kernel inside the image
 *             width 3, stride 1 or 2: 3 * stride + 6 loads and as many pointers, 12 MAC4
 *             any other: per tap 5 loads, 5 pointers, 4 MAC4
 *             an edge, where a column may lie outside the image: 2 more instructions per column
 *           and per pixel OUT_ROW, TAKE and a store
 * A strip narrower than 4 pixels is one block, of which less is stored. Channels past the last
 * multiple of 4, and all of them if something is not word-aligned, go as in dwconv_scalar_s8:
 * pixels > channels > taps. */
#include "dwconv.h"
#include "kernels.h"
#include "output.h"
#include "patch.h"

#define LINE_CHANNELS DCACHE_LINE_BYTES
#define STRIP_PIXELS 16
#define STRIP_PIXELS_MAX (STRIP_PIXELS + 3)
#define STRIP_BLOCKS_MAX ((STRIP_PIXELS_MAX + 3) / 4)

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
    out[n] = (int8_t)activate(layer, requantise(acc, scales_of(layer)[n]));
}

static void scalar_channels(const layer_t *layer, const chunk_t *chunk, uint32_t begin)
{
    patch_t patch = patch_at(layer, chunk->pixel_begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        for (uint32_t n = begin; n < chunk->end; n++) {
            one_output(layer, &patch, pixel, n);
        }
        patch_next(layer, &patch);
    }
}

/* Blocks of 4 pixels of a row of a strip. */
typedef struct {
    uint32_t first; /* pixel of the strip */
    uint32_t count; /* of blocks, or of pixels of one block at an edge */
    bool edge;
} run_t;

/* A part of one row of the output. */
typedef struct {
    run_t runs[STRIP_BLOCKS_MAX];
    uint32_t run_count;
    patch_t patch; /* of its first pixel */
    uint32_t pixel;
    uint32_t ky_begin; /* rows of the kernel inside the image: ky_begin .. ky_end - 1 */
    uint32_t ky_end;
} strip_row_t;

static void find_runs(const layer_t *layer, strip_row_t *row, uint32_t pixels)
{
    row->run_count = 0;
    for (uint32_t i = 0; i < pixels; i += 4) {
        uint32_t first = i + 4 > pixels && pixels >= 4 ? pixels - 4 : i;
        int32_t x = row->patch.in_x + (int32_t)(first * layer->stride_w);
        int32_t end = x + (int32_t)(3 * layer->stride_w + layer->kernel_w);
        run_t *last = row->run_count > 0 ? &row->runs[row->run_count - 1] : NULL;
        if (pixels < 4 || x < 0 || end > (int32_t)layer->in_w) {
            row->runs[row->run_count++] = (run_t){first, min_u32(pixels, 4), true};
        } else if (last != NULL && !last->edge && last->first + 4 * last->count == first) {
            last->count++;
        } else {
            row->runs[row->run_count++] = (run_t){first, 1, false};
        }
    }
}

/* Rows of padding are the same for all pixels of a row, so they go into the channels' biases. */
static void add_padding_rows(const layer_t *layer, const strip_row_t *row, uint32_t n,
                             uint32_t padding)
{
    const int8_t *weights = (const int8_t *)mem_ptr(layer->weights_addr) + n;
    const uint32_t *scales = scales_of(layer) + n;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
        bool inside = ky >= row->ky_begin && ky < row->ky_end;
        for (uint32_t kx = 0; kx < layer->kernel_w; kx++, weights += layer->out_c) {
            if (!inside) {
                CFU_MAC4(0, padding, load_word(weights));
            }
        }
    }
    CFU_SET_CHANNEL(0, scales[0], CFU_SWAP(0, 0));
    CFU_SET_CHANNEL(1, scales[1], CFU_SWAP(1, 0));
    CFU_SET_CHANNEL(2, scales[2], CFU_SWAP(2, 0));
    CFU_SET_CHANNEL(3, scales[3], CFU_SWAP(3, 0));
    CFU_BIAS_ROW(0);
}

static void set_channels(const layer_t *layer, const strip_row_t *row, uint32_t n, uint32_t padding)
{
    const int32_t *bias = (const int32_t *)mem_ptr(layer->bias_addr) + n;
    const uint32_t *scales = scales_of(layer) + n;
    CFU_SET_CHANNEL(0, scales[0], bias[0]);
    CFU_SET_CHANNEL(1, scales[1], bias[1]);
    CFU_SET_CHANNEL(2, scales[2], bias[2]);
    CFU_SET_CHANNEL(3, scales[3], bias[3]);
    CFU_BIAS_ROW(0);
    if (row->ky_end - row->ky_begin != layer->kernel_h) {
        add_padding_rows(layer, row, n, padding);
    }
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
}

static taps_t taps_of(const layer_t *layer)
{
    return (taps_t){.kernel_w = layer->kernel_w,
                    .stride_w = layer->stride_w,
                    .weight_pitch = layer->out_c,
                    .in_w = layer->in_w,
                    .in_pitch = layer->in_pitch,
                    .in_row_bytes = layer->in_w * layer->in_pitch,
                    .out_pitch = layer->out_pitch,
                    .padding = (uint8_t)layer->in_zero_point * 0x01010101u};
}

static void run_row(const layer_t *layer, const strip_row_t *row, taps_t *taps, uint32_t begin,
                    uint32_t end)
{
    dw_blocks_t blocks = dw_blocks(layer->kernel_w, layer->stride_w);
    uint32_t step = layer->stride_w * layer->in_pitch;
    const int8_t *weights = mem_ptr(layer->weights_addr);
    const int8_t *in = pixel_ptr(layer, row->patch.in_y + (int32_t)row->ky_begin, row->patch.in_x);
    int8_t *out = mem_ptr(layer->out_addr + row->pixel * layer->out_pitch);
    weights += row->ky_begin * layer->kernel_w * layer->out_c;
    taps->rows = row->ky_end - row->ky_begin;
    for (uint32_t n = begin; n < end; n += 4) {
        set_channels(layer, row, n, taps->padding);
        taps->weights = weights + n;
        for (uint32_t i = 0; i < row->run_count; i++) {
            const run_t *run = &row->runs[i];
            int32_t x = row->patch.in_x + (int32_t)(run->first * layer->stride_w);
            dw_block_t *block = run->edge ? blocks.edge : blocks.inside;
            block(taps, in + n + run->first * step, x, run->count,
                  out + n + run->first * layer->out_pitch);
        }
    }
}

/* All rows of the chunk, columns x .. x_end - 1, channels begin .. end - 1. */
static void run_strip(const layer_t *layer, const chunk_t *chunk, uint32_t x, uint32_t x_end,
                      uint32_t begin, uint32_t end)
{
    taps_t taps = taps_of(layer);
    uint32_t y = chunk->pixel_begin / layer->out_w;
    for (uint32_t row_pixel = y * layer->out_w; row_pixel < chunk->pixel_end;
         row_pixel += layer->out_w, y++) {
        uint32_t first = row_pixel + x, last = min_u32(row_pixel + x_end, chunk->pixel_end);
        first = first < chunk->pixel_begin ? chunk->pixel_begin : first;
        if (first >= last) {
            continue;
        }
        strip_row_t row;
        row.pixel = first;
        row.patch = (patch_t){.out_x = first - row_pixel, .out_y = y};
        patch_locate(layer, &row.patch);
        int32_t kernel_h = (int32_t)layer->kernel_h;
        int32_t ky_end = (int32_t)layer->in_h - row.patch.in_y;
        row.ky_end = (uint32_t)clamp_s32(ky_end, 0, kernel_h);
        row.ky_begin = (uint32_t)clamp_s32(-row.patch.in_y, 0, (int32_t)row.ky_end);
        find_runs(layer, &row, last - first);
        run_row(layer, &row, &taps, begin, end);
    }
}

/* Narrow enough for the lines under the kernel, one per pixel, to stay in the cache from one group
 * of channels to the next: pixels a power of 2 apart have few places there. */
static uint32_t strip_width(const layer_t *layer)
{
    uint32_t step = lowest_bit(layer->in_pitch | DCACHE_BYTES);
    uint32_t places = DCACHE_BYTES / (step < DCACHE_LINE_BYTES ? DCACHE_LINE_BYTES : step);
    uint32_t pixels = places / (layer->kernel_h * layer->stride_w) & ~3u;
    return pixels < 4 ? 4 : min_u32(pixels, STRIP_PIXELS);
}

void dwconv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    uint32_t width = strip_width(layer);
    uint32_t n = chunk->begin;
    bool by_words =
        is_word_aligned(layer->in_addr | layer->in_pitch | layer->weights_addr | layer->out_c |
                        layer->out_addr | layer->out_pitch | chunk->begin);
    activation_set(layer, layer->out_zero_point);
    while (by_words && n + 4 <= chunk->end) {
        uint32_t end = min_u32(n + LINE_CHANNELS, n + ((chunk->end - n) & ~3u));
        for (uint32_t x = 0, x_end; x < layer->out_w; x = x_end) {
            x_end = layer->out_w - x < width + 4 ? layer->out_w : x + width;
            run_strip(layer, chunk, x, x_end, n, end);
        }
        n = end;
    }
    if (n < chunk->end) {
        scalar_channels(layer, chunk, n);
    }
}

void dwconv_scalar_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    scalar_channels(layer, chunk, chunk->begin);
}
