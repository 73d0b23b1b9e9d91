/* Part of a row of a depth-wise convolution's output, in blocks of 4 pixels by 4 channels. */
#ifndef DWCONV_H
#define DWCONV_H

#include "target.h"

typedef struct {
    uint32_t pixels;
    uint32_t channels; /* a multiple of 4 */
    const int8_t *in;  /* of the first pixel, in the first row of the kernel inside the image */
    int32_t x;         /* column of `in`, which may be outside */
    int8_t *out;
    const uint32_t *weights; /* [channels / 4][kernel_h * kernel_w]: one tap of 4 channels each */
    const uint32_t *scales;
    const int32_t *bias;
    uint32_t taps;
    uint32_t taps_before; /* in rows of the kernel above the image */
    uint32_t taps_after;  /* below it */
    uint32_t rows;        /* inside it */
    uint32_t kernel_w;
    uint32_t stride_w;
    uint32_t in_w;
    uint32_t in_pitch;
    uint32_t in_row_bytes;
    uint32_t out_pitch;
    uint32_t padding; /* in_zero_point, four times */
} dw_row_t;

typedef void dw_kernel_t(const dw_row_t *row);

/* The fastest one for a kernel of this width and stride. */
dw_kernel_t *dw_kernel_find(uint32_t kernel_w, uint32_t stride_w);

#endif
