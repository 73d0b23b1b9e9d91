/* Registers in C: hart-local, sync, host mailbox, loose tiles. */
#include "host.h"

/* A tile answers at once here, so a second look at its status is already a lost one. */
#define POLLS_MAX 100

static uint32_t fetch_adds[SYNC_FETCH_ADD_COUNT];
static bool mutexes[SYNC_MUTEX_COUNT];

static bool in_region(uint32_t addr, uint32_t base, uint32_t size)
{
    return addr - base < size;
}

static uint32_t tile_of(uint32_t addr)
{
    return (addr - LOOSE_TILE_BASE_ADDR) / LOOSE_TILE_STRIDE_BYTES;
}

static host_tile_t *owned_tile(uint32_t addr)
{
    host_tile_t *tile = host_loose_tile(tile_of(addr));
    if (tile->owner != host_hart + 1) {
        host_fail("hart %u does not hold the loose tile at 0x%x", host_hart, addr);
    }
    return tile;
}

static uint32_t loose_read(uint32_t addr)
{
    uint32_t offset = addr % LOOSE_TILE_STRIDE_BYTES;
    if (offset == LOOSE_TILE_ACQUIRE_OFFSET_BYTES) {
        uint32_t index = tile_of(addr);
        host_tile_t *tile = host_loose_tile(index);
        if (tile->owner != 0) {
            host_fail("hart %u would wait for ever for loose tile %u", host_hart, index);
        }
        tile->owner = host_hart + 1;
        return 1;
    }
    if (host_is_job(offset)) {
        return host_job_read(tile_of(addr), offset);
    }
    host_tile_t *tile = owned_tile(addr);
    if (offset == LOOSE_TILE_OUTPUT_OFFSET_BYTES) {
        tile->polls = 0;
        return tile_dequeue(tile);
    }
    uint32_t reg = (offset - LOOSE_TILE_STATUS_OFFSET_BYTES) / 4;
    if (reg >= TILE_STATUS_COUNT) {
        host_fail("register 0x%x can't be read", addr);
    }
    if (tile->polls++ > POLLS_MAX) {
        host_fail("hart %u would poll the loose tile at 0x%x for ever", host_hart, addr);
    }
    return tile_status(tile, reg);
}

static void loose_write(uint32_t addr, uint32_t bytes, uint32_t value)
{
    host_tile_t *tile = owned_tile(addr);
    tile->polls = 0;
    uint32_t offset = addr % LOOSE_TILE_STRIDE_BYTES;
    uint32_t reg = (offset - LOOSE_TILE_CONFIG_OFFSET_BYTES) / 4;
    if (offset == LOOSE_TILE_INPUT_OFFSET_BYTES) {
        tile_queue(tile, bytes, value);
    } else if (offset == LOOSE_TILE_RELEASE_OFFSET_BYTES) {
        tile->owner = 0;
        for (unsigned hart = 0; hart < host_machine.hart_count; hart++) {
            host_event(hart, EVENT_RELEASE_MASK);
        }
    } else if (offset == LOOSE_TILE_PROCESS_OFFSET_BYTES) {
        tile_process(tile);
        if (tile_status(tile, TILE_STATUS_STATUS) &
            (TILE_STATUS_RESULT_MASK | TILE_STATUS_ERRORS_MASK)) {
            host_event(host_hart, EVENT_TILE_MASK);
        }
    } else if (offset == LOOSE_TILE_PROGRAM_ADDR_OFFSET_BYTES) {
        tile->program_addr = value;
    } else if (offset == LOOSE_TILE_PROGRAM_DATA_OFFSET_BYTES) {
        tile_initialize(tile, tile->program_addr, value);
        tile->program_addr += 4 << 16;
    } else if (host_is_job(offset)) {
        host_job_write(tile_of(addr), offset, value);
    } else if (reg < TILE_CONFIG_COUNT) {
        tile_config(tile, reg, value);
    } else {
        host_fail("register 0x%x can't be written", addr);
    }
}

static uint32_t local_read(uint32_t offset)
{
    switch (offset) {
    case HART_LOCAL_HART_ID_OFFSET_BYTES: return host_hart;
    case HART_LOCAL_HART_COUNT_OFFSET_BYTES: return host_machine.hart_count;
    case HART_LOCAL_CONFIG_HASH_OFFSET_BYTES: return host_machine.config_hash;
    case HART_LOCAL_TILE_ADC_BITS_OFFSET_BYTES: return host_machine.adc_bits;
    case HART_LOCAL_TIGHT_TILES_OFFSET_BYTES: return host_tight_tiles(host_hart);
    default: return host_is_dma(offset) ? host_dma_read(offset) : 0;
    }
}

static uint32_t sync_read(uint32_t offset)
{
    uint32_t mutex = (offset - SYNC_MUTEX_OFFSET_BYTES) / 4;
    if (offset < 4 * SYNC_FETCH_ADD_COUNT) {
        return fetch_adds[offset / 4]++;
    }
    if (mutex < SYNC_MUTEX_COUNT) {
        bool taken = !mutexes[mutex];
        mutexes[mutex] = true;
        return taken;
    }
    return 0;
}

uint32_t mmio_read32(uint32_t addr)
{
    if (in_region(addr, HART_LOCAL_BASE_ADDR, HART_LOCAL_SIZE_BYTES)) {
        return local_read(addr - HART_LOCAL_BASE_ADDR);
    }
    if (in_region(addr, SYNC_BASE_ADDR, SYNC_SIZE_BYTES)) {
        return sync_read(addr - SYNC_BASE_ADDR);
    }
    if (in_region(addr, LOOSE_TILE_BASE_ADDR, LOOSE_TILE_SIZE_BYTES)) {
        return loose_read(addr);
    }
    /* Nothing takes time here or is shared, so the machine's counters stay 0. */
    if (in_region(addr, HOST_BASE_ADDR + HOST_COUNTER_OFFSET_BYTES, 4 * HOST_COUNTER_COUNT)) {
        return 0;
    }
    host_fail("register 0x%x can't be read", addr);
}

static void write(uint32_t addr, uint32_t bytes, uint32_t value)
{
    uint32_t offset = addr - SYNC_BASE_ADDR;
    uint32_t mutex = (offset - SYNC_MUTEX_OFFSET_BYTES) / 4;
    if (in_region(addr, LOOSE_TILE_BASE_ADDR, LOOSE_TILE_SIZE_BYTES)) {
        loose_write(addr, bytes, value);
    } else if (in_region(addr, HART_LOCAL_BASE_ADDR, HART_LOCAL_SIZE_BYTES) &&
               host_is_dma(addr - HART_LOCAL_BASE_ADDR)) {
        host_dma_write(addr - HART_LOCAL_BASE_ADDR, value);
    } else if (offset < 4 * SYNC_FETCH_ADD_COUNT) {
        fetch_adds[offset / 4] = value;
    } else if (mutex < SYNC_MUTEX_COUNT) {
        mutexes[mutex] = false;
    } else {
        host_fail("register 0x%x can't be written", addr);
    }
}

void mmio_write32(uint32_t addr, uint32_t value)
{
    write(addr, 4, value);
}

void mmio_write16(uint32_t addr, uint16_t value)
{
    write(addr, 2, value);
}

void mmio_write8(uint32_t addr, uint8_t value)
{
    write(addr, 1, value);
}
