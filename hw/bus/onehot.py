"""One-hot selection."""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Value

__all__ = ["onehot_mux"]


def onehot_mux(select, values):
    """The member of ``values`` whose bit of ``select`` is set; zero if none is.

    An AND-OR tree: cheaper in an FPGA and in a simulator than a chain of priority multiplexers.
    """
    values = [Value.cast(value) for value in values]
    return reduce(
        or_,
        (value & select[i].replicate(len(value)) for i, value in enumerate(values)),
        Const(0, 1),
    )
