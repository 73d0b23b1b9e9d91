/* Sums over blocks of what streaming tiles computed, and from them the outputs.
 *
 * Loops: pixels of the band > 4 channels > blocks: element_bytes loads, 4 additions. */
#include "stream_sums.h"

#include "output.h"
#include "runtime.h"
#include "tile_io.h"

/* By value, so that the sums stay in registers. */
typedef struct {
    int32_t n0, n1, n2, n3;
} quad_t;

/* Results of 4 channels, scaled back by the converter's shift; the ideal converter has none. */
INLINE quad_t quad_of(const uint32_t *words, uint32_t element_bytes, uint32_t shift)
{
    if (element_bytes == 4) {
        return (quad_t){(int32_t)words[0], (int32_t)words[1], (int32_t)words[2], (int32_t)words[3]};
    }
    if (element_bytes == 2) {
        uint32_t low = words[0], high = words[1];
        return (quad_t){(int32_t)((uint32_t)(int16_t)low << shift),
                        (int32_t)((uint32_t)((int32_t)low >> 16) << shift),
                        (int32_t)((uint32_t)(int16_t)high << shift),
                        (int32_t)((uint32_t)((int32_t)high >> 16) << shift)};
    }
    uint32_t word = words[0];
    return (quad_t){(int32_t)((uint32_t)byte_of(word, 0) << shift),
                    (int32_t)((uint32_t)byte_of(word, 1) << shift),
                    (int32_t)((uint32_t)byte_of(word, 2) << shift),
                    (int32_t)((uint32_t)byte_of(word, 3) << shift)};
}

INLINE quad_t sum_blocks(const results_t *results, const uint8_t *from, uint32_t element_bytes,
                         uint32_t shift)
{
    uint32_t area_bytes = results->area_bytes;
    quad_t sums = quad_of((const uint32_t *)from, element_bytes, shift);
    for (uint32_t b = results->block_count - 1; b != 0; b--) {
        from += area_bytes;
        quad_t more = quad_of((const uint32_t *)from, element_bytes, shift);
        sums.n0 += more.n0;
        sums.n1 += more.n1;
        sums.n2 += more.n2;
        sums.n3 += more.n3;
    }
    return sums;
}

/* The outputs of one pixel. */
INLINE void sum_pixel(const results_t *results, const uint8_t *from, uint32_t element_bytes,
                      uint32_t shift, const int32_t *bias, const uint32_t *scale, int8_t *out)
{
    uint32_t count = results->channel_count;
    uint32_t words = is_word_aligned((uintptr_t)out) ? count & ~3u : 0;
    for (const int8_t *end = out + words; out != end; out += 4, bias += 4, scale += 4) {
        quad_t sums = sum_blocks(results, from, element_bytes, shift);
        CFU_REQUANTISE(bias[0] + sums.n0, scale[0]);
        CFU_REQUANTISE(bias[1] + sums.n1, scale[1]);
        CFU_REQUANTISE(bias[2] + sums.n2, scale[2]);
        CFU_REQUANTISE(bias[3] + sums.n3, scale[3]);
        store_word(out, CFU_TAKE());
        from += 4 * element_bytes;
    }
    for (uint32_t n = words; n < count; n += 4, out += 4, bias += 4, scale += 4) {
        quad_t sums = sum_blocks(results, from, element_bytes, shift);
        const int32_t values[4] = {sums.n0, sums.n1, sums.n2, sums.n3};
        outputs_store(scale, bias, values, min_u32(count - n, 4), out);
        from += 4 * element_bytes;
    }
}

/* A constant element_bytes gives each width its own, small loops. */
INLINE void sum_pixels(const layer_t *layer, const results_t *results, uint32_t element_bytes)
{
    const int32_t *bias = (const int32_t *)mem_ptr(layer->bias_addr) + results->channel_begin;
    const uint32_t *scale = scales_of(layer) + results->channel_begin;
    const uint8_t *from = mem_ptr(results->addr);
    int8_t *out = mem_ptr(layer->out_addr + results->pixel_begin * layer->out_pitch +
                          results->channel_begin);
    for (uint32_t i = 0; i < results->pixel_count; i++) {
        sum_pixel(results, from, element_bytes, layer->adc_shift, bias, scale, out);
        from += results->pixel_bytes;
        out += layer->out_pitch;
    }
}

void stream_sums(const layer_t *layer, const results_t *results)
{
    /* The tiles wrote past the cache. */
    dcache_flush();
    if (results->element_bytes == 1) {
        sum_pixels(layer, results, 1);
    } else if (results->element_bytes == 2) {
        sum_pixels(layer, results, 2);
    } else {
        sum_pixels(layer, results, 4);
    }
}
