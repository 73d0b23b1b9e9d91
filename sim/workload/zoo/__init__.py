"""Networks that are built from their papers, with seeded weights, and need no file or network."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import onnx
from tightrope.sim.cosim.cache import cache_dir
from tightrope.sim.workload.errors import WorkloadError

from .dscnn import dscnn
from .mobilenet import mobilenetv1_025, mobilenetv2
from .resnet import resnet8

__all__ = ["BUILT_NETWORKS", "built_file"]

BUILT_NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "dscnn": dscnn,
    "mobilenetv1_025": mobilenetv1_025,
    "mobilenetv2": mobilenetv2,
    "resnet8": resnet8,
}
"""Networks by name."""


def built_file(name: str) -> Path:
    """The file of a built network, in the cache folder; made if it isn't there.

    Raises WorkloadError if it can't be written.
    """
    try:
        path = cache_dir() / "zoo" / _sources_hash() / f"{name}.onnx"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{name}.{os.getpid()}.new")
            onnx.save(BUILT_NETWORKS[name](), beside)
            os.replace(beside, path)
    except OSError as error:
        raise WorkloadError(
            f"the file of {name!r} can't be written to the cache folder: {error.strerror or error}"
        ) from error
    return path


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]
