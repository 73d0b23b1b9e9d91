/* Part of a row of a depth-wise convolution's output, in blocks of 4 pixels by 4 channels. */
#ifndef DWCONV_H
#define DWCONV_H

#include "target.h"

/* What the kernel looks at is a window of kernel_h rows of the input, with padding, in the order in
 * which they come round: a column has DW_COLUMN_BYTES, for up to as many channels. */
#define DW_COLUMN_BYTES DCACHE_LINE_BYTES

/* Scales, then biases, of 4 channels. */
#define DW_SCALES_WORDS 8

typedef struct {
    uint32_t pixels;
    uint32_t channels;   /* a multiple of 4 */
    const int8_t *in;    /* the first pixel's first column, in the window's first row */
    uint32_t row_bytes;  /* of the window */
    uint32_t oldest;     /* which of its rows meets the kernel's first */
    uint32_t kernel_h;
    uint32_t kernel_w;
    uint32_t stride_w;
    const uint32_t *packed; /* for each 4 channels DW_SCALES_WORDS, then each tap's weights */
    int8_t *out;
    uint32_t out_pitch;
} dw_row_t;

typedef void dw_kernel_t(const dw_row_t *row);

/* The fastest one for a kernel of this size and stride. The window must have the columns of 4
 * pixels, even if there are fewer. */
dw_kernel_t *dw_kernel_find(uint32_t kernel_h, uint32_t kernel_w, uint32_t stride_w);

#endif
