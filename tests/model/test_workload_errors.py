import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tightrope.sim.workload import model_file
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.onnx_import import find_network, load_network
from workload_nets import Net


def refusal(path, **options):
    with pytest.raises(WorkloadError) as caught:
        load_network(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def small_model(tmp_path):
    net = Net(1, 3, 8, 8)
    x = net.op("Relu", net.conv("input", (4, 3, 3, 3), pads=[1, 1, 1, 1]))
    x = net.op("Flatten", net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    return net.save(tmp_path, net.op("Gemm", x, net.weight(64, 10)))


def test_missing_file_lists_the_known_networks(tmp_path):
    message = refusal(tmp_path / "resnet51.onnx")
    assert "resnet51.onnx" in message and "resnet50" in message
    assert "not a file" in refusal(tmp_path)
    with pytest.raises(WorkloadError, match="known networks"):
        find_network("resnet51")


@pytest.mark.parametrize(
    "content, what",
    [
        (b"", "is empty"),
        (b"This is a text about networks, not a network.\n" * 9, "not an ONNX file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not an ONNX file"),
        (bytes(4096), "not an ONNX file"),
    ],
)
def test_file_that_is_no_model(tmp_path, content, what):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    message = refusal(path)
    assert str(path) in message and what in message


def test_truncated_file_at_any_length(tmp_path):
    path = small_model(tmp_path)
    content = path.read_bytes()
    for length in range(1, len(content), len(content) // 60):
        path.write_bytes(content[:length])
        assert str(path) in refusal(path)


@pytest.mark.parametrize("seed", range(100))
def test_damaged_file_never_ends_in_a_traceback(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = small_model(tmp_path)
    content = bytearray(path.read_bytes())
    # Weights fill most of the file; damage what is not weights.
    places = [i for i in range(len(content)) if not 500 < i < len(content) - 400]
    for place in rng.choice(places, size=rng.integers(1, 4)):
        content[place] = rng.integers(256)
    path.write_bytes(bytes(content))
    try:
        network = load_network(path)
    except WorkloadError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert network.layers


def test_too_many_bytes_or_nodes_name_the_limit(tmp_path, monkeypatch):
    path = small_model(tmp_path)
    monkeypatch.setattr(model_file, "MAX_NODES", 3)
    assert "5 nodes; the limit is 3" in refusal(path)
    monkeypatch.setattr(model_file, "MAX_FILE_BYTES", 100)
    assert "the limit is 100" in refusal(path)


def save_with_external_data(tmp_path):
    net = Net(1, 3, 8, 8)
    net.conv("input", (64, 3, 3, 3))
    path = tmp_path / "net.onnx"
    onnx.save(
        net.model("Conv_0"),
        path,
        save_as_external_data=True,
        location="net.data",
        size_threshold=16,
    )
    return path


def test_external_data_is_checked_but_not_needed_in_memory(tmp_path):
    path = save_with_external_data(tmp_path)
    assert load_network(path).params == 64 * 27
    data = tmp_path / "net.data"
    data.write_bytes(data.read_bytes()[:50])
    assert "'net.data' is cut short" in refusal(path)
    data.unlink()
    assert "'net.data', which is missing" in refusal(path)


def test_external_data_outside_the_folder_is_refused(tmp_path):
    path = save_with_external_data(tmp_path)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../../etc/passwd"
    path.write_bytes(model.SerializeToString())
    assert "outside the model's folder" in refusal(path)


def test_open_size_asks_for_the_option(tmp_path):
    net = Net("N", 3, "H", "W")
    path = net.save(tmp_path, net.conv("input", (4, 3, 3, 3)))
    assert "give --shape input=1,3,224,224" in refusal(path)
    assert "it has: input" in refusal(path, shape={"image": (1, 3, 8, 8)})
    assert "wants 4 sizes" in refusal(path, shape={"input": (3, 8, 8)})
    assert "integers from 1" in refusal(path, shape={"input": (1, 3, 0, 8)})
    assert "Conv_0" in refusal(path, shape={"input": (1, 4, 8, 8)})
    assert "limit" in refusal(path, shape={"input": (1, 3, 10**6, 10**6)})


def test_several_inputs_are_named(tmp_path):
    net = Net(1, 3, 8, 8)
    net.inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 3, 8, 8)))
    assert "'input', 'mask'" in refusal(net.save(tmp_path, net.op("Add", "input", "mask")))


def unsupported(kind, shape=(1, 4, 8, 8)):
    net = Net(*shape)
    if kind == "dilated":
        net.conv("input", (4, 4, 3, 3), dilations=[2, 2], name="odd")
    elif kind == "transposed":
        net.op("ConvTranspose", "input", net.weight(4, 4, 2, 2), name="odd")
    elif kind == "one-dimensional":
        net.conv("input", (4, 4, 3), name="odd")
    elif kind == "three-dimensional":
        net.conv("input", (4, 4, 1, 3, 3), name="odd")
    elif kind == "recurrent":
        weights = [net.weight(1, 32, size) for size in (8, 8)]
        net.op("LSTM", "input", *weights, hidden_size=8, outputs=3, name="odd")
    elif kind == "computed weights":
        net.op("Conv", "input", net.op("Sigmoid", "input"), name="odd")
    elif kind == "data-dependent":
        net.op("NonZero", "input", name="odd")
    elif kind == "control flow":
        info = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
        body = helper.make_graph([helper.make_node("Relu", ["input"], ["inner"])], "b", [], [info])
        flag = net.op("Cast", net.op("ReduceMax", "input", keepdims=0), to=TensorProto.BOOL)
        net.op("If", flag, then_branch=body, else_branch=body, name="odd")
    elif kind == "unknown":
        net.op("Frobnicate", "input", domain="com.microsoft", name="odd")
    elif kind == "misfit":
        net.conv("input", (4, 3, 3, 3), name="odd")
    elif kind == "bad group":
        net.conv("input", (4, 2, 3, 3), group=0, name="odd")
    elif kind == "no stride":
        net.op("MaxPool", "input", kernel_shape=[2, 2], strides=[0, 1], name="odd")
    elif kind == "window too large":
        net.op("MaxPool", "input", kernel_shape=[9, 9], name="odd")
    elif kind == "missing tensor":
        net.op("Add", "input", "nobody", name="odd")
    return net


@pytest.mark.parametrize(
    "kind, operator, shape",
    [
        ("dilated", "Conv", (1, 4, 8, 8)),
        ("transposed", "ConvTranspose", (1, 4, 8, 8)),
        ("one-dimensional", "Conv", (1, 4, 8)),
        ("three-dimensional", "Conv", (1, 4, 4, 8, 8)),
        ("recurrent", "LSTM", (5, 1, 8)),
        ("computed weights", "Conv", (1, 4, 8, 8)),
        ("data-dependent", "NonZero", (1, 4, 8, 8)),
        ("control flow", "If", (1, 4, 8, 8)),
        ("unknown", "Frobnicate", (1, 4, 8, 8)),
        ("misfit", "Conv", (1, 4, 8, 8)),
        ("bad group", "Conv", (1, 4, 8, 8)),
        ("no stride", "MaxPool", (1, 4, 8, 8)),
        ("window too large", "MaxPool", (1, 4, 8, 8)),
        ("missing tensor", "Add", (1, 4, 8, 8)),
    ],
)
def test_refusal_names_node_and_operator(tmp_path, kind, operator, shape):
    path = unsupported(kind, shape).save(tmp_path)
    message = refusal(path)
    assert f"{path}: node 'odd' ({operator})" in message


def test_dilation_of_a_one_by_one_kernel_does_not_matter(tmp_path):
    net = Net(1, 4, 8, 8)
    net.conv("input", (4, 4, 1, 1), dilations=[2, 2])
    assert load_network(net.save(tmp_path)).params == 16


def test_model_without_work_is_refused(tmp_path):
    net = Net(1, 4, 8, 8)
    assert "no layers" in refusal(net.save(tmp_path, net.op("Identity", "input")))
