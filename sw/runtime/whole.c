/* Refuses an image that was not loaded to its end.
 *
 * A checksum over megabytes of weights would take longer than many a layer, so it is the host's;
 * here the last word must be there. It goes with the header's checksum: the end of another image of
 * the same size, which was in memory before, won't do. */
#include "runtime.h"

static bool is_whole(const header_t *image)
{
    uint32_t bytes = image->image_bytes;
    uint64_t end = (uint64_t)IMAGE_ADDR + bytes;
    if (bytes % 4 != 0 || bytes <= sizeof(header_t) || end > image->memory_end_addr) {
        log_printf(image, "An image can't have %u bytes and end at 0x%x.\n", bytes,
                   image->memory_end_addr);
        return false;
    }
    const uint32_t *mark = mem_ptr(IMAGE_ADDR + bytes - 4);
    uint32_t expected = IMAGE_END_MARK ^ image->content_crc32;
    if (*mark != expected) {
        log_printf(image, "The last of the image's %u bytes are 0x%x, not 0x%x: a part of it is "
                   "missing.\n", bytes, *mark, expected);
    }
    return *mark == expected;
}

bool image_check(const header_t *image)
{
    return contents_fit(image) && is_whole(image);
}
