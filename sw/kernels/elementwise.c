/* ADD and CLIP: four channels of a pixel at a time where words are aligned.
 *
 * Loops: pixels of the chunk > groups of 4 channels > leftover channels by bytes. If any pointer or
 * pitch is not a multiple of 4, all go by bytes, each with a TAKE of its own. A group is
 *   ADD: 2 word loads, 8 multiplications, 4 REQUANTISE, TAKE, 1 word store
 *   CLIP: 1 word load, MAC4, OUT_ROW, TAKE, 1 word store; 16 channels are unrolled */
#include "kernels.h"
#include "output.h"

/* A scale of 2**-add_shift. */
static uint32_t add_scale(const layer_t *layer)
{
    return layer->add_shift == 0 ? SCALE_ONE : 1u << 31 | (31 + layer->add_shift);
}

/* (a - za) * ma + (b - zb) * mb = a * ma + b * mb + offset */
typedef struct {
    int32_t multiplier_a;
    int32_t multiplier_b;
    int32_t offset;
    uint32_t scale;
} sum_t;

INLINE void add_four(const sum_t *sum, uint32_t a, uint32_t b)
{
    int32_t t[4];
    for (unsigned i = 0; i < 4; i++) {
        t[i] = byte_of(a, i) * sum->multiplier_a + byte_of(b, i) * sum->multiplier_b;
    }
    CFU_REQUANTISE(t[0] + sum->offset, sum->scale);
    CFU_REQUANTISE(t[1] + sum->offset, sum->scale);
    CFU_REQUANTISE(t[2] + sum->offset, sum->scale);
    CFU_REQUANTISE(t[3] + sum->offset, sum->scale);
}

/* Channels that go four at a time. */
static uint32_t channels_by_words(const chunk_t *chunk, uint32_t places)
{
    uint32_t channels = chunk->end - chunk->begin;
    return is_word_aligned(places | chunk->begin) ? channels & ~3u : 0;
}

static void add_pixel(sum_t sum, const int8_t *a, const int8_t *b, int8_t *out, uint32_t by_words,
                      uint32_t channels)
{
    const int8_t *end = a + channels;
    for (const int8_t *words_end = a + by_words; a != words_end; a += 4, b += 4, out += 4) {
        add_four(&sum, load_word(a), load_word(b));
        store_word(out, CFU_TAKE());
    }
    for (; a != end; a++, b++, out++) {
        int32_t t = *a * sum.multiplier_a + *b * sum.multiplier_b + sum.offset;
        *out = requantise_one(t, sum.scale);
    }
}

void add_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    const sum_t sum = {.multiplier_a = layer->add_multiplier_a,
                       .multiplier_b = layer->add_multiplier_b,
                       .offset = -(layer->in_zero_point * layer->add_multiplier_a +
                                   layer->in2_zero_point * layer->add_multiplier_b),
                       .scale = add_scale(layer)};
    uint32_t first = chunk->pixel_begin, n = chunk->begin;
    const int8_t *a = mem_ptr(layer->in_addr + first * layer->in_pitch + n);
    const int8_t *b = mem_ptr(layer->in2_addr + first * layer->in2_pitch + n);
    int8_t *out = mem_ptr(layer->out_addr + first * layer->out_pitch + n);
    uint32_t by_words =
        channels_by_words(chunk, layer->in_addr | layer->in2_addr | layer->out_addr |
                                     layer->in_pitch | layer->in2_pitch | layer->out_pitch);
    activation_set(layer, layer->out_zero_point);
    for (uint32_t pixel = first; pixel < chunk->pixel_end; pixel++) {
        add_pixel(sum, a, b, out, by_words, chunk->end - n);
        a += layer->in_pitch, b += layer->in2_pitch, out += layer->out_pitch;
    }
}

static void clip_pixel(const int8_t *in, int8_t *out, uint32_t by_words, uint32_t channels,
                       int32_t bias, uint32_t scale)
{
    const int8_t *end = in + channels, *words_end = in + by_words;
    for (; words_end - in >= 16; in += 16, out += 16) {
        CFU_MAC4(0, load_word(in), FOUR_ONES);
        CFU_MAC4(1, load_word(in + 4), FOUR_ONES);
        CFU_MAC4(2, load_word(in + 8), FOUR_ONES);
        CFU_MAC4(3, load_word(in + 12), FOUR_ONES);
        rows_store(out, 4);
    }
    for (; in != words_end; in += 4, out += 4) {
        CFU_MAC4(0, load_word(in), FOUR_ONES);
        CFU_OUT_ROW(0);
        store_word(out, CFU_TAKE());
    }
    for (; in != end; in++, out++) {
        *out = requantise_one(*in + bias, scale);
    }
}

void clip_s8(const layer_t *layer, const chunk_t *chunk, unsigned hart)
{
    (void)hart;
    uint32_t first = chunk->pixel_begin, n = chunk->begin, scale = scales_of(layer)[0];
    const int8_t *in = mem_ptr(layer->in_addr + first * layer->in_pitch + n);
    int8_t *out = mem_ptr(layer->out_addr + first * layer->out_pitch + n);
    uint32_t by_words = channels_by_words(
        chunk, layer->in_addr | layer->out_addr | layer->in_pitch | layer->out_pitch);
    int32_t bias = -layer->in_zero_point;
    activation_set(layer, layer->out_zero_point);
    channels_set_alike(scale, bias);
    CFU_BIAS_ROW(1);
    CFU_BIAS_ROW(2);
    CFU_BIAS_ROW(3);
    for (uint32_t pixel = first; pixel < chunk->pixel_end; pixel++) {
        clip_pixel(in, out, by_words, chunk->end - n, bias, scale);
        in += layer->in_pitch, out += layer->out_pitch;
    }
}
