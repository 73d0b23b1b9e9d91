"""ALPINE's one loose system: two tiles in a row outside of the chip, one byte per access."""

from .core import Assumptions, System, Work
from .staged import StagedNetwork

__all__ = ["MVMS", "loose_time_ns"]

MVMS = 2
"""Of one inference of the MLP, one after the other; ReLU is free in the accelerator."""


def loose_time_ns(net: StagedNetwork, system: System, assumed: Assumptions) -> float:
    """Time of one inference of the MLP, one core doing all accesses.

    As the first commit of ALPINE's repository has it: each byte written or read costs the latency
    of an access and 1 ns; the first read also waits for both MVMs and for 1 ns per column that goes
    from one tile to the next. The core scales what it writes and reads, as for tight tiles.
    """
    inputs = net.stages[0][0].in_shape[2]
    outputs = net.stages[-1][-1].out_shape[2]
    between = net.stages[0][0].out_shape[2]
    byte_ns = system.pio_latency_ns + system.pio_byte_ns
    first_ns = (
        system.pio_latency_ns + MVMS * system.profile.mvm_latency_ns + between * system.pio_byte_ns
    )
    core = Work(
        instructions=inputs * (assumed.input_instructions + assumed.queue_instructions)
        + outputs * (assumed.dequeue_instructions + assumed.output_instructions)
    )
    core_ns = core.cycles(system, assumed).total / system.cycles(1.0)
    return core_ns + (inputs + outputs - 1) * byte_ns + first_ns
