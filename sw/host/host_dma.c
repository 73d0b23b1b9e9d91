/* The DMA engine in C: a block is moved when it is pushed. */
#include <string.h>

#include "host.h"
#include "image_layout.h"

typedef struct {
    uint32_t words[HART_LOCAL_DMA_COUNT];
    uint32_t ended;
    uint32_t error;
} channel_t;

static channel_t channels[HART_COUNT_MAX];

void host_dma_reset(void)
{
    memset(channels, 0, sizeof channels);
}

/* One past the last byte of a block in one of the memories. */
static uint64_t block_end(const dma_block_t *block, uint32_t first, uint32_t pitch)
{
    return first + (uint64_t)(block->rows - 1) * pitch + block->row_bytes;
}

static uint32_t block_error(const dma_block_t *block)
{
    uint32_t unaligned = block->memory | block->scratchpad | block->memory_pitch |
                         block->scratchpad_pitch | block->row_bytes;
    if (block->row_bytes == 0 || block->rows == 0) {
        return DMA_ERROR_EMPTY;
    }
    if (!is_word_aligned(unaligned)) {
        return DMA_ERROR_ALIGNMENT;
    }
    if (block_end(block, block->memory, block->memory_pitch) > host_machine.memory_bytes) {
        return DMA_ERROR_MEMORY;
    }
    if (block_end(block, block->scratchpad, block->scratchpad_pitch) >
        host_machine.scratchpad_bytes) {
        return DMA_ERROR_SCRATCHPAD;
    }
    return DMA_ERROR_NONE;
}

static void move_block(const dma_block_t *block)
{
    const header_t *image = mem_ptr(IMAGE_ADDR);
    uint64_t end = block_end(block, block->memory, block->memory_pitch) + MAIN_MEMORY_BASE_ADDR;
    if (end > image->memory_end_addr) {
        host_fail("hart %u moves a block that is not the image's", host_hart);
    }
    uint8_t *memory = mem_ptr(MAIN_MEMORY_BASE_ADDR + block->memory);
    uint8_t *scratchpad = host_scratchpad + block->scratchpad;
    for (uint32_t row = 0; row < block->rows; row++) {
        if (block->direction == DMA_LOAD) {
            memcpy(scratchpad, memory, block->row_bytes);
        } else {
            memcpy(memory, scratchpad, block->row_bytes);
        }
        memory += block->memory_pitch;
        scratchpad += block->scratchpad_pitch;
    }
}

bool host_is_dma(uint32_t offset)
{
    return offset >= HART_LOCAL_DMA_OFFSET_BYTES && offset <= HART_LOCAL_DMA_ERROR_OFFSET_BYTES;
}

uint32_t host_dma_read(uint32_t offset)
{
    const channel_t *channel = &channels[host_hart];
    if (offset == HART_LOCAL_DMA_STATUS_OFFSET_BYTES) {
        return host_job_status(channel->ended, channel->error);
    }
    return offset == HART_LOCAL_DMA_ERROR_OFFSET_BYTES ? channel->error : 0;
}

void host_dma_write(uint32_t offset, uint32_t value)
{
    channel_t *channel = &channels[host_hart];
    uint32_t word = (offset - HART_LOCAL_DMA_OFFSET_BYTES) / 4;
    if (offset == HART_LOCAL_DMA_PUSH_OFFSET_BYTES) {
        dma_block_t block;
        memcpy(&block, channel->words, sizeof block);
        uint32_t error = block_error(&block);
        if (error == DMA_ERROR_NONE) {
            move_block(&block);
        } else {
            channel->error = error;
        }
        channel->ended++;
    } else if (offset == HART_LOCAL_DMA_ERROR_OFFSET_BYTES) {
        channel->error = 0;
    } else if (word < HART_LOCAL_DMA_COUNT) {
        channel->words[word] = value;
    } else {
        host_fail("DMA register 0x%x can't be written", offset);
    }
}
