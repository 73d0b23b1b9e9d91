/* Which kernel computes which operation with which body. */
#include "kernels.h"

static kernel_t *const kernels[OP_COUNT][BODY_COUNT] = {
    [OP_CONV] = {[BODY_DOT4] = conv_dot4_s8,
                 [BODY_TIGHT] = conv_tight_s8,
                 [BODY_LOOSE] = conv_loose_s8,
                 [BODY_SCALAR] = conv_scalar_s8,
                 [BODY_STREAM] = conv_stream_s8},
    [OP_DWCONV] = {[BODY_DOT4] = dwconv_dot4_s8, [BODY_SCALAR] = dwconv_scalar_s8},
    [OP_MAXPOOL] = {[BODY_DOT4] = maxpool_s8, [BODY_SCALAR] = maxpool_s8},
    [OP_AVGPOOL] = {[BODY_DOT4] = avgpool_s8, [BODY_SCALAR] = avgpool_s8},
    [OP_GLOBAL_AVGPOOL] = {[BODY_DOT4] = global_avgpool_s8, [BODY_SCALAR] = global_avgpool_s8},
    [OP_ADD] = {[BODY_DOT4] = add_s8, [BODY_SCALAR] = add_s8},
    [OP_CLIP] = {[BODY_DOT4] = clip_s8, [BODY_SCALAR] = clip_s8},
    [OP_PROGRAM] = {[BODY_TIGHT] = program_tight, [BODY_LOOSE] = program_loose},
};

kernel_t *kernel_find(uint32_t op, uint32_t body)
{
    return op < OP_COUNT && body < BODY_COUNT ? kernels[op][body] : NULL;
}
