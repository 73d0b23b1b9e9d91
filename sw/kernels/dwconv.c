/* Depth-wise convolution.
 *
 * Loops of dwconv_dot4_s8, where all is by words (see below):
 *   blocks of 32 channels (a cache line, so that neighbouring pixels find theirs): copy the weights
 *     to the scratch, a load and a store per tap and 4 channels
 *     strips of strip_width() columns of the output, the last up to 3 more > rows of the chunk
 *       groups of 4 channels (dwconv_row.c): set 4 channels of the CFU and 4 rows of accumulators;
 *         for each tap in a row outside the image 1 load, 1 MAC4
 *         blocks of 4 pixels, the last of which may overlap the one before: their sums, then 4
 *           times OUT_ROW, TAKE and a store. The sums are, per row of the kernel inside the image,
 *             width W of 3 or 5, stride S of 1 or 2: 3 * S + 2 * W loads, 4 * W MAC4, 3 * S + W + 3
 *               more; up to W / 2 columns outside the image, all on one side, are not loaded
 *             any other: per tap 5 loads, 4 MAC4, 6 more
 *             blocks with other columns outside the image: 2 or 3 more per input word
 * A row of a strip with less than 4 pixels is one block, of which less is stored. Channels past the
 * last multiple of 4, and all of them if something is not word-aligned or the scratch can't hold 4
 * channels' weights, go as in dwconv_scalar_s8: pixels > channels > taps. */
#include "dwconv.h"
#include "kernels.h"
#include "output.h"
#include "patch.h"

#define LINE_CHANNELS DCACHE_LINE_BYTES
#define STRIP_PIXELS 16

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

/* What all rows have in common, for channels begin .. end - 1 whose weights are packed. */
static dw_row_t row_of(const layer_t *layer, const uint32_t *packed, uint32_t begin, uint32_t end)
{
    return (dw_row_t){.channels = end - begin,
                      .scales = scales_of(layer) + begin,
                      .bias = (const int32_t *)mem_ptr(layer->bias_addr) + begin,
                      .weights = packed,
                      .taps = layer->kernel_h * layer->kernel_w,
                      .kernel_w = layer->kernel_w,
                      .stride_w = layer->stride_w,
                      .in_w = layer->in_w,
                      .in_pitch = layer->in_pitch,
                      .in_row_bytes = layer->in_w * layer->in_pitch,
                      .out_pitch = layer->out_pitch,
                      .padding = (uint8_t)layer->in_zero_point * 0x01010101u};
}

/* Output pixels first .. first + row->pixels - 1, the first of which is at out_x, out_y. */
static void row_locate(const layer_t *layer, dw_row_t *row, uint32_t n, uint32_t first,
                       uint32_t out_x, uint32_t out_y)
{
    patch_t patch = {.out_x = out_x, .out_y = out_y};
    patch_locate(layer, &patch);
    int32_t below = patch.in_y + (int32_t)layer->kernel_h - (int32_t)layer->in_h;
    uint32_t rows_before = (uint32_t)clamp_s32(-patch.in_y, 0, (int32_t)layer->kernel_h);
    uint32_t rows_after = (uint32_t)clamp_s32(below, 0, (int32_t)layer->kernel_h);
    row->rows = layer->kernel_h - rows_before - rows_after;
    row->taps_before = rows_before * layer->kernel_w;
    row->taps_after = rows_after * layer->kernel_w;
    row->x = patch.in_x;
    row->in = pixel_ptr(layer, patch.in_y + (int32_t)rows_before, patch.in_x) + n;
    row->out = (int8_t *)mem_ptr(layer->out_addr + first * layer->out_pitch) + n;
}

/* All rows of the chunk, columns x .. x_end - 1, channels from n on. */
static void run_strip(const layer_t *layer, const chunk_t *chunk, dw_row_t *row, uint32_t n,
                      uint32_t x, uint32_t x_end)
{
    dw_kernel_t *kernel = dw_kernel_find(layer->kernel_w, layer->stride_w);
    uint32_t y = chunk->pixel_begin / layer->out_w;
    for (uint32_t line = y * layer->out_w; line < chunk->pixel_end; line += layer->out_w, y++) {
        uint32_t first = line + x, last = min_u32(line + x_end, chunk->pixel_end);
        first = first < chunk->pixel_begin ? chunk->pixel_begin : first;
        if (first < last) {
            row->pixels = last - first;
            row_locate(layer, row, n, first, first - line, y);
            kernel(row);
        }
    }
}

/* In the order in which they are used: the lines of a group of 4 channels are few then, and don't
 * meet each other in the cache where out_c is a power of 2. */
static const uint32_t *weights_pack(const layer_t *layer, unsigned hart, uint32_t begin,
                                    uint32_t end)
{
    uint32_t *packed = mem_ptr(layer->scratch_addr + hart * layer->scratch_bytes), *to = packed;
    for (uint32_t n = begin; n < end; n += 4) {
        const int8_t *from = (const int8_t *)mem_ptr(layer->weights_addr) + n;
        for (uint32_t tap = layer->kernel_h * layer->kernel_w; tap > 0; tap--) {
            *to++ = load_word(from);
            from += layer->out_c;
        }
    }
    return packed;
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
    uint32_t width = strip_width(layer);
    uint32_t room = layer->scratch_bytes / (layer->kernel_h * layer->kernel_w) & ~3u;
    uint32_t size = min_u32(LINE_CHANNELS, room);
    uint32_t n = chunk->begin;
    bool by_words =
        is_word_aligned(layer->in_addr | layer->in_pitch | layer->weights_addr | layer->out_c |
                        layer->out_addr | layer->out_pitch | n);
    activation_set(layer, layer->out_zero_point);
    while (by_words && size > 0 && n + 4 <= chunk->end) {
        uint32_t end = n + min_u32(size, (chunk->end - n) & ~3u);
        dw_row_t row = row_of(layer, weights_pack(layer, hart, n, end), n, end);
        for (uint32_t x = 0, x_end; x < layer->out_w; x = x_end) {
            x_end = layer->out_w - x < width + 4 ? layer->out_w : x + width;
            run_strip(layer, chunk, &row, n, x, x_end);
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
