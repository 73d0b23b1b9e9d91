/* The machine as C, to run images natively: one process, harts one after another. */
#ifndef HOST_H
#define HOST_H

#include "target.h"

typedef struct {
    uint32_t hart_count;
    uint32_t tight_tiles_per_hart;
    uint32_t tight_harts; /* that have them */
    uint32_t loose_tiles;
    uint32_t rows;
    uint32_t cols;
    uint32_t weight_bits;
    uint32_t adc_bits;
    uint32_t post_lanes;
    uint32_t config_hash;
    uint32_t memory_bytes;
    uint32_t scratchpad_bytes;
    uint64_t seed; /* of the order in which harts steal chunks */
} host_machine_t;

enum { HOST_BUFFERS = 2, TILE_CONFIG_COUNT = 8 };

/* A tile behaves as docs/architecture.md says, except that an MVM takes no time. */
typedef struct {
    int8_t weights[TILE_DIM_MAX][TILE_DIM_MAX];
    uint32_t config[TILE_CONFIG_COUNT];
    uint32_t status[TILE_STATUS_COUNT];
    int8_t filling[TILE_DIM_MAX];
    uint32_t filled;
    /* Handed over, not yet computed because both output buffers are taken. */
    struct {
        int8_t bytes[TILE_DIM_MAX];
        uint32_t filled;
        uint32_t config[TILE_CONFIG_COUNT];
    } pending[HOST_BUFFERS];
    uint32_t pending_count;
    struct {
        uint32_t words[TILE_DIM_MAX];
        uint32_t count;
        uint32_t next;
        bool is_post;
    } results[HOST_BUFFERS];
    uint32_t result_count;
    struct {
        int32_t bias;
        uint32_t scale;
        bool is_written; /* both, since the machine was made */
    } constants[TILE_DIM_MAX];
    uint32_t program_addr;
    uint32_t owner; /* hart + 1, or 0 */
    uint32_t polls; /* reads of STATUS since anything else was done */
} host_tile_t;

extern host_machine_t host_machine;
extern unsigned host_hart;

/* Something happened that `hart` could wait for. */
void host_event(unsigned hart, uint32_t events);
void host_events_reset(void);

void host_tiles_reset(void);
void tiles_forget(void);
void constants_forget(void);
uint32_t host_tight_tiles(uint32_t hart);
host_tile_t *host_tight_tile(uint32_t hart, uint32_t tile);
host_tile_t *host_loose_tile(uint32_t tile);

void tile_queue(host_tile_t *tile, uint32_t count, uint64_t bytes);
void tile_process(host_tile_t *tile);
uint32_t tile_dequeue(host_tile_t *tile);
void tile_initialize(host_tile_t *tile, uint32_t addr, uint32_t weights);
void tile_config(host_tile_t *tile, uint32_t reg, uint32_t value);
uint32_t tile_status(host_tile_t *tile, uint32_t reg);

/* Post-processing: a write of a constant, and what becomes of a converter's value. */
void tile_constant(host_tile_t *tile, uint32_t reg, uint32_t value);
int8_t tile_post(const host_tile_t *tile, uint32_t column, uint32_t shift, int32_t value);

/* acc * multiplier / 2**shift, rounded half to even, plus zero point, clipped: the CFU's and the
 * tiles'. `scale` and `activation` as words. */
int8_t host_requantised(int32_t acc, uint32_t scale, uint32_t activation);

/* Streaming (host_stream.c, host_dma.c): DMA blocks and jobs are done when they are pushed. Offsets
 * are those of HART_LOCAL and of a tile's page. */
void host_stream_reset(void);
void host_dma_reset(void);
uint32_t host_job_status(uint32_t ended, uint32_t error); /* also DMA_STATUS */
bool host_is_dma(uint32_t offset);
uint32_t host_dma_read(uint32_t offset);
void host_dma_write(uint32_t offset, uint32_t value);
bool host_is_job(uint32_t offset);
uint32_t host_job_read(uint32_t tile, uint32_t offset);
void host_job_write(uint32_t tile, uint32_t offset, uint32_t value);

/* Ends the run with a sentence: firmware did what would hang or what no machine allows. */
__attribute__((noreturn, format(printf, 1, 2))) void host_fail(const char *format, ...);

#endif
