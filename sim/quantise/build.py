"""Puts a network together: steps in order, changes of scale between them, parts side by side."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tightrope.sim.workload.layers import LayerOp

from .layers import quant_layer, requantiser
from .network import QuantNetwork, QuantOutput, QuantStep, QuantTensor, TensorQuant
from .order import element_order
from .reals import RealGraph, RealLayer

__all__ = ["build_network"]


def build_network(graph: RealGraph, quants: Sequence[TensorQuant]) -> QuantNetwork:
    """The network of ``graph`` whose tensors are quantised as ``quants`` says.

    Raises WorkloadError, naming the layer, if scales don't fit the kernels.
    """
    return _Builder(graph, quants).build()


@dataclasses.dataclass(kw_only=True)
class _Place:
    """A tensor that is being placed."""

    name: str
    shape: tuple[int, int, int]
    quant: TensorQuant
    whole: int | None = None
    """The concatenation that it is a part of."""
    channel_begin: int = 0
    """Where in that."""
    read_whole: bool = True
    """Every reader takes it in its own shape, so its pixels may have gaps."""


class _Builder:
    """The state of one call of :func:`build_network`."""

    def __init__(self, graph: RealGraph, quants: Sequence[TensorQuant]):
        self.graph = graph
        self.quants = quants
        self.label = graph.model.label
        self.places: list[_Place] = []
        self.steps: list[QuantStep] = []
        self.index: list[int] = []
        self.changed: dict[tuple[int, TensorQuant], int] = {}

    def build(self) -> QuantNetwork:
        model = self.graph.model
        self.index.append(self._add(model.input_name, model.input.hwc, self.quants[0]))
        for position, real in enumerate(self.graph.layers):
            quant = self.quants[position + 1]
            made = self._concat(real, quant) if real.is_concat else self._layer(real, quant)
            self.index.append(made)
            self.places[made].read_whole = self._read_whole(position + 1)
        tensors, buffers = self._buffers()
        return QuantNetwork(
            network=model.network,
            tensors=tensors,
            buffers=buffers,
            steps=tuple(self.steps),
            outputs=tuple(self._outputs()),
            input_shape=model.input.shape,
            input_axis=min(model.input.axis, len(model.input.shape) - 1),
            notes=(*model.network.notes, *self.graph.notes),
        )

    def _add(self, name: str, shape: tuple[int, int, int], quant: TensorQuant) -> int:
        self.places.append(_Place(name=name, shape=shape, quant=quant))
        return len(self.places) - 1

    def _layer(self, real: RealLayer, quant: TensorQuant) -> int:
        layer = real.layer
        wanted = real.in_quants or (None,) * len(real.sources)
        inputs = [self._edge(s, q) for s, q in zip(real.sources, wanted, strict=True)]
        in_quants = [self.places[tensor].quant for tensor in inputs]
        own = in_quants[0] if layer.op is LayerOp.MAXPOOL else quant
        qlayer = quant_layer(self.label, real, in_quants, own)
        made = self._add(layer.name, layer.out_shape, own)
        self.steps.append(QuantStep(qlayer=qlayer, inputs=tuple(inputs), output=made))
        return self._changed(made, quant)

    def _edge(self, source: int, wanted: TensorQuant | None) -> int:
        """The tensor that a layer reads for ``source``, whose scale it may want changed."""
        tensor = self.index[source]
        return tensor if wanted is None else self._changed(tensor, wanted)

    def _changed(self, tensor: int, quant: TensorQuant) -> int:
        """The tensor itself, or a copy that is quantised as ``quant`` says."""
        if self.places[tensor].quant == quant:
            return tensor
        if (tensor, quant) not in self.changed:
            place = self.places[tensor]
            name = f"{place.name}.requantised{len(self.changed)}"
            self.changed[tensor, quant] = self._copy(name, tensor, place.shape, quant)
        return self.changed[tensor, quant]

    def _copy(self, name: str, tensor: int, shape: tuple[int, int, int], quant: TensorQuant) -> int:
        qlayer = requantiser(self.label, name, shape, self.places[tensor].quant, quant)
        made = self._add(name, shape, quant)
        self.steps.append(QuantStep(qlayer=qlayer, inputs=(tensor,), output=made))
        return made

    def _concat(self, real: RealLayer, quant: TensorQuant) -> int:
        """The whole; parts are made in place, or copied there."""
        height, width, channels = real.layer.out_shape
        parts: list[int] = []
        for number, source in enumerate(real.sources):
            tensor = self.index[source]
            place = self.places[tensor]
            shape = (height, width, int(np.prod(place.shape)) // (height * width))
            in_place = (
                tensor != 0
                and tensor not in parts
                and place.whole is None
                and place.read_whole
                and place.shape == shape
                and place.quant == quant
            )
            name = f"{real.layer.name}.part{number}"
            parts.append(tensor if in_place else self._copy(name, tensor, shape, quant))
        whole = self._add(real.layer.name, (height, width, channels), quant)
        begin = 0
        for part in parts:
            self.places[part].whole, self.places[part].channel_begin = whole, begin
            begin += self.places[part].shape[2]
        return whole

    def _read_whole(self, source: int) -> bool:
        """Whether no layer reads a tensor in another shape than that it has."""
        shape = self.places[self.index[source]].shape
        return all(
            real.is_concat or real.layer.in_shape == shape
            for real in self.graph.layers
            if source in real.sources
        )

    def _buffers(self) -> tuple[tuple[QuantTensor, ...], tuple[tuple[int, int, int], ...]]:
        """Tensors with their places, and (h, w, pitch) of each buffer."""
        buffers: list[tuple[int, int, int]] = []
        numbers: dict[int, int] = {}
        for index, place in enumerate(self.places):
            if place.whole is None:
                numbers[index] = len(buffers)
                buffers.append(place.shape)
        tensors = []
        for index, place in enumerate(self.places):
            begin, whole = place.channel_begin, index
            while self.places[whole].whole is not None:
                whole = self.places[whole].whole
                begin += self.places[whole].channel_begin
            tensors.append(
                QuantTensor(
                    name=place.name,
                    shape=place.shape,
                    quant=place.quant,
                    buffer=numbers[whole],
                    channel_begin=begin,
                )
            )
        return tuple(tensors), tuple(buffers)

    def _outputs(self) -> list[QuantOutput]:
        model = self.graph.model
        outputs = []
        for name, (source, value) in self.graph.outputs.items():
            origin = model.input if value.layer is None else model.drafts[value.layer].output
            order = element_order(origin, value)
            outputs.append(QuantOutput(name=name, tensor=self.index[source], order=order))
        return outputs
