"""A run as bytes: header, descriptors, tables, weights, activations, and room for results."""

from collections.abc import Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.headers import DCACHE_BYTES
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.mapping.plan import Group
from tightrope.sim.mapping.split import round_up

from .activations import put_activation
from .arena import ALIGN_BYTES, SCRATCH_PHASE_BYTES, Arena, pack_struct
from .checks import check_plan, check_quant_layer
from .descriptor import layer_fields
from .errors import ImageError
from .image import Buffer, Image
from .layout import (
    COUNTER_WORDS,
    IMAGE_ADDR,
    LAYER,
    MAGIC,
    TILE_COUNTER_WORDS,
    VERSION,
    Body,
    Op,
    size_bytes,
)
from .residency import Epoch, epochs, programming_groups
from .steps import Step
from .stream import stream_fields
from .tables import (
    hot_bytes,
    put_block_weights,
    put_chunks,
    put_groups,
    put_scales,
    put_weights,
    weight_pitch,
)

__all__ = ["LOG_BYTES", "build_image"]

LOG_BYTES = 4096
"""Capacity of the firmware's log."""
SCRATCH_MARGIN_BYTES = 64
"""Per hart, beyond four patches or one accumulator per output channel."""
ACTIVATION_STEP_BYTES = 1344
SCRATCH_MIN_BYTES = 2048
"""Per hart: as many patches as may stay in half the data cache, if four are fewer."""


def build_image(
    config: ClusterConfig,
    steps: Sequence[Step],
    inputs: Mapping[str, np.ndarray],
    *,
    input_pitches: Mapping[str, int] | None = None,
) -> Image:
    """Lays out a run of ``steps`` on the machine ``config``.

    ``inputs`` are (h, w, c) int8 by the name that steps use; ``input_pitches`` spreads the pixels
    of some of them (default: as many bytes as channels). Raises ImageError, in a sentence, for
    anything the machine or the firmware could not run, and if its memory is too small.
    """
    if not steps:
        raise ImageError("an image must have at least one step")
    for step in steps:
        check_quant_layer(step.qlayer)
        check_plan(step.qlayer, step.plan, config)
    return _Builder(config, steps).build(inputs, input_pitches or {})


class _Builder:
    """The state of one call of :func:`build_image`."""

    def __init__(self, config: ClusterConfig, steps: Sequence[Step]) -> None:
        self.config = config
        self.steps = steps
        self.epochs = epochs([step.plan for step in steps], config)
        self.arena = Arena(IMAGE_ADDR)
        self.layers_addr = 0
        self.names: list[str] = []
        self.owners: list[int | None] = []
        self.descriptors: list[dict[str, int]] = []
        self.inputs: dict[str, Buffer] = {}
        self.outputs: list[Buffer] = []
        self.weights_addrs: dict[tuple[int, int], tuple[int, ...]] = {}

    def build(self, inputs: Mapping[str, np.ndarray], pitches: Mapping[str, int]) -> Image:
        arena, config = self.arena, self.config
        count = len(self.epochs) + sum(step.qlayer.layer.groups for step in self.steps)
        header_addr = arena.reserve_structs("header", 1)
        self.layers_addr = layers_addr = arena.reserve_structs("layer", count)
        self._put_inputs(inputs, pitches)
        for index, step in enumerate(self.steps):
            self._put_step(index, step)
        assert len(self.descriptors) == count
        tile_count = config.harts * config.tight_tiles_per_hart + config.loose_tiles
        header = {
            "magic": MAGIC,
            "version": VERSION,
            "config_hash": int(config.hash[:8], 16),
            "hart_count": config.harts,
            "layer_count": count,
            "layers_addr": layers_addr,
            "tile_count": tile_count,
            "log_bytes": LOG_BYTES,
            "tight_tiles_per_hart": config.tight_tiles_per_hart,
            "loose_tiles": config.loose_tiles,
            "layer_counters_addr": arena.put(
                bytes(4 * count * config.harts * COUNTER_WORDS), ALIGN_BYTES
            ),
            "tile_counters_addr": arena.put(
                bytes(4 * count * tile_count * TILE_COUNTER_WORDS), ALIGN_BYTES
            ),
            "log_addr": arena.put(bytes(4 + LOG_BYTES), ALIGN_BYTES),
        }
        arena.align(ALIGN_BYTES)
        header["image_bytes"] = len(arena.data)
        header["memory_end_addr"] = self._place_workspace()
        arena.patch(header_addr, pack_struct("header", header))
        for place, fields in enumerate(self.descriptors):
            arena.patch(layers_addr + place * size_bytes(LAYER), pack_struct("layer", fields))
        return self._image(header)

    def _image(self, header: Mapping[str, int]) -> Image:
        memory_end, size = header["memory_end_addr"], self.config.memory.size_bytes
        needed = memory_end - MAIN_MEMORY.base_addr
        if needed > size:
            raise ImageError(f"the image needs {needed} bytes of memory, the machine has {size}")
        return Image(
            config=self.config,
            data=bytes(self.arena.data),
            memory_end=memory_end,
            outputs=tuple(self.outputs),
            inputs=self.inputs,
            step_names=tuple(step.qlayer.layer.name for step in self.steps),
            layer_names=tuple(self.names),
            layer_steps=tuple(self.owners),
            layer_counters_addr=header["layer_counters_addr"],
            tile_counters_addr=header["tile_counters_addr"],
            tile_count=header["tile_count"],
            log_addr=header["log_addr"],
            log_bytes=header["log_bytes"],
        )

    def _put_inputs(self, inputs: Mapping[str, np.ndarray], pitches: Mapping[str, int]) -> None:
        used = {name for step in self.steps for name in step.inputs if isinstance(name, str)}
        missing = sorted(used - set(inputs))
        if missing:
            raise ImageError(f"input {missing[0]!r} is read but was not given")
        for name, array in inputs.items():
            if array.dtype != np.int8 or array.ndim != 3:
                raise ImageError(
                    f"input {name!r} must be (h, w, c) int8, not {array.dtype} {array.shape}"
                )
            shape = (array.shape[0], array.shape[1], array.shape[2])
            self.inputs[name] = self._put_activation(shape, pitches.get(name), array)

    def _put_activation(
        self,
        shape: tuple[int, int, int],
        pitch: int | None,
        content: np.ndarray | None = None,
    ) -> Buffer:
        """Each buffer a third of the data cache further than the last: ADD reads two at once."""
        phase = (len(self.inputs) + len(self.outputs)) * ACTIVATION_STEP_BYTES % DCACHE_BYTES
        self.arena.align(DCACHE_BYTES)
        self.arena.put(bytes(phase))
        return put_activation(self.arena, shape, pitch, content)

    def _put_step(self, index: int, step: Step) -> None:
        for epoch in self.epochs:
            if epoch.steps[0] == index:
                self._put_program(epoch)
        layer = step.qlayer.layer
        sources = [self._source(index, name) for name in step.inputs]
        output = self._put_activation(layer.out_shape, step.out_pitch)
        entries = self._group_entries(index)
        weights = [
            {} if entries else put_weights(self.arena, step.qlayer, group)
            for group in range(layer.groups)
        ]
        self.arena.avoid_stacks(hot_bytes(step.plan, layer.out_shape[2]))
        chunks = put_chunks(self.arena, step.plan)
        for group in range(layer.groups):
            fields = layer_fields(step, sources, output, group) | chunks | weights[group]
            fields |= put_scales(self.arena, step.qlayer, step.plan, self.config, group)
            if entries:
                fields["adc_shift"] = 0 if self.config.tile.adc_bits == 32 else step.plan.adc_shift
                fields |= put_groups(self.arena, entries)
                fields |= stream_fields(step, fields, self.config)
            name = f"{layer.name}[{group}]" if layer.groups > 1 else layer.name
            self._append(name, index, fields)
        self.outputs.append(output)

    def _append(self, name: str, owner: int | None, fields: dict[str, int]) -> None:
        self.names.append(name)
        self.owners.append(owner)
        self.descriptors.append(fields)

    def _put_program(self, epoch: Epoch) -> None:
        work = [
            (index, hart, group)
            for index in epoch.steps
            for hart, group in programming_groups(self.steps[index].plan, self.config)
        ]
        entries = [
            (hart, group, self._weights_of(index, self.steps[index].plan.groups.index(group)))
            for index, hart, group in work
        ]
        fields = {"op": int(Op.PROGRAM), "body": int(epoch.body)}
        fields |= put_groups(self.arena, entries, [self._constants_of(index) for index, *_ in work])
        self._append(f"program {epoch.body.name.lower()}", None, fields)

    def _constants_of(self, index: int) -> int:
        """The address of a step's descriptor if its tiles may requantise; else 0."""
        if self.steps[index].plan.body is not Body.STREAM:
            return 0
        place = sum(step.qlayer.layer.groups for step in self.steps[:index])
        place += sum(epoch.steps[0] <= index for epoch in self.epochs)
        return self.layers_addr + place * size_bytes(LAYER)

    def _group_entries(self, index: int) -> list[tuple[int, Group, tuple[int, ...]]]:
        groups = self.steps[index].plan.groups
        return [
            (group.hart, group, self._weights_of(index, place))
            for place, group in enumerate(groups)
        ]

    def _weights_of(self, index: int, place: int) -> tuple[int, ...]:
        """Weights of one group's blocks, put on first use: PROGRAM and the layer share them."""
        step = self.steps[index]
        if (index, place) not in self.weights_addrs:
            addrs = put_block_weights(self.arena, step.qlayer, step.plan.groups[place])
            self.weights_addrs[index, place] = addrs
        return self.weights_addrs[index, place]

    def _source(self, index: int, name: int | str) -> Buffer:
        if isinstance(name, str):
            return self.inputs[name]
        if not 0 <= name < index:
            raise ImageError(f"step {index} must read an earlier step, not {name!r}")
        return self.outputs[name]

    def _place_workspace(self) -> int:
        """Scratch and partial sums, shared by all layers past the image; returns memory's end."""
        channels = [round_up(step.qlayer.layer.out_shape[2], 4) for step in self.steps]
        pitches = [weight_pitch(step.qlayer) for step in self.steps]
        useful = max(4 * max(pitches + channels), SCRATCH_MIN_BYTES)
        # The same place in every hart's data cache, clear of the stack's.
        scratch_bytes = round_up(useful + SCRATCH_MARGIN_BYTES, DCACHE_BYTES)
        self.arena.align(DCACHE_BYTES)
        scratch_addr = self.arena.end_addr + SCRATCH_PHASE_BYTES
        partial_addr = scratch_addr + self.config.harts * scratch_bytes
        partial_bytes = 0
        for fields, owner in zip(self.descriptors, self.owners, strict=True):
            if owner is None:
                continue
            fields |= {"scratch_addr": scratch_addr, "scratch_bytes": scratch_bytes}
            if any(group.reprogram for group in self.steps[owner].plan.groups):
                pitch = 4 * channels[owner]
                fields |= {"partial_addr": partial_addr, "partial_pitch": pitch}
                pixels = self.steps[owner].qlayer.layer.pixels
                partial_bytes = max(partial_bytes, pixels * pitch)
        return partial_addr + round_up(partial_bytes, ALIGN_BYTES)
