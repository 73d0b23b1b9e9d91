/* Tight tiles: custom instructions. Each carries its tile's number, so each tile has its code. */
#include "kernels.h"
#include "output.h"
#include "tile_io.h"

#define TIGHT_NAME_(tile, name) tight##tile##_##name
#define TIGHT_NAME(tile, name) TIGHT_NAME_(tile, name)

#define IO(name) TIGHT_NAME(TILE, name)
/* A command that can't proceed holds the hart, so nothing needs to be polled. */
#define PORT_BEGIN(port) (void)(port)
#define PORT_WAIT(port) (void)(port)
#define PORT_QUEUE8(port, low, high) CM_QUEUE(TILE, 8, low, high)
#define PORT_QUEUE(port, n, low, high) CM_QUEUE(TILE, n, low, high)
#define PORT_PROCESS(port) CM_PROCESS(TILE)
#define PORT_DEQUEUE(port) CM_DEQUEUE(TILE)
#define PORT_CONFIG(port, reg, value) CM_CONFIG(TILE, reg, value)
#define PORT_INITIALIZE(port, row, col, weights) CM_INITIALIZE(TILE, row, col, weights)
#define PORT_STATUS(port, reg) CM_STATUS(TILE, reg)

#define TILE 0
#include "tile_io.inc"
#undef TILE
#define TILE 1
#include "tile_io.inc"
#undef TILE
#define TILE 2
#include "tile_io.inc"
#undef TILE
#define TILE 3
#include "tile_io.inc"
#undef TILE
#define TILE 4
#include "tile_io.inc"
#undef TILE
#define TILE 5
#include "tile_io.inc"
#undef TILE
#define TILE 6
#include "tile_io.inc"
#undef TILE
#define TILE 7
#include "tile_io.inc"
#undef TILE
#define TILE 8
#include "tile_io.inc"
#undef TILE
#define TILE 9
#include "tile_io.inc"
#undef TILE
#define TILE 10
#include "tile_io.inc"
#undef TILE
#define TILE 11
#include "tile_io.inc"
#undef TILE
#define TILE 12
#include "tile_io.inc"
#undef TILE
#define TILE 13
#include "tile_io.inc"
#undef TILE
#define TILE 14
#include "tile_io.inc"
#undef TILE
#define TILE 15
#include "tile_io.inc"
#undef TILE

#define TIGHT_IO(tile)                                                                       \
    {                                                                                        \
        .configure = TIGHT_NAME(tile, configure), .program = TIGHT_NAME(tile, program),      \
        .queue = TIGHT_NAME(tile, queue), .accumulate = TIGHT_NAME(tile, accumulate),        \
        .finish = TIGHT_NAME(tile, finish), .status = TIGHT_NAME(tile, status_read)          \
    }

const tile_io_t tight_io[TIGHT_TILES_PER_HART_MAX] = {
    TIGHT_IO(0),  TIGHT_IO(1),  TIGHT_IO(2),  TIGHT_IO(3),  TIGHT_IO(4),  TIGHT_IO(5),
    TIGHT_IO(6),  TIGHT_IO(7),  TIGHT_IO(8),  TIGHT_IO(9),  TIGHT_IO(10), TIGHT_IO(11),
    TIGHT_IO(12), TIGHT_IO(13), TIGHT_IO(14), TIGHT_IO(15),
};
