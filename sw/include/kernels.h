/* Every kernel, and how one is found. A kernel computes one chunk of a layer on one hart. */
#ifndef KERNELS_H
#define KERNELS_H

#include "image_layout.h"
#include "kernel_table.h"
#include "target.h"

typedef void kernel_t(const layer_t *layer, const chunk_t *chunk, unsigned hart);

/* PROGRAM's take their work from the group table: chunk is not read and may be NULL. */
#define DECLARE(op, body, kernel) kernel_t kernel;
EACH_KERNEL(DECLARE)
#undef DECLARE

/* NULL if there is no such kernel. */
kernel_t *kernel_find(uint32_t op, uint32_t body);

/* A status register of a tight tile of this hart, or of a loose tile that this hart holds. */
uint32_t tight_status(uint32_t tile, uint32_t reg);
uint32_t loose_status(uint32_t tile, uint32_t reg);

void loose_acquire(uint32_t tile, unsigned hart);
void loose_release(uint32_t tile);

/* Acquires or releases every tile of a group, each once, in ascending order: the same order on all
 * harts keeps two of them from waiting for each other. */
void hold_tiles(const group_t *group, unsigned hart, bool acquire);

/* Blocks of one resident group at the most: their geometry is kept on the stack. */
#define GROUP_BLOCKS_MAX 64

#endif
