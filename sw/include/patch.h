/* Where the patch of an output pixel lies in the input. */
#ifndef PATCH_H
#define PATCH_H

#include "image_layout.h"
#include "target.h"

/* A patch has kernel_h rows of kernel_w * in_c bytes. */
typedef struct {
    uint32_t out_x;
    uint32_t out_y;
    int32_t in_x;    /* of the patch's first pixel; outside the image where negative */
    int32_t in_y;
    uint32_t kx_begin; /* pixels of a row that lie inside the image: kx_begin .. kx_end - 1 */
    uint32_t kx_end;
} patch_t;

INLINE void patch_locate(const layer_t *layer, patch_t *patch)
{
    patch->in_x = (int32_t)(patch->out_x * layer->stride_w) - (int32_t)layer->pad_left;
    patch->in_y = (int32_t)(patch->out_y * layer->stride_h) - (int32_t)layer->pad_top;
    int32_t kernel_w = (int32_t)layer->kernel_w;
    int32_t kx_end = (int32_t)layer->in_w - patch->in_x;
    patch->kx_end = (uint32_t)clamp_s32(kx_end, 0, kernel_w);
    patch->kx_begin = (uint32_t)clamp_s32(-patch->in_x, 0, (int32_t)patch->kx_end);
}

INLINE patch_t patch_at(const layer_t *layer, uint32_t pixel)
{
    patch_t patch = {.out_y = pixel / layer->out_w, .out_x = pixel % layer->out_w};
    patch_locate(layer, &patch);
    return patch;
}

INLINE void patch_next(const layer_t *layer, patch_t *patch)
{
    if (++patch->out_x == layer->out_w) {
        patch->out_x = 0;
        patch->out_y++;
    }
    patch_locate(layer, patch);
}

/* Address of input pixel (y, x); x may be outside, if only bytes inside are then read. */
INLINE const int8_t *pixel_ptr(const layer_t *layer, int32_t y, int32_t x)
{
    uint32_t index = (uint32_t)y * layer->in_w + (uint32_t)x;
    return (const int8_t *)mem_ptr(layer->in_addr + index * layer->in_pitch);
}

/* Copies a patch, padding included, and fills it with zeros up to weight_pitch bytes. */
void patch_gather(const layer_t *layer, const patch_t *patch, int8_t *out);

INLINE void words_copy_four(int8_t *out, const int8_t *in)
{
    uint32_t a = load_word(in), b = load_word(in + 4);
    uint32_t c = load_word(in + 8), d = load_word(in + 12);
    store_word(out, a);
    store_word(out + 4, b);
    store_word(out + 8, c);
    store_word(out + 12, d);
}

/* Copies words, by four as long as there are four. */
void words_copy(int8_t *out, const int8_t *in, uint32_t bytes);

#endif
