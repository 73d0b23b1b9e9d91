/* Sums over blocks of what streaming tiles computed, and from them the outputs.
 *
 * Loops: pixels of the band > 4 channels > blocks: element_bytes loads, 4 additions. */
#include "stream_sums.h"

#include "output.h"
#include "runtime.h"
#include "tile_io.h"

/* Four results, scaled back by the converter's shift. */
INLINE void add_results(const uint32_t *words, uint32_t element_bytes, uint32_t shift,
                        int32_t *sums)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t word = words[i * element_bytes / 4];
        uint32_t at = i * element_bytes % 4 * 8, unused = 32 - 8 * element_bytes;
        int32_t value = (int32_t)(word >> at << unused) >> unused;
        sums[i] += (int32_t)((uint32_t)value << shift);
    }
}

/* A constant element_bytes gives each width its own, small loop. */
INLINE void sum_pixels(const layer_t *layer, const results_t *results, uint32_t element_bytes)
{
    const int32_t *bias = (const int32_t *)mem_ptr(layer->bias_addr) + results->channel_begin;
    const uint32_t *scale = scales_of(layer) + results->channel_begin;
    const uint8_t *pixel = mem_ptr(results->addr);
    uint32_t count = results->channel_count, shift = layer->adc_shift;
    int8_t *out = mem_ptr(layer->out_addr + results->pixel_begin * layer->out_pitch +
                          results->channel_begin);
    for (uint32_t i = 0; i < results->pixel_count; i++) {
        for (uint32_t n = 0; n < count; n += 4) {
            const uint8_t *from = pixel + n * element_bytes;
            int32_t sums[4] = {0, 0, 0, 0};
            for (uint32_t b = 0; b < results->block_count; b++, from += results->area_bytes) {
                add_results((const uint32_t *)from, element_bytes, shift, sums);
            }
            if (LIKELY(n + 4 <= count && is_word_aligned((uintptr_t)(out + n)))) {
                CFU_REQUANTISE(bias[n] + sums[0], scale[n]);
                CFU_REQUANTISE(bias[n + 1] + sums[1], scale[n + 1]);
                CFU_REQUANTISE(bias[n + 2] + sums[2], scale[n + 2]);
                CFU_REQUANTISE(bias[n + 3] + sums[3], scale[n + 3]);
                store_word(out + n, CFU_TAKE());
            } else {
                outputs_store(scale + n, bias + n, sums, min_u32(count - n, 4), out + n);
            }
        }
        pixel += results->pixel_bytes;
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
