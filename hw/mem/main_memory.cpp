// Storage of main_memory.sv: the file named by TIGHTROPE_MEMORY, shared with the process that
// wrote it, or anonymous memory if the variable is not set.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "svdpi.h"

namespace {

uint8_t *memory = nullptr;
uint64_t memory_bytes = 0;

[[noreturn]] void fail(const char *what, const char *why) {
    std::fprintf(stderr, "main memory: %s: %s\n", what, why);
    std::_Exit(2);
}

// The place of a word or beat; an address outside the memory is a bug of the RTL.
uint8_t *at(uint64_t offset, uint64_t bytes) {
    if (offset + bytes > memory_bytes) {
        char what[64];
        std::snprintf(what, sizeof what, "offset 0x%llx", (unsigned long long)offset);
        fail(what, "outside the memory");
    }
    return memory + offset;
}

}  // namespace

extern "C" {

void tightrope_memory_open(long long size_bytes) {
    const char *path = std::getenv("TIGHTROPE_MEMORY");
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    int file = -1;
    if (path) {
        struct stat info;
        file = open(path, O_RDWR | O_CLOEXEC);
        if (file < 0 || fstat(file, &info) < 0) fail(path, std::strerror(errno));
        if (info.st_size != size_bytes) fail(path, "not the size of this machine's memory");
        flags = MAP_SHARED;
    }
    void *base = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    if (base == MAP_FAILED) fail(path ? path : "anonymous memory", std::strerror(errno));
    if (file >= 0) close(file);
    memory = static_cast<uint8_t *>(base);
    memory_bytes = size_bytes;
}

void tightrope_memory_read(int beat, int width_bytes, svBitVecVal *data) {
    std::memcpy(data, at(uint64_t(uint32_t(beat)) * width_bytes, width_bytes), width_bytes);
}

void tightrope_memory_write(int beat, int width_bytes, const svBitVecVal *data, int mask) {
    uint8_t *place = at(uint64_t(uint32_t(beat)) * width_bytes, width_bytes);
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(data);
    for (uint32_t rest = uint32_t(mask); rest; rest &= rest - 1) {
        int lane = __builtin_ctz(rest);
        place[lane] = bytes[lane];
    }
}

}  // extern "C"
