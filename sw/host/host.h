/* The machine as C, to run images natively: one process, harts one after another. */
#ifndef HOST_H
#define HOST_H

#include "target.h"

typedef struct {
    uint32_t hart_count;
    uint32_t tight_tiles_per_hart;
    uint32_t loose_tiles;
    uint32_t rows;
    uint32_t cols;
    uint32_t weight_bits;
    uint32_t adc_bits;
    uint32_t config_hash;
    uint32_t post_lanes;
    uint32_t memory_bytes;
    uint32_t scratchpad_bytes;
    uint64_t seed; /* of the order in which harts steal chunks */
} host_machine_t;

enum { HOST_BUFFERS = 2 };

/* A tile behaves as docs/architecture.md says, except that an MVM takes no time. */
typedef struct {
    int8_t weights[TILE_DIM_MAX][TILE_DIM_MAX];
    uint32_t config[4];
    uint32_t status[TILE_STATUS_COUNT];
    int8_t filling[TILE_DIM_MAX];
    uint32_t filled;
    /* Handed over, not yet computed because both output buffers are taken. */
    struct {
        int8_t bytes[TILE_DIM_MAX];
        uint32_t filled;
        uint32_t config[4];
    } pending[HOST_BUFFERS];
    uint32_t pending_count;
    struct {
        uint32_t words[TILE_DIM_MAX];
        uint32_t count;
        uint32_t next;
    } results[HOST_BUFFERS];
    uint32_t result_count;
    uint32_t program_addr;
    uint32_t owner; /* hart + 1, or 0 */
    uint32_t polls; /* reads of STATUS since anything else was done */
} host_tile_t;

extern host_machine_t host_machine;
extern unsigned host_hart;

void host_tiles_reset(void);
void tiles_forget(void);
host_tile_t *host_tight_tile(uint32_t hart, uint32_t tile);
host_tile_t *host_loose_tile(uint32_t tile);

void tile_queue(host_tile_t *tile, uint32_t count, uint64_t bytes);
void tile_process(host_tile_t *tile);
uint32_t tile_dequeue(host_tile_t *tile);
void tile_initialize(host_tile_t *tile, uint32_t addr, uint32_t weights);
void tile_config(host_tile_t *tile, uint32_t reg, uint32_t value);
uint32_t tile_status(host_tile_t *tile, uint32_t reg);

/* One output: (value * scale) rounded, plus zero point, clamped. */
int8_t host_output(uint32_t value, uint32_t scale, int8_t zero_point, int8_t min, int8_t max);

/* Streaming (host_stream.c, host_dma.c): DMA blocks and jobs are done when they are pushed. Offsets
 * are those of HART_LOCAL and of a tile's page. */
void host_stream_reset(void);
void constants_forget(void);
void host_dma_reset(void);
uint32_t host_job_status(uint32_t ended, uint32_t error); /* also DMA_STATUS */
bool host_is_dma(uint32_t offset);
uint32_t host_dma_read(uint32_t offset);
void host_dma_write(uint32_t offset, uint32_t value);
bool host_is_job(uint32_t offset);
uint32_t host_job_read(uint32_t tile, uint32_t offset);
void host_job_write(uint32_t tile, uint32_t offset, uint32_t value);
void host_constant_write(uint32_t tile, uint32_t reg, uint32_t value);

/* Ends the run with a sentence: firmware did what would hang or what no machine allows. */
__attribute__((noreturn, format(printf, 1, 2))) void host_fail(const char *format, ...);

#endif
