/* Convolution in plain C: the reference the other bodies are measured against.
 *
 * Loops: pixels of the chunk > channels of the chunk > kernel_h > kernel_w > in_c, one
 * multiply-accumulate per innermost iteration, one requantisation per output. */
#include "kernels.h"
#include "requant.h"

static int32_t dot_pixel(const layer_t *layer, const int8_t *weights, int32_t iy, int32_t ix)
{
    bool inside = (uint32_t)iy < layer->in_h && (uint32_t)ix < layer->in_w;
    uint32_t offset = ((uint32_t)iy * layer->in_w + (uint32_t)ix) * layer->in_pitch;
    const int8_t *in = inside ? (const int8_t *)mem_ptr(layer->in_addr + offset) : NULL;
    int32_t sum = 0;
    for (uint32_t c = 0; c < layer->in_c; c++) {
        sum += weights[c] * (inside ? in[c] : layer->in_zero_point);
    }
    return sum;
}

static int32_t dot_patch(const layer_t *layer, const int8_t *weights, int32_t iy, int32_t ix)
{
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
        for (uint32_t kx = 0; kx < layer->kernel_w; kx++) {
            sum += dot_pixel(layer, weights, iy + (int32_t)ky, ix + (int32_t)kx);
            weights += layer->in_c;
        }
    }
    return sum;
}

void conv_scalar_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    const int8_t *weights = mem_ptr(layer->weights_addr);
    const int32_t *bias = mem_ptr(layer->bias_addr);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        int32_t iy = (int32_t)(pixel / layer->out_w * layer->stride_h) - (int32_t)layer->pad_top;
        int32_t ix = (int32_t)(pixel % layer->out_w * layer->stride_w) - (int32_t)layer->pad_left;
        int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
        for (uint32_t n = chunk->begin; n < chunk->end; n++) {
            int32_t acc = bias[n] + dot_patch(layer, weights + n * layer->weight_pitch, iy, ix);
            out[n] = (int8_t)activate(layer, requantise(acc, scales_of(layer)[n]));
        }
    }
}
