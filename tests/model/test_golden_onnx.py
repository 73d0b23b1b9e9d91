"""The reference against two other implementations of ONNX: its own and onnxruntime.

Scales have few bits, so that both compute exactly whatever their order of operations. Weights stay
in -64 .. 63 for onnxruntime: its AVX2 kernels saturate pairs of larger products to 16 bits.
onnx.reference adds the zero point before it rounds, so its ties match for even zero points only.
"""

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tightrope.sim import golden
from tightrope.sim.workload.layers import Layer, LayerOp, QuantLayer

RUNTIMES = ["reference", "onnxruntime"]
CASES = range(25)


def run(runtime, node, x, constants, out_type):
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)],
        [helper.make_tensor_value_info("y", out_type, list("abcd"[: x.ndim]))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    if runtime == "reference":
        return ReferenceEvaluator(model).run(None, {"x": x})[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def short_scales(rng, count):
    """Odd multiples, up to 31, of powers of two: 24 bits hold their products with 19-bit sums."""
    return (2 * rng.integers(0, 16, count) + 1) * 2.0 ** -rng.integers(13, 17, count)


def case(seed, runtime, op=LayerOp.CONV, max_groups=3):
    """A layer with short scales, and its input."""
    rng = np.random.default_rng(seed)
    layer = golden.random_geometry(op, rng, max_channels=3 * max_groups, max_groups=max_groups)
    qlayer = golden.random_quant_layer(layer, rng)
    scales = short_scales(rng, layer.out_shape[2])
    multiplier, shift = golden.quantise_multipliers(scales)
    out_zero = int(rng.integers(-20, 21))
    qlayer = dataclasses.replace(
        qlayer,
        weight=rng.integers(-64, 64, qlayer.weight.shape, dtype=np.int8),
        bias=rng.integers(-4096, 4096, layer.out_shape[2]).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        act_min=-128,
        act_max=127,
        out_zero_point=out_zero // 2 * 2 if runtime == "reference" else out_zero,
    )
    return qlayer, scales, golden.random_inputs(layer, rng)[0]


def as_onnx(values, unsigned):
    """int8 values as the same numbers 128 higher in uint8, or as they are."""
    if not unsigned:
        return np.asarray(values, np.int8)
    return (np.asarray(values, np.int16) + 128).astype(np.uint8)


def attributes(layer):
    return {
        "kernel_shape": layer.kernel,
        "strides": layer.stride,
        "pads": layer.pads,
        "group": layer.groups if layer.op is LayerOp.CONV else layer.in_shape[2],
    }


def weight_nchw(qlayer):
    if qlayer.layer.op is LayerOp.DWCONV:
        return np.ascontiguousarray(qlayer.weight.transpose(2, 0, 1)[:, None])
    return np.ascontiguousarray(qlayer.weight.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("op", [LayerOp.CONV, LayerOp.DWCONV])
@pytest.mark.parametrize("seed", CASES)
def test_qlinearconv(runtime, unsigned, op, seed):
    qlayer, scales, x = case(seed, runtime, op)
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    out_c = qlayer.layer.out_shape[2]
    constants = {
        "xs": np.float32(0.5),
        "xz": as_onnx(qlayer.in_zero_point, unsigned),
        "w": weight_nchw(qlayer),
        "ws": scales.astype(np.float32),
        "wz": np.zeros(out_c, np.int8),
        "ys": np.float32(0.5),
        "yz": as_onnx(qlayer.out_zero_point, unsigned),
        "b": qlayer.bias,
    }
    node = helper.make_node("QLinearConv", names, ["y"], **attributes(qlayer.layer))
    tensor = as_onnx(x.transpose(2, 0, 1)[None], unsigned)
    out_type = TensorProto.UINT8 if unsigned else TensorProto.INT8
    got = run(runtime, node, np.ascontiguousarray(tensor), constants, out_type)
    expected = as_onnx(golden.run_layer(qlayer, [x]), unsigned)
    np.testing.assert_array_equal(got[0].transpose(1, 2, 0), expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("seed", CASES)
def test_qlinearmatmul(runtime, unsigned, seed):
    rng = np.random.default_rng(seed)
    count, patch, out_c = (int(value) for value in rng.integers(1, 30, 3))
    scale, limit = float(short_scales(rng, 1)[0]), 64
    if seed % 3 == 0:  # every other output is a tie
        scale, limit, patch = 0.5, 1, 1
    multiplier, shift = golden.quantise_multipliers(np.full(out_c, scale))
    zero = int(rng.integers(-20, 21))
    qlayer = QuantLayer(
        layer=Layer(
            name="rows",
            op=LayerOp.CONV,
            source_op="QLinearMatMul",
            in_shape=(1, count, patch),
            out_shape=(1, count, out_c),
        ),
        weight=rng.integers(-limit, limit, (out_c, 1, 1, patch), dtype=np.int8),
        multiplier=multiplier,
        shift=shift,
        in_zero_point=int(rng.integers(-32, 33)),
        out_zero_point=zero // 2 * 2 if runtime == "reference" else zero,
    )
    x = rng.integers(-128, 128, (1, count, patch), dtype=np.int8)
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    constants = {
        "xs": np.float32(0.25),
        "xz": as_onnx(qlayer.in_zero_point, unsigned),
        "w": np.ascontiguousarray(qlayer.weight.reshape(out_c, patch).T),
        "ws": np.float32(scale),
        "wz": np.int8(0).reshape(()),
        "ys": np.float32(0.25),
        "yz": as_onnx(qlayer.out_zero_point, unsigned),
    }
    node = helper.make_node("QLinearMatMul", names, ["y"])
    out_type = TensorProto.UINT8 if unsigned else TensorProto.INT8
    got = run(runtime, node, as_onnx(x[0], unsigned), constants, out_type)
    expected = as_onnx(golden.run_layer(qlayer, [x])[0], unsigned)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("seed", CASES)
def test_convinteger(runtime, seed):
    qlayer, _, x = case(seed, runtime)
    qlayer = dataclasses.replace(qlayer, bias=None)
    constants = {"w": weight_nchw(qlayer), "xz": as_onnx(qlayer.in_zero_point, True)}
    if runtime == "onnxruntime":
        # It has ConvInteger for unsigned weights only.
        constants |= {"w": as_onnx(constants["w"], True), "wz": np.uint8(128).reshape(())}
    names = ["x", "w", "xz", "wz"][: len(constants) + 1]
    node = helper.make_node("ConvInteger", names, ["y"], **attributes(qlayer.layer))
    tensor = np.ascontiguousarray(as_onnx(x.transpose(2, 0, 1)[None], True))
    got = run(runtime, node, tensor, constants, TensorProto.INT32)
    expected = golden.conv_accumulators(qlayer, x).reshape(qlayer.layer.out_shape)
    np.testing.assert_array_equal(got[0].transpose(1, 2, 0), expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("seed", CASES)
def test_matmulinteger(runtime, seed):
    rng = np.random.default_rng(seed)
    rows, cols, count = (int(value) for value in rng.integers(1, 40, 3))
    weights = rng.integers(-64, 64, (rows, cols), dtype=np.int8)
    x = rng.integers(-128, 128, (count, rows), dtype=np.int8)
    constants = {"w": weights, "xz": np.uint8(128).reshape(())}
    node = helper.make_node("MatMulInteger", ["x", "w", "xz"], ["y"])
    got = run(runtime, node, as_onnx(x, True), constants, TensorProto.INT32)
    np.testing.assert_array_equal(got, golden.tile_mvm(weights, x, 32, 0))
