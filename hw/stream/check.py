"""What is wrong with a job, as far as its descriptor alone shows it."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig, check_kind
from .job import JOB_POST, JobError, StreamJob

__all__ = ["JobCheck"]


class JobCheck(wiring.Component):
    """Combinational: the first of EMPTY, START, WINDOW and ALIGNMENT that a job has.

    Parameters
    ----------
    config : TileConfig
        Geometry.

    Members
    -------
    job : In(StreamJob)
    error : Out(JobError)

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config):
        check_kind("config", config, TileConfig)
        self._config = config
        super().__init__({"job": In(StreamJob), "error": Out(JobError)})

    def elaborate(self, platform):
        m = Module()
        job, config = self.job, self._config
        counts = (job.in_h, job.in_w, job.channels, job.kernel_w, job.out_w, job.count)
        loops = (
            (job.channel, job.channels), (job.kernel_x, job.kernel_w), (job.out_x, job.out_w)
        )  # fmt: skip
        bad_rows = (job.rows == 0) | (job.row + job.rows > config.rows)
        bad_cols = (job.cols == 0) | (job.col + job.cols > config.cols)
        unaligned = job.destination[:2] | job.destination_step[:2]
        number = 0xFF ^ JOB_POST if config.post_lanes else 0xFF
        bad_shift = (job.shift & number) > 31

        with m.If(Cat(count == 0 for count in counts).any()):
            m.d.comb += self.error.eq(JobError.EMPTY)
        with m.Elif(Cat(first >= count for first, count in loops).any()):
            m.d.comb += self.error.eq(JobError.START)
        with m.Elif(bad_rows | bad_cols | (job.col[:2] | job.cols[:2]).any() | bad_shift):
            m.d.comb += self.error.eq(JobError.WINDOW)
        with m.Elif(unaligned.any()):
            m.d.comb += self.error.eq(JobError.ALIGNMENT)
        return m
