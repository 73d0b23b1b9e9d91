/* Depth-wise convolution.
 *
 * Loops of dwconv_dot4_s8, where all is by words (see below):
 *   blocks of 32 channels (a cache line): copy scales, biases and weights to the scratch, a load
 *     and a store per channel, channel, and tap of 4 channels
 *     strips of equal width, at most strip_width() columns of the output > rows of the chunk
 *       rows of the input that are new under the kernel: copy those channels of the strip's pixels
 *         to the scratch, a load and a store per word, and fill in the padding around the image
 *       groups of 4 channels (dwconv_row.c): set 4 channels of the CFU and 4 rows of accumulators;
 *         blocks of 4 pixels, the last of which may overlap the one before: their sums, then 4
 *           times OUT_ROW, TAKE and a store. The sums are, with stride S,
 *             3 by 3, S of 1 or 2: 9 * S + 9 loads, 36 MAC4, and 9 loads per group of channels
 *             width 5, S of 1 or 2: per row of the kernel 3 * S + 10 loads, 20 MAC4, 6 more
 *             any other: per tap 5 loads, 4 MAC4, 6 more
 * A row of a strip with less than 4 pixels is one block, of which less is stored. Channels past the
 * last multiple of 4, and all of them if something is not word-aligned or the scratch can't hold
 * the window, go as in dwconv_scalar_s8: pixels > channels > taps.
 *
 * The copy makes the lines under the kernel neighbours: where pixels are a power of 2 apart they
 * would have few places in the cache. */
#include "dwconv.h"
#include "kernels.h"
#include "output.h"
#include "patch.h"

#define WINDOW_BYTES (DCACHE_BYTES / 2) /* at the most, if that is 4 pixels */

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

/* Rows of the input under the kernel, for some columns of the output and up to 32 channels. */
typedef struct {
    int8_t *rows;       /* [kernel_h][row_bytes / DW_COLUMN_BYTES][DW_COLUMN_BYTES] */
    uint32_t row_bytes;
    uint32_t channel;   /* the first */
    uint32_t channels;
    int32_t x;          /* input column of the first */
    uint32_t columns;   /* that are needed */
    uint32_t oldest;    /* row that the next one takes the place of */
} window_t;

static int8_t *padding_fill(int8_t *out, uint32_t columns, uint32_t padding)
{
    for (int8_t *end = out + columns * DW_COLUMN_BYTES; out != end; out += 4) {
        store_word(out, padding);
    }
    return out;
}

static int8_t *pixels_copy(int8_t *out, const int8_t *in, uint32_t pitch, uint32_t columns,
                           uint32_t channels)
{
    if (LIKELY(channels == DW_COLUMN_BYTES)) {
        for (; columns > 0; columns--, in += pitch, out += DW_COLUMN_BYTES) {
            words_copy_four(out, in);
            words_copy_four(out + 16, in + 16);
        }
        return out;
    }
    for (; columns > 0; columns--, in += pitch, out += DW_COLUMN_BYTES) {
        uint32_t n = 0;
        for (; n + 16 <= channels; n += 16) {
            words_copy_four(out + n, in + n);
        }
        for (; n < channels; n += 4) {
            store_word(out + n, load_word(in + n));
        }
    }
    return out;
}

/* Row y of the input, or of padding. */
static void window_add(const layer_t *layer, window_t *window, int32_t y)
{
    uint32_t padding = (uint8_t)layer->in_zero_point * 0x01010101u;
    int32_t columns = (int32_t)window->columns;
    int32_t end = clamp_s32((int32_t)layer->in_w - window->x, 0, columns);
    int32_t begin = clamp_s32(-window->x, 0, end);
    int8_t *out = window->rows + window->oldest * window->row_bytes;
    if ((uint32_t)y >= layer->in_h) {
        begin = end = 0;
    }
    out = padding_fill(out, (uint32_t)begin, padding);
    const int8_t *in = pixel_ptr(layer, y, window->x + begin) + window->channel;
    out = pixels_copy(out, in, layer->in_pitch, (uint32_t)(end - begin), window->channels);
    padding_fill(out, (uint32_t)(columns - end), padding);
    window->oldest = window->oldest + 1 == layer->kernel_h ? 0 : window->oldest + 1;
}

/* All rows of the chunk, columns x .. x_end - 1. `row` says what they have in common. */
static void run_strip(const layer_t *layer, const chunk_t *chunk, window_t *window, dw_row_t *row,
                      uint32_t x, uint32_t x_end)
{
    dw_kernel_t *kernel = dw_kernel_find(layer->kernel_h, layer->kernel_w, layer->stride_w);
    int8_t *outputs = (int8_t *)mem_ptr(layer->out_addr) + window->channel;
    uint32_t y = chunk->pixel_begin / layer->out_w;
    int32_t top = (int32_t)(y * layer->stride_h) - (int32_t)layer->pad_top, next = top;
    window->x = (int32_t)(x * layer->stride_w) - (int32_t)layer->pad_left;
    window->columns = (x_end - x - 1) * layer->stride_w + layer->kernel_w;
    for (uint32_t line = y * layer->out_w; line < chunk->pixel_end; line += layer->out_w) {
        uint32_t first = line + x, last = min_u32(line + x_end, chunk->pixel_end);
        first = first < chunk->pixel_begin ? chunk->pixel_begin : first;
        next = next < top ? top : next;
        for (; next < top + (int32_t)layer->kernel_h; next++) {
            window_add(layer, window, next);
        }
        top += (int32_t)layer->stride_h;
        if (first < last) {
            row->pixels = last - first;
            row->in = window->rows + (first - line - x) * layer->stride_w * DW_COLUMN_BYTES;
            row->oldest = window->oldest;
            row->out = outputs + first * layer->out_pitch;
            kernel(row);
        }
    }
}

INLINE uint32_t *four_copy(uint32_t *to, const void *from)
{
    words_copy_four((int8_t *)to, from);
    return to + 4;
}

/* All that a row's channels need, in the order in which they need it: few lines of the cache, which
 * don't meet those of the window. */
static void channels_pack(const layer_t *layer, uint32_t *to, uint32_t begin, uint32_t end)
{
    const int32_t *bias = mem_ptr(layer->bias_addr);
    for (uint32_t n = begin; n < end; n += 4) {
        to = four_copy(to, scales_of(layer) + n);
        to = four_copy(to, bias + n);
        const int8_t *from = (const int8_t *)mem_ptr(layer->weights_addr) + n;
        for (uint32_t tap = layer->kernel_h * layer->kernel_w; tap > 0; tap--) {
            *to++ = load_word(from);
            from += layer->out_c;
        }
    }
}

/* Of as many equal strips as needed for the window to stay in the cache. */
static uint32_t strip_width(const layer_t *layer)
{
    uint32_t columns = WINDOW_BYTES / DW_COLUMN_BYTES / layer->kernel_h;
    uint32_t pixels = 4;
    while ((pixels + 3) * layer->stride_w + layer->kernel_w <= columns) {
        pixels += 4;
    }
    uint32_t strips = (layer->out_w + pixels - 1) / pixels;
    return ((layer->out_w + strips - 1) / strips + 3) & ~3u;
}

/* The window's channels, which are packed. */
static void run_channels(const layer_t *layer, const chunk_t *chunk, window_t *window,
                         const uint32_t *packed, uint32_t width)
{
    dw_row_t row = {.channels = window->channels,
                    .row_bytes = window->row_bytes,
                    .kernel_h = layer->kernel_h,
                    .kernel_w = layer->kernel_w,
                    .stride_w = layer->stride_w,
                    .packed = packed,
                    .out_pitch = layer->out_pitch};
    for (uint32_t x = 0; x < layer->out_w; x += width) {
        run_strip(layer, chunk, window, &row, x, min_u32(x + width, layer->out_w));
    }
}

void dwconv_dot4_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    uint32_t *packed = mem_ptr(layer->scratch_addr + hart * layer->scratch_bytes);
    uint32_t packed_words = DW_SCALES_WORDS + layer->kernel_h * layer->kernel_w;
    uint32_t packed_bytes = packed_words * DW_COLUMN_BYTES;
    uint32_t width = strip_width(layer);
    uint32_t columns = (width - 1) * layer->stride_w + layer->kernel_w;
    window_t window = {.rows = (int8_t *)packed + packed_bytes,
                       .row_bytes = columns * DW_COLUMN_BYTES};
    bool fits = packed_bytes + layer->kernel_h * window.row_bytes <= layer->scratch_bytes;
    uint32_t n = chunk->begin;
    bool by_words =
        is_word_aligned(layer->in_addr | layer->in_pitch | layer->weights_addr | layer->out_c |
                        layer->out_addr | layer->out_pitch | n);
    activation_set(layer, layer->out_zero_point);
    while (fits && by_words && n + 4 <= chunk->end) {
        window.channel = n;
        window.channels = min_u32(DW_COLUMN_BYTES, (chunk->end - n) & ~3u);
        channels_pack(layer, packed, n, n + window.channels);
        run_channels(layer, chunk, &window, packed, width);
        n += window.channels;
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
