/* ADD and CLIP: four channels of a pixel at a time where words are aligned.
 *
 * Loops: pixels of the chunk > groups of 4 channels (1 or 2 word loads, 4 outputs, 1 word store) >
 * leftover channels by bytes. If any pointer or pitch is not a multiple of 4, all go by bytes. */
#include "kernels.h"
#include "requant.h"

/* (a - za) * ma + (b - zb) * mb = a * ma + b * mb + offset */
static int8_t add_one(const layer_t *layer, int32_t offset, int32_t a, int32_t b)
{
    int32_t sum = a * layer->add_multiplier_a + b * layer->add_multiplier_b + offset;
    return (int8_t)activate(layer, shift_half_even(sum, layer->add_shift));
}

INLINE int32_t byte_of(uint32_t word, unsigned index)
{
    return (int8_t)(word >> 8 * index);
}

INLINE uint32_t pack(int8_t value, unsigned index)
{
    return (uint32_t)(uint8_t)value << 8 * index;
}

static uint32_t add_four(const layer_t *layer, int32_t offset, uint32_t a, uint32_t b)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++) {
        word |= pack(add_one(layer, offset, byte_of(a, i), byte_of(b, i)), i);
    }
    return word;
}

void add_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    int32_t offset = -(layer->in_zero_point * layer->add_multiplier_a +
                       layer->in2_zero_point * layer->add_multiplier_b);
    bool aligned =
        is_word_aligned(layer->in_addr | layer->in2_addr | layer->out_addr | layer->in_pitch |
                        layer->in2_pitch | layer->out_pitch | chunk->begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        const int8_t *a = mem_ptr(layer->in_addr + pixel * layer->in_pitch);
        const int8_t *b = mem_ptr(layer->in2_addr + pixel * layer->in2_pitch);
        int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
        uint32_t n = chunk->begin;
        for (; aligned && n + 4 <= chunk->end; n += 4) {
            store_word(out + n, add_four(layer, offset, load_word(a + n), load_word(b + n)));
        }
        for (; n < chunk->end; n++) {
            out[n] = add_one(layer, offset, a[n], b[n]);
        }
    }
}

static int8_t clip_one(const layer_t *layer, scale_t scale, int32_t x)
{
    return (int8_t)activate(layer, requantise(x - layer->in_zero_point, scale));
}

void clip_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    scale_t scale = scale_at(layer, 0);
    bool aligned = is_word_aligned(layer->in_addr | layer->out_addr | layer->in_pitch |
                                   layer->out_pitch | chunk->begin);
    for (uint32_t pixel = chunk->pixel_begin; pixel < chunk->pixel_end; pixel++) {
        const int8_t *in = mem_ptr(layer->in_addr + pixel * layer->in_pitch);
        int8_t *out = mem_ptr(layer->out_addr + pixel * layer->out_pitch);
        uint32_t n = chunk->begin;
        for (; aligned && n + 4 <= chunk->end; n += 4) {
            uint32_t x = load_word(in + n);
            uint32_t word = 0;
            for (unsigned i = 0; i < 4; i++) {
                word |= pack(clip_one(layer, scale, byte_of(x, i)), i);
            }
            store_word(out + n, word);
        }
        for (; n < chunk->end; n++) {
            out[n] = clip_one(layer, scale, in[n]);
        }
    }
}
