"""What a layer of one of ALPINE's networks asks of a core, digital or with a tile."""

from tightrope.sim.workload.layers import Layer, LayerOp

from .core import Assumptions, System, Work
from .errors import ReproduceError

__all__ = ["layer_work"]


def layer_work(
    layer: Layer,
    system: System,
    assumed: Assumptions,
    *,
    on_tile: bool,
    cores: float = 1,
    llc_holds_weights: bool = False,
) -> Work:
    """One of ``cores`` cores that share the layer's channels, for one inference.

    Each of them reads (on tiles: queues) all inputs.
    """
    if not layer.has_weights:
        return Work(instructions=_elementwise(layer, assumed) / cores)
    if on_tile:
        return _on_tile(layer, assumed, cores)
    return _digital(layer, system, assumed, cores, llc_holds_weights)


def _on_tile(layer: Layer, assumed: Assumptions, cores: float) -> Work:
    """Each output pixel is one MVM: patch in, share of the channels out."""
    channels = layer.out_shape[2] / cores
    each = layer.patch * assumed.queue_instructions + channels * assumed.dequeue_instructions
    return Work(
        instructions=layer.pixels * each + _gather(layer, assumed),
        port_bytes=layer.pixels * (layer.patch + channels),
        mvms=layer.pixels,
        mvm_rows=layer.pixels * layer.patch,
        mvm_cols=layer.pixels * channels,
        mvm_cells=layer.macs / cores,
    )


def _digital(
    layer: Layer, system: System, assumed: Assumptions, cores: float, llc_holds_weights: bool
) -> Work:
    """Products of matrix and vector, one output pixel after the other.

    Weights that fit in L1 are read once per inference, all others once per pixel.
    """
    products = layer.macs / cores * assumed.mac_instructions
    outputs = layer.pixels * layer.out_shape[2] / cores
    weight_bytes = layer.params / cores
    read_bytes = weight_bytes * (1 if weight_bytes <= system.l1_bytes else layer.pixels)
    return Work(
        instructions=products + outputs * assumed.requantise_instructions + _gather(layer, assumed),
        product_instructions=products,
        llc_bytes=read_bytes if llc_holds_weights else 0.0,
        dram_bytes=0.0 if llc_holds_weights else read_bytes,
    )


def _gather(layer: Layer, assumed: Assumptions) -> float:
    if layer.op is LayerOp.DENSE:
        return 0.0
    patch = layer.patch * (layer.out_shape[2] if layer.op is LayerOp.DWCONV else layer.groups)
    return layer.pixels * patch * assumed.gather_instructions


def _elementwise(layer: Layer, assumed: Assumptions) -> float:
    """Instructions. Concatenations are free: what they join is written side by side."""
    height, width, channels = layer.out_shape
    elements = height * width * channels
    if layer.op in (LayerOp.MAXPOOL, LayerOp.AVGPOOL):
        return elements * layer.kernel[0] * layer.kernel[1] * assumed.pool_instructions
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        return layer.in_shape[0] * layer.in_shape[1] * channels * assumed.pool_instructions
    each = {
        "Add": assumed.requantise_instructions,
        "Sum": assumed.requantise_instructions,
        "Concat": 0.0,
        "Relu": assumed.relu_instructions,
        "Clip": assumed.relu_instructions,
        "Sigmoid": assumed.function_instructions,
        "Tanh": assumed.function_instructions,
        "Softmax": assumed.function_instructions,
        "Mul": assumed.combine_instructions,
        "LRN": assumed.lrn_instructions,
    }
    if layer.source_op not in each:
        raise ReproduceError(
            f"layer {layer.name}: nothing is assumed of {layer.source_op} on ALPINE's cores"
        )
    return elements * each[layer.source_op]
