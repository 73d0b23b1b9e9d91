"""Finds and opens ONNX files: limits, damage, external data; nothing in a file is ever executed."""

import os
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper, inliner
from tightrope.sim.digits import MODEL_FILE as DIGITS_FILE
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.zoo import BUILT_NETWORKS, built_file

__all__ = ["KNOWN_NETWORKS", "MAX_FILE_BYTES", "MAX_NODES", "find_network", "open_model"]

MAX_FILE_BYTES = (1 << 31) - 1
"""Protocol buffers end here; bigger networks keep their weights in external data."""
MAX_NODES = 20_000

_LIGHT_FOLDER = Path("backend", "test", "data", "light")
KNOWN_NETWORKS = {
    "alexnet": "light_bvlc_alexnet.onnx",
    "densenet121": "light_densenet121.onnx",
    "inception_v1": "light_inception_v1.onnx",
    "inception_v2": "light_inception_v2.onnx",
    "resnet50": "light_resnet50.onnx",
    "shufflenet": "light_shufflenet.onnx",
    "squeezenet": "light_squeezenet.onnx",
    "vgg19": "light_vgg19.onnx",
    "zfnet512": "light_zfnet512.onnx",
}
"""Networks by name: files of the installed onnx package (their weights are all one value)."""


def find_network(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a known or a built network, else the path as given, which must be a file."""
    name = os.fspath(name_or_path)
    if name in BUILT_NETWORKS:
        return built_file(name)
    if name == DIGITS_FILE.stem:
        return DIGITS_FILE
    file_name = KNOWN_NETWORKS.get(name)
    if file_name is not None:
        path = Path(onnx.__file__).parent / _LIGHT_FOLDER / file_name
        if not path.is_file():
            raise WorkloadError(
                f"the installed onnx package has no {file_name}, the file of {name_or_path!r}"
            )
        return path
    path = Path(name_or_path)
    if not path.exists():
        names = ", ".join(sorted((*KNOWN_NETWORKS, *BUILT_NETWORKS, DIGITS_FILE.stem)))
        raise WorkloadError(f"{path} is neither a file nor one of the known networks: {names}")
    if not path.is_file():
        raise WorkloadError(f"{path} is not a file")
    return path


def network_name(path: Path) -> str:
    """A short name: the known one, else the file's without its ending."""
    for name, file_name in KNOWN_NETWORKS.items():
        if path.name == file_name:
            return name
    return path.stem


def open_model(path: Path) -> onnx.ModelProto:
    """Parse a file and check its size, its node count and its external data.

    External data is not read; functions of the model are inlined.
    """
    model = _parse(path)
    if not model.graph.node:
        raise WorkloadError(f"{path} holds no ONNX graph")
    if model.functions:
        try:
            model = inliner.inline_local_functions(model)
        except (RuntimeError, ValueError) as error:
            raise WorkloadError(
                f"{path}: its functions can't be inlined: {first_line(error)}"
            ) from error
    if len(model.graph.node) > MAX_NODES:
        raise WorkloadError(f"{path} has {len(model.graph.node)} nodes; the limit is {MAX_NODES}")
    for tensor in _tensors(model.graph):
        if external_data_helper.uses_external_data(tensor):
            _check_external(path, tensor)
    return model


def first_line(error: Exception) -> str:
    """What a library said, short enough for one sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _parse(path: Path) -> onnx.ModelProto:
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            raise WorkloadError(
                f"{path} has {size_bytes} bytes; the limit is {MAX_FILE_BYTES} (keep the weights "
                "in external data)"
            )
        if size_bytes == 0:
            raise WorkloadError(f"{path} is empty")
        return onnx.load_model_from_string(path.read_bytes(), format="protobuf")
    except OSError as error:
        raise WorkloadError(f"{path} can't be read: {error.strerror or error}") from error
    except (DecodeError, RuntimeError, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path} is not an ONNX file, or it is cut short") from error


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t


def _check_external(path: Path, tensor: TensorProto) -> None:
    info = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.parent.resolve()
    data_path = (folder / info.get("location", "")).resolve()
    if not data_path.is_relative_to(folder):
        raise WorkloadError(
            f"{path}: tensor {tensor.name!r} is kept outside the model's folder, in {data_path}"
        )
    if not data_path.is_file():
        raise WorkloadError(
            f"{path}: tensor {tensor.name!r} is in {data_path.name!r}, which is missing beside it"
        )
    try:
        end_bytes = int(info.get("offset", "0")) + int(info.get("length", "0"))
    except ValueError:
        raise WorkloadError(
            f"{path}: tensor {tensor.name!r} has an external position that is not a number"
        ) from None
    if end_bytes > data_path.stat().st_size:
        raise WorkloadError(
            f"{path}: {data_path.name!r} is cut short: tensor {tensor.name!r} ends at byte "
            f"{end_bytes}"
        )
