"""The descriptor of a streaming job in hardware."""

from amaranth.lib import data

from .descriptor import JOB_FIELDS, JOB_POST, JOB_WORDS, JobError

__all__ = ["JOB_POST", "JOB_WORDS", "JobError", "StreamJob"]

StreamJob = data.StructLayout(JOB_FIELDS)
"""As JOB_FIELDS describes it."""
