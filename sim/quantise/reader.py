"""From an imported model to layers on real numbers, refusing what int8 kernels can't run."""

import dataclasses
from typing import NoReturn

import numpy as np
from onnx import TensorProto
from tightrope.sim.workload.builder import Draft
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.model import Model
from tightrope.sim.workload.model_file import first_line
from tightrope.sim.workload.values import Value

from .affine import activation_limits, join, own_affine
from .formats import own_formats, value_formats
from .network import TensorQuant
from .order import in_place
from .reals import RealGraph, RealLayer, smallest_window
from .weights import Weights, read_weights

__all__ = ["read_graph"]

HOST_OPS = ("Softmax", "LogSoftmax", "QLinearSoftmax")
"""Left to the host at the end of a network."""
INTEGER_OPS = ("MaxPool", "GlobalMaxPool", "Concat")
"""They compute the same on integers as on the numbers meant."""


def read_graph(model: Model, rng: np.random.Generator) -> RealGraph:
    """The layers of ``model`` with their constants, as channels-last arrays.

    ``rng`` makes the weights of files that hold none. Raises WorkloadError, naming node and
    operator, for what the int8 kernels can't run.
    """
    return _Reader(model, rng).read()


class _Reader:
    """The state of one call of :func:`read_graph`."""

    def __init__(self, model: Model, rng: np.random.Generator):
        self.model = model
        self.rng = rng
        self.tensors: dict[int | None, int] = {None: 0}
        self.origins: list[Value] = [model.input]
        self.stated: list[TensorQuant | None] = [None]
        self.layers: list[RealLayer] = []
        self.integer = [model.input_type in (TensorProto.INT8, TensorProto.UINT8)]
        self.tied: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.blank_count = 0

    def read(self) -> RealGraph:
        last = self._host_layers()
        for index, draft in enumerate(self.model.drafts):
            if index not in last:
                self._read_guarded(index, draft)
        outputs = self._outputs(last)
        self._check_ties()
        if self.blank_count:
            self.notes.append(
                f"The file holds no weights for {self.blank_count} layer(s); they got seeded ones."
            )
        return RealGraph(
            model=self.model,
            layers=tuple(self.layers),
            stated=tuple(self.stated),
            outputs=outputs,
            notes=tuple(self.notes),
        )

    def _outputs(self, last: dict[int | None, Value]) -> dict[str, tuple[int, Value]]:
        """The network's outputs, each the tensor and how ONNX sees it."""
        outputs = {}
        for name, value in self.model.outputs.items():
            if value.constant or any(value.pads):
                raise WorkloadError(
                    f"{self.model.label}: the output {name!r} is constant, or a padded tensor"
                )
            if value.layer in last:
                value = last[value.layer]
            tensor = self.tensors[value.layer]
            self._state_chain(tensor, value_formats(self.model, value))
            outputs[name] = (tensor, value)
        return outputs

    def _check_ties(self) -> None:
        """What moves integers keeps their scale."""
        for source, made in self.tied:
            both = self.stated[source], self.stated[made]
            if None not in both and both[0] != both[1]:
                name = self.model.drafts[self.origins[made].layer or 0].node.name
                raise WorkloadError(
                    f"{self.model.label}: node {name!r} moves integers of one scale or zero point "
                    "to where another holds"
                )

    def _host_layers(self) -> dict[int | None, Value]:
        """Layers at the end that the host computes, and what they read."""
        read = {source.layer for draft in self.model.drafts for source in draft.sources}
        found: dict[int | None, Value] = {}
        for index, draft in enumerate(self.model.drafts):
            if draft.node.source_op in HOST_OPS and index not in read:
                found[index] = draft.sources[0]
                self.notes.append(
                    f"Node {draft.node.name!r} ({draft.node.source_op}) is left to the host."
                )
        return found

    def _read_guarded(self, index: int, draft: Draft) -> None:
        """Constants come from a file: whatever numpy makes of them is that node's fault."""
        try:
            self._read_draft(index, draft)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            if isinstance(error, WorkloadError):
                raise
            self._fail(draft, f"has constants that make no sense: {first_line(error)}")

    def _read_draft(self, index: int, draft: Draft) -> None:
        layer, constants = draft.layer, self.model.constants
        is_concat = draft.node.op == "Concat"
        sources = tuple(self.tensors[value.layer] for value in draft.sources)
        weights = self._weights(draft, sources)
        if weights is not None and not layer.has_weights:
            layer = dataclasses.replace(layer, op=LayerOp.DWCONV)
        in_quants = self._state_formats(index, draft, sources)
        low, high = activation_limits(constants, draft)
        weights, low, high = join(constants, draft, weights, low, high)
        if is_concat:
            self._check_concat(draft)
        if layer.op is not LayerOp.DENSE:
            self._check_order(draft, sources)
        if layer.op in (LayerOp.AVGPOOL, LayerOp.MAXPOOL) and not smallest_window(layer):
            self._fail(draft, "has a window that lies outside the image")
        self.layers.append(
            RealLayer(
                layer=layer,
                sources=sources,
                weights=weights,
                low=low,
                high=high,
                count_include_pad=self._counts_pads(draft),
                in_quants=in_quants,
                is_concat=is_concat,
            )
        )

    def _weights(self, draft: Draft, sources: tuple[int, ...]) -> Weights | None:
        """A layer's weights; None for a layer without that has a kernel."""
        constants = self.model.constants
        if draft.layer.has_weights:
            weights = read_weights(constants, draft, self.origins[sources[0]], self.rng)
            self.blank_count += weights.blank
            return weights
        if draft.layer.op is not LayerOp.ELEMENTWISE or draft.node.op == "Concat":
            return None
        weights = own_affine(constants, draft)
        if weights is None:
            self._fail(draft, "has no int8 kernel")
        return weights

    def _state_formats(
        self, index: int, draft: Draft, sources: tuple[int, ...]
    ) -> tuple[TensorQuant | None, ...]:
        """Note the output as a tensor; what its inputs are quantised to."""
        node = draft.node
        own, made = own_formats(self.model.constants, node, len(sources))
        in_quants: list[TensorQuant | None] = []
        for tensor, value, quant in zip(sources, draft.sources, own, strict=True):
            chain = value_formats(self.model, value)
            if quant is not None and chain and chain[-1] != quant:
                self._fail(draft, "takes integers of one scale or zero point for another's")
            chain = chain or [quant] * (quant is not None)
            self._state_chain(tensor, chain)
            in_quants.append(chain[-1] if chain else None)
            if quant is None and self._is_integer(tensor, value):
                if node.op not in INTEGER_OPS:
                    self._fail(draft, "computes on integers without their scale")
                self.tied.append((tensor, len(self.origins)))
        self.tensors[index] = len(self.origins)
        self.origins.append(draft.output)
        self.stated.append(made)
        is_tied = any(tensor == self.tensors[index] for _, tensor in self.tied)
        self.integer.append(made is not None or is_tied)
        for joined, value in draft.joined:
            self._state_chain(self.tensors[index], value_formats(self.model, value))
            if self._is_integer(self.tensors[index], value):
                raise WorkloadError(
                    f"{self.model.label}: node {joined.name!r} ({joined.source_op}) has no int8 "
                    "kernel for integers and a constant"
                )
        return tuple(in_quants)

    def _is_integer(self, tensor: int, value: Value) -> bool:
        """Whether the file computes with a tensor's integers here, and not with what they mean."""
        if value.formats:
            return value.formats[-1].op == "QuantizeLinear"
        return self.integer[tensor]

    def _state_chain(self, tensor: int, chain: list[TensorQuant]) -> None:
        """Take the first of the formats as the tensor's own."""
        if not chain:
            return
        stated = self.stated[tensor]
        if stated is not None and stated != chain[0]:
            maker = self.origins[tensor].layer
            name = "input" if maker is None else self.model.drafts[maker].node.name
            raise WorkloadError(
                f"{self.model.label}: the output of {name!r} is quantised in two ways"
            )
        self.stated[tensor] = chain[0]

    def _check_concat(self, draft: Draft) -> None:
        rank = len(draft.output.shape)
        if len(draft.sources) != len([name for name in draft.node.inputs if name]):
            self._fail(draft, "has a constant operand, which has no int8 kernel")
        if draft.node.attribute("axis", 1) % rank != draft.output.axis:
            self._fail(draft, "joins something else than channels, which has no int8 kernel")

    def _check_order(self, draft: Draft, sources: tuple[int, ...]) -> None:
        for tensor, value in zip(sources, draft.sources, strict=True):
            if not in_place(self.origins[tensor], value):
                self._fail(draft, "reads its input in another order, which has no int8 kernel")

    def _counts_pads(self, draft: Draft) -> bool:
        layer, node = draft.layer, draft.node
        if layer.op is not LayerOp.AVGPOOL or not any(layer.pads):
            return False
        counts = bool(node.attribute("count_include_pad", 0))
        if counts and tuple(node.attribute("pads") or layer.pads) != layer.pads:
            self._fail(draft, "counts pads and rounds its size up, which has no int8 kernel")
        return counts

    def _fail(self, draft: Draft, what: str) -> NoReturn:
        node = draft.node
        raise WorkloadError(f"{self.model.label}: node {node.name!r} ({node.source_op}) {what}")
