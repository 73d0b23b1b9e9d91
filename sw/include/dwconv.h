/* Blocks of 4 neighbouring pixels by 4 channels of a depth-wise convolution. */
#ifndef DWCONV_H
#define DWCONV_H

#include "target.h"

/* Four channels of the output pixels of one row. Scales and biases are in the CFU. */
typedef struct {
    const int8_t *weights; /* of the first row of the kernel that lies inside the image */
    uint32_t rows;         /* of the kernel, inside the image */
    uint32_t kernel_w;
    uint32_t stride_w;
    uint32_t weight_pitch;
    uint32_t in_w;
    uint32_t in_pitch;
    uint32_t in_row_bytes;
    uint32_t out_pitch;
    uint32_t padding; /* in_zero_point, four times */
} taps_t;

/* Computes blocks of 4 pixels. `in` is the first block's input in the first row inside, `x` the
 * number of its column, which may be outside where the kernel is known to cope with that. All
 * accumulators hold their channel's bias, before and after. */
typedef void dw_block_t(const taps_t *taps, const int8_t *in, int32_t x, uint32_t count,
                        int8_t *out);

typedef struct {
    dw_block_t *inside; /* `count` blocks, all columns inside the image */
    dw_block_t *edge;   /* one block, of which only `count` pixels are stored */
} dw_blocks_t;

/* The fastest blocks for a kernel of this width and stride. */
dw_blocks_t dw_blocks(uint32_t kernel_w, uint32_t stride_w);

#endif
