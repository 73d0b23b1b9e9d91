/* Tight tiles: custom instructions. The tile's number is set beforehand, so all share this code. */
#include "kernels.h"
#include "output.h"
#include "tile_io.h"
#include "tile_post.h"

#define IO(name) tight_##name
#define PORT_SELECT(port) CFU_TILE_BASE(port)
/* A command that can't proceed holds the hart, so nothing needs to be polled. */
#define PORT_BEGIN(port) (void)(port)
#define PORT_WAIT(port) (void)(port)
#define PORT_QUEUE8(port, low, high) CM_QUEUE(0, 8, low, high)
#define PORT_QUEUE(port, n, low, high) CM_QUEUE(0, n, low, high)
#define PORT_PROCESS(port) CM_PROCESS(0)
#define PORT_DEQUEUE(port) CM_DEQUEUE(0)
#define PORT_CONFIG(port, reg, value) CM_CONFIG(0, reg, value)
#define PORT_INITIALIZE(port, row, col, weights) CM_INITIALIZE(0, row, col, weights)
#define PORT_STATUS(port, reg) CM_STATUS(0, reg)

#include "tile_io.inc"
#include "tile_post.inc"

const tile_io_t tight_io = {.configure = tight_configure,
                            .program = tight_program,
                            .queue = tight_queue,
                            .accumulate = tight_accumulate,
                            .finish = tight_finish,
                            .status = tight_status_read};
