"""A small model of the firmware and the tiles: runs an image from its bytes alone.

It knows ``layout`` and docs/architecture.md, and nothing of how the image was built.
"""

import numpy as np
from tightrope.hw.memmap import MAIN_MEMORY, SCRATCHPAD
from tightrope.sim import golden
from tightrope.sim.image import layout
from tightrope.sim.image.layout import Balance, Body, Op
from tightrope.sim.mapping.plan import TILE_BODIES


class Firmware:
    """Main memory and tiles; runs every descriptor of the image in it."""

    def __init__(self, image):
        self.config = image.config
        self.memory = np.full(image.config.memory.size_bytes, 0x5C, np.uint8)
        at = layout.IMAGE_ADDR - MAIN_MEMORY.base_addr
        self.from_image = self.memory[at:]
        self.from_image[: len(image.data)] = np.frombuffer(image.data, np.uint8)
        self.tiles = {}
        self.header = self.struct("header", layout.IMAGE_ADDR)

    def array(self, addr, dtype, *shape):
        """A view of memory."""
        assert addr % np.dtype(dtype).itemsize == 0
        begin = addr - MAIN_MEMORY.base_addr
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self.memory[begin : begin + size].view(dtype).reshape(shape)

    def struct(self, kind, addr):
        names = [name for name, _ in layout.STRUCTS[kind]]
        values = self.array(addr, "<u4", len(names))
        return dict(zip(names, values.astype(np.int64).tolist(), strict=True))

    def structs(self, kind, addr, count):
        size = layout.size_bytes(layout.STRUCTS[kind])
        return [self.struct(kind, addr + index * size) for index in range(count)]

    def run(self):
        head = self.header
        assert (head["magic"], head["version"]) == (layout.MAGIC, layout.VERSION)
        assert head["hart_count"] == self.config.harts
        assert head["config_hash"] == int(self.config.hash[:8], 16)
        for fields in self.structs("layer", head["layers_addr"], head["layer_count"]):
            for name in fields:
                if fields[name] >= 1 << 31 and not name.endswith("addr"):
                    fields[name] -= 1 << 32
            if fields["op"] == Op.PROGRAM:
                for group in self.groups(fields):
                    for block in group["blocks"]:
                        self.program(fields, group["hart"], block)
                continue
            for hart, chunk in self.chunks(fields):
                self.run_chunk(fields, hart, chunk)

    def chunks(self, f):
        """(hart, chunk): by the table, or any hart for STEAL."""
        chunks = self.structs("chunk", f["chunks_addr"], f["chunk_count"])
        if f["balance"] == Balance.STEAL:
            return [(index * 7 % self.config.harts, chunk) for index, chunk in enumerate(chunks)]
        first = self.array(f["hart_first_addr"], "<u4", self.config.harts + 1)
        return [
            (hart, chunk)
            for hart in range(self.config.harts)
            for chunk in chunks[first[hart] : first[hart + 1]]
        ]

    def groups(self, f):
        groups = self.structs("group", f["groups_addr"], f["group_count"])
        for group in groups:
            group["blocks"] = self.structs("block", group["block_addr"], group["block_count"])
        return groups

    def tile(self, f, hart, block):
        key = (hart if f["body"] == Body.TIGHT else "loose", block["tile"])
        rows, cols = self.config.tile.rows, self.config.tile.cols
        array = self.tiles.setdefault(key, np.full((rows, cols), 77, np.int8))
        rows = slice(block["row_begin"], block["row_begin"] + block["row_count"])
        return array, rows, slice(block["col_begin"], block["col_begin"] + block["col_count"])

    def program(self, f, hart, block):
        array, rows, cols = self.tile(f, hart, block)
        shape = (block["row_count"], block["col_count"])
        weights = self.array(block["weights_addr"], np.int8, *shape)
        array[rows, cols] = golden.clip_weights(weights, self.config.tile.weight_bits)

    def pixels(self, addr, count, pitch, channels):
        return self.array(addr, np.int8, count * pitch).reshape(count, pitch)[:, :channels]

    def window(self, f, pixel):
        """(kernel index, input pixel's number) of what lies inside the image."""
        y, x = divmod(pixel, f["out_w"])
        for index in range(f["kernel_h"] * f["kernel_w"]):
            row = y * f["stride_h"] - f["pad_top"] + index // f["kernel_w"]
            column = x * f["stride_w"] - f["pad_left"] + index % f["kernel_w"]
            if 0 <= row < f["in_h"] and 0 <= column < f["in_w"]:
                yield index, row * f["in_w"] + column

    def patch(self, f, pixel):
        patch = np.full((f["kernel_h"] * f["kernel_w"], f["in_c"]), f["in_zero_point"], np.int64)
        begin = f["in_addr"]
        for index, source in self.window(f, pixel):
            at = begin + source * f["in_pitch"]
            patch[index] = self.array(at, np.int8, f["in_c"])
        return patch

    def store(self, f, pixel, first, values):
        at = f["out_addr"] + pixel * f["out_pitch"] + first
        clipped = np.clip(values, f["act_min"], f["act_max"])
        self.array(at, np.int8, len(values))[:] = clipped

    def scaled(self, f, acc, entry):
        """Requantised with entries ``entry`` (a slice or an index) of the layer's scales."""
        count = entry.stop if isinstance(entry, slice) else entry + 1
        scale = self.array(f["scale_addr"], "<u4", count)[entry]
        return golden.requantise(acc, scale & ~np.uint32(63), scale & 63) + f["out_zero_point"]

    def run_chunk(self, f, hart, chunk):
        if f["op"] == Op.CONV and chunk["body"] in TILE_BODIES:
            for group in self.groups(f)[chunk["begin"] : chunk["end"]]:
                self.tile_group(f, hart, group, chunk)
            return
        part = slice(chunk["begin"], chunk["end"])
        for pixel in range(chunk["pixel_begin"], chunk["pixel_end"]):
            self.store(f, pixel, chunk["begin"], self.digital(f, pixel, part))

    def tile_group(self, f, hart, group, chunk):
        owner = f["body"] == Body.TIGHT and len({g["hart"] for g in self.groups(f)}) > 1
        assert not owner or group["hart"] == hart
        if f["body"] == Body.STREAM:
            self.check_stream(f, group)
        count = chunk["pixel_end"] - chunk["pixel_begin"]
        first, channels = group["channel_begin"], group["channel_count"]
        sums = np.zeros((count, channels), np.int64)
        for block in group["blocks"]:
            if group["reprogram"]:
                self.program(f, hart, block)
                partial = f["partial_addr"] + f["out_h"] * f["out_w"] * f["partial_pitch"]
                assert partial <= self.header["memory_end_addr"]
            array, rows, cols = self.tile(f, hart, block)
            k = slice(block["k_begin"], block["k_begin"] + block["row_count"])
            for place in range(count):
                x = self.patch(f, chunk["pixel_begin"] + place).ravel()[k].astype(np.int8)
                adc_bits = self.config.tile.adc_bits
                result = golden.tile_mvm(array[rows, cols], x, adc_bits, f["adc_shift"])
                assert not result[channels:].any()
                sums[place] += result[:channels].astype(np.int64) << f["adc_shift"]
        part = slice(first, first + channels)
        bias = self.array(f["bias_addr"], "<i4", f["out_c"])[part]
        for place in range(count):
            acc = (sums[place] + bias).astype(np.uint64).astype(np.uint32).view(np.int32)
            self.store(f, chunk["pixel_begin"] + place, first, self.scaled(f, acc, part))

    def check_stream(self, f, group):
        assert f["band_pixels"] > 0 and f["stream_bytes"] > 0
        assert f["stream_addr"] % 64 == f["stream_bytes"] % 64 == 0
        end = f["stream_addr"] + self.config.harts * f["stream_bytes"]
        assert SCRATCHPAD.base_addr <= f["stream_addr"]
        assert end <= SCRATCHPAD.base_addr + self.config.scratchpad.size_bytes
        assert not group["reprogram"]
        assert len({block["col_count"] for block in group["blocks"]}) == 1
        if f["post"]:
            # The DMA engine moves words.
            assert self.config.tile.post_lanes and len(group["blocks"]) == 1
            assert f["out_addr"] % 4 == f["out_pitch"] % 4 == 0
            assert group["channel_begin"] % 4 == group["channel_count"] % 4 == 0

    def digital(self, f, pixel, part):
        if f["op"] == Op.CONV:
            assert f["weight_pitch"] % 4 == f["weights_addr"] % 4 == 0
            assert f["scratch_bytes"] >= 4 * f["weight_pitch"] + 64
            assert f["scratch_bytes"] % 32 == f["scratch_addr"] % 32 == 0
            x = np.zeros(f["weight_pitch"], np.int64)
            patch = self.patch(f, pixel).ravel()
            x[: patch.size] = patch
            weights = self.pixels(
                f["weights_addr"], f["out_c"], f["weight_pitch"], f["weight_pitch"]
            )
            bias = self.array(f["bias_addr"], "<i4", f["out_c"])
            return self.scaled(f, weights[part].astype(np.int64) @ x + bias[part], part)
        if f["op"] == Op.DWCONV:
            kernel = f["kernel_h"] * f["kernel_w"]
            weights = self.array(f["weights_addr"], np.int8, kernel, f["out_c"])[:, part]
            bias = self.array(f["bias_addr"], "<i4", f["out_c"])[part]
            return self.scaled(f, (self.patch(f, pixel)[:, part] * weights).sum(0) + bias, part)
        source = self.pixels(f["in_addr"], f["in_h"] * f["in_w"], f["in_pitch"], f["in_c"])
        source = source[:, part].astype(np.int64)
        if f["op"] == Op.MAXPOOL:
            return source[[at for _, at in self.window(f, pixel)]].max(0)
        if f["op"] == Op.AVGPOOL:
            inside = [at for _, at in self.window(f, pixel)]
            area = f["kernel_h"] * f["kernel_w"]
            count = area if f["count_include_pad"] else len(inside)
            return self.scaled(f, (source[inside] - f["in_zero_point"]).sum(0), count - 1)
        if f["op"] == Op.GLOBAL_AVGPOOL:
            return self.scaled(f, (source - f["in_zero_point"]).sum(0), 0)
        if f["op"] == Op.CLIP:
            return self.scaled(f, source[pixel] - f["in_zero_point"], 0)
        assert f["op"] == Op.ADD
        other = self.pixels(f["in2_addr"], f["in_h"] * f["in_w"], f["in2_pitch"], f["in_c"])
        total = (source[pixel] - f["in_zero_point"]) * f["add_multiplier_a"]
        total += (other[pixel, part].astype(np.int64) - f["in2_zero_point"]) * f["add_multiplier_b"]
        return np.round(total / 2 ** f["add_shift"]).astype(np.int64) + f["out_zero_point"]
