"""The stored digits: the network's accuracy, its training, and onnxruntime's own quantiser."""

import logging

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from tightrope.sim.digits import MODEL_FILE, load_digits
from tightrope.sim.digits.accuracy import int8_accuracy, real_accuracy
from tightrope.sim.digits.cnn import Cnn
from tightrope.sim.digits.train import as_model, train
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.workload.onnx_import import load_model


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_more_than_95_of_100_digits_are_read(digits):
    qnet = quantise(load_model("digits"), samples=digits.calibration)
    accuracy = int8_accuracy(qnet, digits)
    assert accuracy > 0.95
    assert accuracy > real_accuracy(digits) - 0.01


def test_images_are_what_they_say(digits):
    assert digits.images.shape == (360, 1, 8, 8) and digits.calibration.shape == (64, 1, 8, 8)
    assert digits.images.min() == 0.0 and digits.images.max() == 1.0
    assert set(digits.labels) == set(range(10))
    tested = {image.tobytes() for image in digits.images}
    assert not tested & {image.tobytes() for image in digits.calibration}


def test_gradients_equal_differences():
    rng = np.random.default_rng(0)
    cnn = Cnn(rng)
    cnn.params = {name: value.astype(np.float64) for name, value in cnn.params.items()}
    x, error = rng.uniform(0, 1, (3, 8, 8, 1)), rng.normal(0, 1, (3, 10))
    gradients = cnn.backward(error, cnn.forward(x)[1])
    for name, value in cnn.params.items():
        for _ in range(5):
            place = tuple(rng.integers(0, size) for size in value.shape)
            kept, sums = value[place], []
            for change in (1e-5, -1e-5):
                value[place] = kept + change
                sums.append((cnn.forward(x)[0] * error).sum())
            value[place] = kept
            slope = (sums[0] - sums[1]) / 2e-5
            assert gradients[name][place] == pytest.approx(slope, rel=1e-3, abs=1e-4), name


def test_training_learns_and_its_model_says_the_same(digits):
    images = digits.images.transpose(0, 2, 3, 1)
    cnn = train(images[:200], digits.labels[:200], np.random.default_rng(2), epochs=15)
    logits = cnn.forward(images)[0]
    assert np.mean(logits.argmax(axis=1) == digits.labels) > 0.7
    session = onnxruntime.InferenceSession(as_model(cnn).SerializeToString())
    for x, wanted in zip(digits.images[:5], logits, strict=False):
        got = session.run(None, {"input": x[None]})[0][0]
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"input": image[None]}


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("style", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_what_onnxruntime_quantised_runs_as_it_does(tmp_path, digits, style, unsigned, per_channel):
    """Its scales are arbitrary: float32 may round a tie otherwise, so a step may differ."""
    logging.disable(logging.WARNING)
    path = tmp_path / "quantised.onnx"
    quantize_static(
        str(MODEL_FILE),
        str(path),
        Reader(digits.calibration),
        quant_format=style,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        weight_type=QuantType.QInt8,
        reduce_range=True,  # 7 bits: AVX2 kernels saturate pairs of products
    )
    logging.disable(logging.NOTSET)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(onnx.load(path).SerializeToString(), options)
    qnet = quantise(load_model(path))
    (output,) = qnet.outputs
    quant = qnet.tensors[output.tensor].quant
    steps = []
    for x in digits.images[:60]:
        got = output.as_onnx(run_network(qnet, qnet.encode(x))[output.tensor])
        wanted = session.run(None, {"input": x[None]})[0]
        steps.append(np.rint((quant.decode(got) - wanted) / quant.scale))
    assert np.abs(steps).max() <= 1
    assert np.mean(np.array(steps) == 0) > 0.99
