"""A run as bytes: header, descriptors, tables, weights, activations, and room for results."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.memmap import MAIN_MEMORY

from .arena import ALIGN_BYTES, Arena, pack_struct, pack_words
from .checks import check_plan, check_quant_layer
from .constants import Constants
from .descriptor import layer_fields
from .errors import ImageError
from .image import Buffer, Image
from .layout import (
    COUNTER_WORDS,
    IMAGE_ADDR,
    LAYER,
    MACHINE_COUNTER_WORDS,
    MAGIC,
    TILE_COUNTER_WORDS,
    VERSION,
    Body,
    Op,
    size_bytes,
)
from .pipeline import Pipeline, check_pipeline, stage_edges
from .residency import Epoch, epochs, programming_groups
from .seal import END_MARK_BYTES, seal
from .steps import Step
from .storage import Separate, Shared, Storage
from .stream import share_scratchpad, stream_fields
from .tables import put_groups
from .workspace import place_workspace

__all__ = ["LOG_BYTES", "build_image"]

LOG_BYTES = 4096
"""Capacity of the firmware's log."""


def build_image(
    config: ClusterConfig,
    steps: Sequence[Step],
    inputs: Mapping[str, np.ndarray],
    *,
    input_pitches: Mapping[str, int] | None = None,
    keep: Collection[int] | None = None,
    pipeline: Pipeline | None = None,
) -> Image:
    """Lays out a run of ``steps`` on the machine ``config``.

    ``inputs`` are (h, w, c) int8 by the name that steps use; ``input_pitches`` spreads the pixels
    of some of them (default: as many bytes as channels). With ``keep``, activations share memory
    and only the outputs of those steps can be read after the run; without, every one has its own.
    With ``pipeline``, layers belong to harts, and the run has two descriptors: programming, if
    there are tiles, and all the rest, which counts as step 0. Raises ImageError, in a sentence, for
    anything the machine or the firmware could not run, and if its memory is too small.
    """
    if not steps:
        raise ImageError("an image must have at least one step")
    for step in steps:
        check_quant_layer(step.qlayer)
        check_plan(step.qlayer, step.plan, config)
    if pipeline is not None:
        check_pipeline(pipeline, steps, config.harts)
    builder = _Builder(config, steps, pipeline)
    return builder.build(inputs, input_pitches or {}, keep)


class _Builder:
    """The state of one call of :func:`build_image`."""

    def __init__(
        self, config: ClusterConfig, steps: Sequence[Step], pipeline: Pipeline | None
    ) -> None:
        self.config = config
        self.steps = steps
        self.pipeline = pipeline
        self.epochs = epochs(steps, config)
        self.arena = Arena(IMAGE_ADDR)
        self.layers_addr = 0
        self.names: list[str] = []
        self.owners: list[int | None] = []
        self.descriptors: list[dict[str, int]] = []
        self.computing: list[tuple[Step, dict[str, int]]] = []
        self.outputs: list[Buffer] = []
        self.constants = Constants(self.arena, config)

    def build(
        self,
        inputs: Mapping[str, np.ndarray],
        pitches: Mapping[str, int],
        keep: Collection[int] | None,
    ) -> Image:
        arena, config = self.arena, self.config
        in_steps = sum(step.qlayer.layer.groups for step in self.steps)
        count = len(self.epochs) + (1 if self.pipeline else in_steps)
        header_addr = arena.reserve_structs("header", 1)
        self.layers_addr = layers_addr = arena.reserve_structs("layer", count)
        self._check_inputs(inputs)
        storage = self._storage(inputs, pitches, keep)
        for index, step in enumerate(self.steps):
            self._put_step(index, step, storage)
        stage_layers = self._fold_pipeline() if self.pipeline else []
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
            "machine_counters_addr": arena.put(
                bytes(4 * count * MACHINE_COUNTER_WORDS), ALIGN_BYTES
            ),
            "log_addr": arena.put(bytes(4 + LOG_BYTES), ALIGN_BYTES),
        }
        arena.put(bytes(END_MARK_BYTES), ALIGN_BYTES)
        header["image_bytes"] = len(arena.data)
        header["memory_end_addr"] = place_workspace(
            arena.end_addr, self.computing, config.harts
        )
        arena.patch(header_addr, pack_struct("header", header))
        self._patch_layers(layers_addr, self.descriptors)
        if stage_layers:
            self._patch_layers(self.descriptors[-1]["stage_layers_addr"], stage_layers)
        seal(arena.data)
        return self._image(header, storage, inputs)

    def _storage(
        self,
        inputs: Mapping[str, np.ndarray],
        pitches: Mapping[str, int],
        keep: Collection[int] | None,
    ) -> Storage:
        if keep is None:
            return Separate(self.arena, self.steps, inputs, pitches)
        when = [self.pipeline.beat(i) if self.pipeline else i for i in range(len(self.steps))]
        return Shared(self.arena, self.steps, inputs, pitches, keep, when.__getitem__)

    def _fold_pipeline(self) -> list[dict[str, int]]:
        """Takes the steps' descriptors out of the table; one that stands for all goes in."""
        assert self.pipeline is not None
        if len({epoch.body for epoch in self.epochs}) < len(self.epochs):
            raise ImageError("what a pipeline keeps on tiles must fit them all at once")
        places = range(len(self.owners))
        kept = [place for place in places if self.owners[place] is None]
        stage_layers = [self.descriptors[place] for place in places if place not in kept]
        self.names = [self.names[place] for place in kept]
        self.descriptors = [self.descriptors[place] for place in kept]
        self.owners = [None] * len(kept)
        edges = stage_edges(self.pipeline, self.steps, self.config.harts)
        fields = {
            "op": int(Op.PIPELINE),
            "body": int(Body.STREAM if share_scratchpad(stage_layers) else Body.DOT4),
            "pipeline_inputs": self.pipeline.inputs,
            "stages_addr": self.arena.put(pack_words(edges)),
            "stage_layers_addr": self.arena.reserve_structs("layer", len(stage_layers)),
        }
        self._append("pipeline", 0, fields)
        return stage_layers

    def _patch_layers(self, addr: int, descriptors: Sequence[Mapping[str, int]]) -> None:
        for place, fields in enumerate(descriptors):
            self.arena.patch(addr + place * size_bytes(LAYER), pack_struct("layer", fields))

    def _image(
        self, header: Mapping[str, int], storage: Storage, inputs: Mapping[str, np.ndarray]
    ) -> Image:
        memory_end, size = header["memory_end_addr"], self.config.memory.size_bytes
        needed = memory_end - MAIN_MEMORY.base_addr
        if needed > size:
            raise ImageError(f"the image needs {needed} bytes of memory, the machine has {size}")
        return Image(
            config=self.config,
            data=bytes(self.arena.data),
            memory_end=memory_end,
            outputs=tuple(self.outputs),
            inputs={name: storage.buffers[name] for name in inputs},
            step_names=tuple(step.qlayer.layer.name for step in self.steps),
            layer_names=tuple(self.names),
            layer_steps=tuple(self.owners),
            layer_counters_addr=header["layer_counters_addr"],
            tile_counters_addr=header["tile_counters_addr"],
            machine_counters_addr=header["machine_counters_addr"],
            tile_count=header["tile_count"],
            log_addr=header["log_addr"],
            log_bytes=header["log_bytes"],
            activations=(
                min(buffer.span_addr for buffer in storage.buffers.values()),
                max(buffer.span_end_addr for buffer in storage.buffers.values()),
            ),
        )

    def _check_inputs(self, inputs: Mapping[str, np.ndarray]) -> None:
        made = {step.joint for step in self.steps}
        used = {name for step in self.steps for name in step.inputs if isinstance(name, str)}
        missing = sorted(used - set(inputs) - made)
        if missing:
            raise ImageError(f"input {missing[0]!r} is read but was not given")
        for name, array in inputs.items():
            if array.dtype != np.int8 or array.ndim != 3:
                raise ImageError(
                    f"input {name!r} must be (h, w, c) int8, not {array.dtype} {array.shape}"
                )

    def _put_step(self, index: int, step: Step, storage: Storage) -> None:
        for epoch in self.epochs:
            if epoch.steps[0] == index:
                self._put_program(epoch)
        layer = step.qlayer.layer
        sources = [storage.source(index, name) for name in step.inputs]
        output = storage.output(index)
        for group, constants in enumerate(self.constants.fields(step)):
            name = f"{layer.name}[{group}]" if layer.groups > 1 else layer.name
            fields = layer_fields(step, sources, output, group) | constants
            fields |= stream_fields(step, fields, self.config)
            self.computing.append((step, fields))
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
            (hart, group, self.constants.weights(self.steps[index], group))
            for index, hart, group in work
        ]
        fields = {"op": int(Op.PROGRAM), "body": int(epoch.body)}
        fields |= put_groups(self.arena, entries, [self._constants_of(index) for index, *_ in work])
        self._append(f"program {epoch.body.name.lower()}", None, fields)

    def _constants_of(self, index: int) -> int:
        """The address of a step's descriptor if its tiles may requantise; else 0.

        A pipeline's descriptors have no place yet.
        """
        if self.steps[index].plan.body is not Body.STREAM or self.pipeline:
            return 0
        place = sum(step.qlayer.layer.groups for step in self.steps[:index])
        place += sum(epoch.steps[0] <= index for epoch in self.epochs)
        return self.layers_addr + place * size_bytes(LAYER)
