/* im2col: copies the patch of one output pixel to the hart's scratch.
 *
 * Loops: rows of the patch > (left padding, pixels inside, right padding). Pixels inside are one
 * run of bytes if in_pitch = in_c, else one run per pixel. A run goes by words (unrolled by 4) if
 * source and destination are aligned alike, else by bytes (unrolled by 4). */
#include "patch.h"

void words_copy(int8_t *out, const int8_t *in, uint32_t bytes)
{
    for (; bytes >= 16; bytes -= 16, out += 16, in += 16) {
        words_copy_four(out, in);
    }
    for (; bytes >= 4; bytes -= 4, out += 4, in += 4) {
        store_word(out, load_word(in));
    }
}

static void copy_bytes(int8_t *out, const int8_t *in, uint32_t count)
{
    if (is_word_aligned((uintptr_t)out | (uintptr_t)in)) {
        uint32_t whole = count & ~3u;
        words_copy(out, in, whole);
        out += whole, in += whole, count -= whole;
    }
    for (; count >= 4; count -= 4, out += 4, in += 4) {
        int8_t a = in[0], b = in[1], c = in[2], d = in[3];
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
    }
    for (; count > 0; count--) {
        *out++ = *in++;
    }
}

static void fill_bytes(int8_t *out, int32_t value, uint32_t count)
{
    for (; count > 0 && !is_word_aligned((uintptr_t)out); count--) {
        *out++ = (int8_t)value;
    }
    for (; count >= 4; count -= 4, out += 4) {
        store_word(out, (uint8_t)value * 0x01010101u);
    }
    for (; count > 0; count--) {
        *out++ = (int8_t)value;
    }
}

static void gather_row(const layer_t *layer, const patch_t *patch, int32_t y, int8_t *out)
{
    uint32_t in_c = layer->in_c;
    uint32_t inside = patch->kx_end - patch->kx_begin;
    const int8_t *in = pixel_ptr(layer, y, patch->in_x + (int32_t)patch->kx_begin);
    fill_bytes(out, layer->in_zero_point, patch->kx_begin * in_c);
    out += patch->kx_begin * in_c;
    if (layer->in_pitch == in_c) {
        copy_bytes(out, in, inside * in_c);
        out += inside * in_c;
    } else {
        for (uint32_t i = 0; i < inside; i++, out += in_c, in += layer->in_pitch) {
            copy_bytes(out, in, in_c);
        }
    }
    fill_bytes(out, layer->in_zero_point, (layer->kernel_w - patch->kx_end) * in_c);
}

void patch_gather(const layer_t *layer, const patch_t *patch, int8_t *out)
{
    uint32_t row_bytes = layer->kernel_w * layer->in_c;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++, out += row_bytes) {
        int32_t y = patch->in_y + (int32_t)ky;
        if ((uint32_t)y < layer->in_h) {
            gather_row(layer, patch, y, out);
        } else {
            fill_bytes(out, layer->in_zero_point, row_bytes);
        }
    }
    fill_bytes(out, 0, layer->weight_pitch - layer->kernel_h * row_bytes);
}
