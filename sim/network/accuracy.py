"""How many digits a network reads on the RTL, and whether the reference reads each the same."""

import dataclasses
from collections.abc import Callable

import numpy as np
from tightrope.sim.digits import Digits
from tightrope.sim.quantise import QuantNetwork, run_network

from .mapping import NetworkMapping
from .run import run_on_rtl

__all__ = ["DigitsRead", "read_on_rtl"]

IMAGES_PER_RUN = 180
"""Half of the test images; all of a run's inputs and tables are in memory at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DigitsRead:
    """What the network said of each image."""

    labels: np.ndarray
    """(images,) what they show."""
    logits: np.ndarray
    """(images, h, w, c) int8 as the RTL computed them."""
    reference_logits: np.ndarray
    """The same of the integer reference, which knows no tiles."""
    rtl_cycles: int
    """Of all images."""
    problem: str = ""
    """What the first run that wasn't right did, in words."""

    @property
    def equal_images(self) -> int:
        """Images of which RTL and reference say exactly the same."""
        same = self.logits == self.reference_logits
        return int(same.reshape(len(same), -1).all(axis=1).sum())

    @property
    def accuracy(self) -> float:
        """The part that the RTL reads right, 0 .. 1."""
        return _right(self.logits, self.labels)

    @property
    def reference_accuracy(self) -> float:
        """The same of the reference."""
        return _right(self.reference_logits, self.labels)


def read_on_rtl(
    qnet: QuantNetwork,
    mapping: NetworkMapping,
    digits: Digits,
    *,
    images_per_run: int = IMAGES_PER_RUN,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> DigitsRead:
    """Every image through the RTL, ``images_per_run`` of them at a time.

    Raises CosimError if a run fails; a wrong output is no error.
    """
    (output,) = qnet.outputs
    inputs = [qnet.encode(x) for x in digits.images]
    reference = [run_network(qnet, x)[output.tensor] for x in inputs]
    logits: list[np.ndarray] = []
    cycles = 0
    problem = ""
    for begin in range(0, len(inputs), images_per_run):
        on_progress(begin, len(inputs))
        found = run_on_rtl(qnet, mapping, inputs[begin : begin + images_per_run])
        problem = problem or found.problem
        logits += found.outputs
        cycles += found.rtl_cycles
    on_progress(len(inputs), len(inputs))
    return DigitsRead(
        labels=digits.labels,
        logits=np.array(logits),
        reference_logits=np.array(reference),
        rtl_cycles=cycles,
        problem=problem,
    )


def _right(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(logits.reshape(len(labels), -1).argmax(axis=1) == labels))
