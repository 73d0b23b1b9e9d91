/* Refuses an image whose layers lie outside its memory, or that was not loaded to its end.
 *
 * A checksum over megabytes of weights would take longer than many a layer, so it is the host's;
 * here the last word must be there. It goes with the header's checksum: the end of another image of
 * the same size, which was in memory before, won't do. */
#include "runtime.h"

static bool bytes_fit(const header_t *image, uint32_t addr, uint64_t bytes)
{
    return addr >= IMAGE_ADDR && addr + bytes <= image->memory_end_addr;
}

static bool pixels_fit(const header_t *image, uint32_t addr, uint32_t height, uint32_t width,
                       uint32_t channels, uint32_t pitch)
{
    if (height > UINT16_MAX || width > UINT16_MAX) {
        return false;
    }
    uint32_t pixels = height * width;
    return bytes_fit(image, addr, pixels ? (uint64_t)(pixels - 1) * pitch + channels : 0);
}

/* Layers that are all on tiles have no digital weights: their address is 0. */
static bool weights_fit(const header_t *image, const layer_t *layer)
{
    uint32_t each = layer->op == OP_CONV ? layer->weight_pitch : layer->kernel_h * layer->kernel_w;
    return layer->weights_addr == 0 ||
           bytes_fit(image, layer->weights_addr, (uint64_t)layer->out_c * each);
}

static bool is_inside(const header_t *image, const layer_t *layer)
{
    if (layer->op == OP_PROGRAM || layer->op == OP_PIPELINE) {
        return true;
    }
    return weights_fit(image, layer) &&
           pixels_fit(image, layer->in_addr, layer->in_h, layer->in_w, layer->in_c,
                      layer->in_pitch) &&
           pixels_fit(image, layer->out_addr, layer->out_h, layer->out_w, layer->out_c,
                      layer->out_pitch) &&
           (layer->op != OP_ADD || pixels_fit(image, layer->in2_addr, layer->in_h, layer->in_w,
                                              layer->in_c, layer->in2_pitch));
}

static bool are_inside(const header_t *image, uint32_t addr, uint32_t count, const char *where)
{
    const layer_t *layers = mem_ptr(addr);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_inside(image, &layers[i])) {
            log_printf(image, "Layer %u%s reads or writes outside the image's memory, which ends at "
                       "0x%x.\n", i, where, image->memory_end_addr);
            return false;
        }
    }
    return true;
}

static bool layers_are_inside(const header_t *image)
{
    const layer_t *layers = mem_ptr(image->layers_addr);
    for (uint32_t i = 0; i < image->layer_count; i++) {
        if (layers[i].op == OP_PIPELINE) {
            const uint32_t *stages = mem_ptr(layers[i].stages_addr);
            uint32_t count = layers[i].pipeline_inputs * stages[image->hart_count];
            if (!are_inside(image, layers[i].stage_layers_addr, count, " of the pipeline")) {
                return false;
            }
        }
    }
    return are_inside(image, image->layers_addr, image->layer_count, "");
}

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
    return contents_fit(image) && layers_are_inside(image) && is_whole(image);
}
