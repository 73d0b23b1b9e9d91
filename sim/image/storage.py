"""Where the activations of a run lie: each by itself between guards, or sharing memory in turn."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from tightrope.hw.headers import DCACHE_BYTES
from tightrope.sim.operations import OPERATIONS

from .activations import pixel_view, put_activation
from .arena import ALIGN_BYTES, Arena
from .errors import ImageError
from .image import GUARD_BYTE, GUARD_BYTES, Buffer
from .lifetimes import Span, place_spans
from .steps import Part, Step, joint_shapes

__all__ = ["Separate", "Shared", "Storage"]

ACTIVATION_STEP_BYTES = 1344
"""From one separate buffer to the next, in rounds of the data cache: ADD reads two at once."""

Key = int | str
"""A step's index, or the name of an input or a joint."""


class Storage:
    """Buffers by the names that steps use."""

    def __init__(self, steps: Sequence[Step], inputs: Mapping[str, np.ndarray]) -> None:
        self.steps = steps
        self.joints = joint_shapes(steps)
        twice = sorted(set(self.joints) & set(inputs))
        if twice:
            raise ImageError(f"{twice[0]!r} can't be both an input and a joint")
        self.buffers: dict[Key, Buffer] = {}

    def output(self, index: int) -> Buffer:
        """Where step ``index`` writes."""
        step = self.steps[index]
        if step.joint is None:
            return self._whole(index, step.qlayer.layer.out_shape, step.out_pitch)
        if step.out_pitch is not None:
            raise ImageError(f"step {index} writes to a joint, whose pitch is its own")
        whole = self._whole(step.joint, self.joints[step.joint], None)
        shape = step.qlayer.layer.out_shape
        return dataclasses.replace(whole, addr=whole.addr + step.joint_channel, shape=shape)

    def source(self, index: int, name: Key | Part) -> Buffer:
        """What step ``index`` reads as ``name``, which is there already."""
        if isinstance(name, Part):
            whole = self.source(index, name.joint)
            if not 0 <= name.channel_begin <= whole.shape[2] - name.channels:
                raise ImageError(f"step {index} reads {name}, of {whole.shape[2]} channels")
            shape = (*whole.shape[:2], name.channels)
            return dataclasses.replace(whole, addr=whole.addr + name.channel_begin, shape=shape)
        if isinstance(name, int) and not 0 <= name < index:
            raise ImageError(f"step {index} must read an earlier step, not {name!r}")
        if isinstance(name, int) and self.steps[name].joint is not None:
            return self.output(name)
        if name not in self.buffers:
            raise ImageError(f"step {index} reads {name!r}, which nobody has written")
        return self.buffers[name]

    def _whole(self, key: Key, shape: tuple[int, int, int], pitch: int | None) -> Buffer:
        raise NotImplementedError


class Separate(Storage):
    """A buffer for everything, so that all can be looked at after the run."""

    def __init__(
        self,
        arena: Arena,
        steps: Sequence[Step],
        inputs: Mapping[str, np.ndarray],
        pitches: Mapping[str, int],
    ) -> None:
        super().__init__(steps, inputs)
        self.arena = arena
        for name, array in inputs.items():
            self._put(name, _shape(array), pitches.get(name), array)

    def _whole(self, key: Key, shape: tuple[int, int, int], pitch: int | None) -> Buffer:
        return self.buffers[key] if key in self.buffers else self._put(key, shape, pitch)

    def _put(
        self,
        key: Key,
        shape: tuple[int, int, int],
        pitch: int | None,
        content: np.ndarray | None = None,
    ) -> Buffer:
        phase = len(self.buffers) * ACTIVATION_STEP_BYTES % DCACHE_BYTES
        self.arena.align(DCACHE_BYTES)
        self.arena.put(bytes(phase))
        self.buffers[key] = put_activation(self.arena, shape, pitch, content)
        return self.buffers[key]


class Shared(Storage):
    """Memory is used again when nobody reads what is there; ``keep`` outlives the run.

    ``when`` tells when a step runs; what runs at the same time lies apart. ADD and CLIP write where
    they read, if nobody else reads that later.
    """

    def __init__(
        self,
        arena: Arena,
        steps: Sequence[Step],
        inputs: Mapping[str, np.ndarray],
        pitches: Mapping[str, int],
        keep: Collection[int],
        when: Callable[[int], int] = lambda index: index,
    ) -> None:
        super().__init__(steps, inputs)
        shapes: dict[Key, tuple[tuple[int, int, int], int]] = {}
        for name, array in inputs.items():
            shape = _shape(array)
            shapes[name] = (shape, pitches.get(name) or shape[2])
        for index, step in enumerate(steps):
            if step.joint is None:
                shape = step.qlayer.layer.out_shape
                shapes[index] = (shape, step.out_pitch or shape[2])
            else:
                shape = self.joints[step.joint]
                shapes[step.joint] = (shape, shape[2])
        lives = _lifetimes(steps, shapes, keep)
        hosts = _in_place(steps, shapes, lives, inputs)
        for key, host in hosts.items():
            lives[host] = (lives[host][0], max(lives[host][1], lives[key][1]))
        own = [key for key in shapes if key not in hosts]
        end = 1 + max(map(when, range(len(steps))))
        beside = _read_together(own, steps, hosts)
        spans = []
        for key in own:
            first, last = lives[key]
            spans.append(
                Span(
                    size_bytes=_span_bytes(*shapes[key]),
                    first=-1 if first < 0 else when(first),
                    last=end if last >= len(steps) else when(max(last, 0)),
                    beside=tuple(beside[key]),
                )
            )
        offsets, size = place_spans(spans)
        begin = arena.align(DCACHE_BYTES)
        arena.put(np.full(size + -size % ALIGN_BYTES, GUARD_BYTE, np.uint8))
        places = dict(zip(own, offsets, strict=True))
        for key, (shape, pitch) in shapes.items():
            self.buffers[key] = Buffer(
                addr=begin + places[hosts.get(key, key)] + GUARD_BYTES,
                shape=shape,
                pitch=pitch,
                span_addr=begin,
                span_end_addr=arena.end_addr,
            )
        for name, array in inputs.items():
            _fill(arena, self.buffers[name], array)

    def _whole(self, key: Key, shape: tuple[int, int, int], pitch: int | None) -> Buffer:
        return self.buffers[key]


def _shape(array: np.ndarray) -> tuple[int, int, int]:
    return (array.shape[0], array.shape[1], array.shape[2])


def _home(steps: Sequence[Step], name: Key | Part) -> Key:
    """What holds the bytes that ``name`` means: a step that writes to a joint has no buffer."""
    if isinstance(name, Part):
        return name.joint
    joint = steps[name].joint if isinstance(name, int) else None
    return name if joint is None else joint


def _lifetimes(
    steps: Sequence[Step], shapes: Mapping[Key, object], keep: Collection[int]
) -> dict[Key, tuple[int, int]]:
    """First and last step that needs each; inputs are there before the first step."""
    lives = {key: (-1, -1) for key in shapes if isinstance(key, str)}
    for index, step in enumerate(steps):
        home = _home(steps, index)
        first, last = lives.get(home, (-1, -1))
        last = max(last, len(steps) if index in keep else index)
        lives[home] = (index if first < 0 else first, last)
        for name in step.inputs:
            source = _home(steps, name)
            if source not in lives:
                raise ImageError(f"step {index} reads {name!r}, which nobody has written")
            lives[source] = (lives[source][0], max(lives[source][1], index))
    return lives


def _in_place(steps, shapes, lives, inputs) -> dict[Key, Key]:
    """Outputs that take the place of one of their inputs, and whose."""
    hosts: dict[Key, Key] = {}
    for index, step in enumerate(steps):
        if not OPERATIONS[step.qlayer.layer.op].in_place or step.joint is not None:
            continue
        for name in step.inputs:
            source = _home(steps, name)
            dies = isinstance(source, int) and lives[source][1] == index
            if dies and shapes[source] == shapes[index]:
                hosts[index] = hosts.get(source, source)
                break
    return hosts


def _read_together(own, steps, hosts) -> dict[Key, set[int]]:
    """For each buffer, the places in ``own`` of those that some step reads with it."""
    places = {key: place for place, key in enumerate(own)}
    beside: dict[Key, set[int]] = {key: set() for key in own}
    for step in steps:
        homes = [_home(steps, name) for name in step.inputs]
        homes = [hosts.get(home, home) for home in homes]
        for home in homes:
            beside[home] |= {places[other] for other in homes if other != home}
    return beside


def _span_bytes(shape: tuple[int, int, int], pitch: int) -> int:
    size = 2 * GUARD_BYTES + shape[0] * shape[1] * pitch
    return size + -size % ALIGN_BYTES


def _fill(arena: Arena, buffer: Buffer, content: np.ndarray) -> None:
    raw = np.full(buffer.shape[0] * buffer.shape[1] * buffer.pitch, GUARD_BYTE, np.uint8)
    whole = dataclasses.replace(buffer, span_addr=buffer.addr)
    pixel_view(raw, whole)[:] = content.view(np.uint8).reshape(-1, buffer.shape[2])
    arena.patch(buffer.addr, raw.tobytes())
