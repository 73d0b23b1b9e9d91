/* The few things that differ between the target and the host: pointers, registers, word access. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster_regs.h"

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
/* The compiler forgets how a variable was made, so it keeps it rather than what it was made from. */
#define OPAQUE(variable) __asm__ volatile("" : "+r"(variable))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Words are read through pointers to bytes; the firmware is built without strict aliasing. */

#ifdef HOST_BUILD

/* What to add to an address of the image to get an address in this process. */
extern uintptr_t host_memory_offset;

extern uint8_t host_scratchpad[];

INLINE void *mem_ptr(uint32_t addr)
{
    uint32_t place = (addr & ~UNCACHED_MASK) - SCRATCHPAD_BASE_ADDR;
    if (place < SCRATCHPAD_SIZE_BYTES) {
        return host_scratchpad + place;
    }
    return (void *)(host_memory_offset + (addr & ~UNCACHED_MASK));
}

uint32_t mmio_read32(uint32_t addr);
void mmio_write32(uint32_t addr, uint32_t value);
void mmio_write16(uint32_t addr, uint16_t value);
void mmio_write8(uint32_t addr, uint8_t value);

#else

INLINE void *mem_ptr(uint32_t addr)
{
    return (void *)addr;
}

INLINE uint32_t mmio_read32(uint32_t addr)
{
    return *(volatile uint32_t *)addr;
}

INLINE void mmio_write32(uint32_t addr, uint32_t value)
{
    *(volatile uint32_t *)addr = value;
}

INLINE void mmio_write16(uint32_t addr, uint16_t value)
{
    *(volatile uint16_t *)addr = value;
}

INLINE void mmio_write8(uint32_t addr, uint8_t value)
{
    *(volatile uint8_t *)addr = value;
}

#endif

/* Past the data cache: for words that several harts write between two barriers. */
INLINE volatile void *mem_ptr_uncached(uint32_t addr)
{
    return mem_ptr(addr | UNCACHED_MASK);
}

/* The same for a variable of the firmware, a word. */
INLINE volatile uint32_t *uncached(uint32_t *word)
{
#ifdef HOST_BUILD
    return word;
#else
    return (uint32_t *)((uintptr_t)word | UNCACHED_MASK);
#endif
}

INLINE uint32_t load_word(const void *p)
{
    return *(const uint32_t *)p;
}

INLINE void store_word(void *p, uint32_t value)
{
    *(uint32_t *)p = value;
}

INLINE bool is_word_aligned(uintptr_t bits)
{
    return (bits & 3) == 0;
}

INLINE int32_t byte_of(uint32_t word, unsigned index)
{
    return (int8_t)(word >> 8 * index);
}

INLINE uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

INLINE uint32_t lowest_bit(uint32_t value)
{
    return value & -value;
}

INLINE int32_t clamp_s32(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

#endif
