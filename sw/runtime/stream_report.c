/* What became of streaming jobs and DMA blocks, in words. */
#include "runtime.h"

static const char *const job_errors[] = {
    [JOB_ERROR_EMPTY] = "the image, a loop or the number of its MVMs is empty",
    [JOB_ERROR_START] = "it begins outside of a loop",
    [JOB_ERROR_WINDOW] = "its window is outside of the array, or its shift impossible",
    [JOB_ERROR_ALIGNMENT] = "the place of its results is not a multiple of 4",
    [JOB_ERROR_DESTINATION] = "a result would be written outside of the scratchpad",
    [JOB_ERROR_SOURCE] = "an input would be read outside of the scratchpad",
};

static const char *const dma_errors[] = {
    [DMA_ERROR_EMPTY] = "it has no bytes",
    [DMA_ERROR_ALIGNMENT] = "an address, a pitch or its width is not a multiple of 4",
    [DMA_ERROR_MEMORY] = "it reaches outside of main memory",
    [DMA_ERROR_SCRATCHPAD] = "it reaches outside of the scratchpad",
};

static const char *word_for(const char *const *words, uint32_t count, uint32_t error)
{
    return error < count && words[error] != NULL ? words[error] : "the error is unknown";
}

bool dma_report(const header_t *image, uint32_t layer_index, unsigned hart)
{
    uint32_t error = hart_local(HART_LOCAL_DMA_ERROR_OFFSET_BYTES);
    if (error != DMA_ERROR_NONE) {
        log_printf(image, "Layer %u: a DMA block of hart %u failed: %s.\n", layer_index, hart,
                   word_for(dma_errors, sizeof dma_errors / sizeof *dma_errors, error));
    }
    return error == DMA_ERROR_NONE;
}

bool jobs_report(const header_t *image, uint32_t layer_index)
{
    bool good = true;
    for (uint32_t tile = 0; tile < image->loose_tiles; tile++) {
        uint32_t page = LOOSE_TILE_BASE_ADDR + tile * LOOSE_TILE_STRIDE_BYTES;
        uint32_t error = mmio_read32(page + LOOSE_TILE_JOB_ERROR_OFFSET_BYTES) & 0xFF;
        if (error != JOB_ERROR_NONE) {
            log_printf(image, "Layer %u: a job of loose tile %u failed: %s.\n", layer_index, tile,
                       word_for(job_errors, sizeof job_errors / sizeof *job_errors, error));
            good = false;
        }
    }
    return good;
}
