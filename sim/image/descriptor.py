"""The fields of a descriptor that follow from shapes, buffers and scalars alone."""

from collections.abc import Sequence

from tightrope.sim.operations import OPERATIONS

from .activations import input_pitch
from .errors import ImageError
from .image import Buffer
from .steps import Step
from .tables import weight_pitch

__all__ = ["layer_fields"]


def layer_fields(
    step: Step, sources: Sequence[Buffer], output: Buffer, group: int
) -> dict[str, int]:
    """Fields for one group of ``step`` (0 unless it is a convolution of several).

    The groups of a convolution read and write their own channels of the same pixels.
    """
    qlayer, layer = step.qlayer, step.qlayer.layer
    operation = OPERATIONS[layer.op]
    if len(sources) != operation.inputs:
        raise ImageError(
            f"layer {layer.name} must read {operation.inputs} inputs, not {len(sources)}"
        )
    in_c, out_c = layer.in_shape[2] // layer.groups, layer.out_shape[2] // layer.groups
    fields = {
        "op": operation.code,
        "in_addr": sources[0].addr + group * in_c,
        "in_h": layer.in_shape[0],
        "in_w": layer.in_shape[1],
        "in_c": in_c,
        "in_pitch": input_pitch(layer, sources[0]),
        "out_addr": output.addr + group * out_c,
        "out_h": layer.out_shape[0],
        "out_w": layer.out_shape[1],
        "out_c": out_c,
        "out_pitch": output.pitch,
        "kernel_h": layer.kernel[0],
        "kernel_w": layer.kernel[1],
        "stride_h": layer.stride[0],
        "stride_w": layer.stride[1],
        "pad_top": layer.pads[0],
        "pad_left": layer.pads[1],
        "in_zero_point": qlayer.in_zero_point,
        "in2_zero_point": qlayer.in2_zero_point,
        "out_zero_point": qlayer.out_zero_point,
        "act_min": qlayer.act_min,
        "act_max": qlayer.act_max,
        "weight_pitch": weight_pitch(qlayer),
        "add_multiplier_a": qlayer.add_multipliers[0],
        "add_multiplier_b": qlayer.add_multipliers[1],
        "add_shift": qlayer.add_shift,
        "count_include_pad": int(qlayer.count_include_pad),
    }
    if operation.inputs == 2:
        fields["in2_addr"] = sources[1].addr
        fields["in2_pitch"] = input_pitch(layer, sources[1])
    return fields
