/* Loose tiles: registers on the shared peripheral bus. */
#include "events.h"
#include "kernels.h"
#include "output.h"
#include "tile_io.h"
#include "tile_post.h"

#define LOOSE(port, name) ((port) + LOOSE_TILE_##name##_OFFSET_BYTES)

/* There is room: a kernel has one MVM in a tile when it queues the next. So this takes one look. */
static void wait_for_room(uint32_t port)
{
    while ((mmio_read32(LOOSE(port, STATUS)) & TILE_STATUS_INPUT_FULL_MASK) != 0) {
    }
}

/* An MVM that the tile refused has no result: its error, which ends the run after the layer, ends
 * the wait too, and is an event like a result. */
static void wait_for_result(uint32_t port)
{
    const uint32_t mask = TILE_STATUS_RESULT_MASK | TILE_STATUS_ERRORS_MASK;
    while ((mmio_read32(LOOSE(port, STATUS)) & mask) == 0) {
        (void)event_wait(EVENT_TILE_MASK);
    }
}

#define IO(name) loose_##name
#define PORT_SELECT(port) (void)(port)
#define PORT_BEGIN(port) wait_for_room(port)
#define PORT_QUEUE8(port, low, high)              \
    {                                             \
        mmio_write32(LOOSE(port, INPUT), low);    \
        mmio_write32(LOOSE(port, INPUT), high);   \
    }
#define PORT_QUEUE(port, n, low, high)                                   \
    {                                                                    \
        uint32_t rest = low;                                             \
        if ((n) & 4) {                                                   \
            mmio_write32(LOOSE(port, INPUT), rest);                      \
            rest = high;                                                 \
        }                                                                \
        if ((n) & 2) {                                                   \
            mmio_write16(LOOSE(port, INPUT), (uint16_t)rest);            \
            rest >>= 16;                                                 \
        }                                                                \
        if ((n) & 1) {                                                   \
            mmio_write8(LOOSE(port, INPUT), (uint8_t)rest);              \
        }                                                                \
    }
#define PORT_PROCESS(port) mmio_write32(LOOSE(port, PROCESS), 0)
#define PORT_WAIT(port) wait_for_result(port)
#define PORT_DEQUEUE(port) mmio_read32(LOOSE(port, OUTPUT))
#define PORT_CONFIG(port, reg, value) mmio_write32(LOOSE(port, CONFIG) + 4 * (reg), value)
/* The address moves on by itself along a row. */
#define PORT_INITIALIZE(port, row, col, weights)                                     \
    {                                                                                \
        if ((col) == col_begin) {                                                    \
            mmio_write32(LOOSE(port, PROGRAM_ADDR), (row) | (col) << 16);            \
        }                                                                            \
        mmio_write32(LOOSE(port, PROGRAM_DATA), weights);                            \
    }
#define PORT_STATUS(port, reg) mmio_read32(LOOSE(port, STATUS) + 4 * (reg))

#include "tile_io.inc"
#include "tile_post.inc"

const tile_io_t loose_io = {.configure = loose_configure,
                            .program = loose_program,
                            .queue = loose_queue,
                            .accumulate = loose_accumulate,
                            .finish = loose_finish,
                            .status = loose_status_read};

void loose_acquire(uint32_t tile, unsigned hart)
{
    (void)hart;
    while (mmio_read32(LOOSE(loose_port(tile), ACQUIRE)) == 0) {
        (void)event_wait(EVENT_RELEASE_MASK);
    }
}

void loose_release(uint32_t tile)
{
    mmio_write32(LOOSE(loose_port(tile), RELEASE), 0);
}
