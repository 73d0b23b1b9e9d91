"""A running simulator: its process, the memory shared with it, and the conversation."""

import contextlib
import json
import mmap
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .build import Build
from .errors import CosimError
from .runner import ClusterRunner
from .wrapper import CLOCK_PERIOD_NS

__all__ = ["Session"]

_LOG_TAIL_LINES = 15
_END_TIMEOUT_S = 30
_TEST_MODULE = "tightrope.sim.cosim.testbench"


class Session:
    """One simulator process, from ``with`` to its end; killed if it outlives it.

    Parameters
    ----------
    build : Build
    waves_file : Path
        Write a waveform there; the build must be one with ``trace``.
    timeout_s : float
        Wall-clock time for everything that is asked of this process.
    """

    def __init__(
        self, build: Build, *, waves_file: Path | None = None, timeout_s: float | None = None
    ) -> None:
        self._build = build
        self._waves_file = waves_file
        self._timeout_s = timeout_s
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._pending = b""
        self._resources = contextlib.ExitStack()
        self.memory_bytes = build.config.memory.size_bytes

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._memory_file = stack.enter_context(_memory_file(self.memory_bytes))
            self.memory = mmap.mmap(self._memory_file.fileno(), self.memory_bytes)
            stack.callback(self.memory.close)
            run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tightrope-")))
            self._log_file = run_dir / "simulator.log"
            self._socket, theirs = socket.socketpair()
            stack.callback(self._socket.close)
            with theirs:
                self._process = self._start(run_dir, theirs.fileno())
            stack.callback(self._stop)
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        if error is None or isinstance(error, CosimError):
            # It ends by itself now, and writes the rest of its waveform.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_END_TIMEOUT_S)
        self._resources.close()

    def clear_memory(self) -> None:
        """Fill main memory with zeros; costs only what was used."""
        os.ftruncate(self._memory_file.fileno(), 0)
        os.ftruncate(self._memory_file.fileno(), self.memory_bytes)

    def run(
        self,
        job: dict[str, Any],
        *,
        what: str,
        on_cycles: Callable[[int], None] = lambda cycles: None,
    ) -> dict[str, Any]:
        """Run one job, for :mod:`.testbench`, on what is in memory, and return its answer.

        Parameters
        ----------
        what : str
            Names the job in an error.
        on_cycles : callable
            Told now and then how many cycles have gone by.

        Raises
        ------
        CosimError
            The process died, or the time is up; with the end of its log.
        """
        # If the simulator is dead, the end of its answers says so.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(json.dumps(job).encode() + b"\n")
        while True:
            message = json.loads(self._line(what))
            if message["kind"] != "progress":
                return message
            on_cycles(message["cycles"])

    def _line(self, what: str) -> bytes:
        while b"\n" not in self._pending:
            if not self._readable():
                self._process.kill()
                raise CosimError(
                    f"{what} took longer than the {self._timeout_s:g} s allowed{self._log_tail()}"
                )
            with contextlib.suppress(ConnectionResetError):
                received = self._socket.recv(1 << 16)
                self._pending += received
                if received:
                    continue
            raise CosimError(f"the simulator {self._death()} during {what}{self._log_tail()}")
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _readable(self) -> bool:
        if self._deadline is None:
            wait_s = None
        else:
            wait_s = max(0.0, self._deadline - time.monotonic())
        return bool(select.select([self._socket], [], [], wait_s)[0])

    def _death(self) -> str:
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "stopped answering"
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended (exit status {status})"

    def _log_tail(self) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "".join(f"\n  {line}" for line in lines)

    def _start(self, run_dir: Path, connection: int) -> subprocess.Popen[bytes]:
        memory = self._memory_file.fileno()
        args = []
        if self._waves_file is not None:
            args = ["--trace", "--trace-file", str(self._waves_file.absolute())]
        with self._log_file.open("wb") as log:
            return ClusterRunner().start(
                binary=self._build.binary,
                test_module=_TEST_MODULE,
                run_dir=run_dir,
                log=log,
                env={
                    "TIGHTROPE_MEMORY": f"/dev/fd/{memory}",
                    "TIGHTROPE_SOCKET": str(connection),
                    "TIGHTROPE_PERIOD_NS": str(CLOCK_PERIOD_NS),
                },
                pass_fds=(memory, connection),
                args=args,
            )

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def _memory_file(size_bytes: int) -> Iterator[IO[bytes]]:
    """A file without a name: in memory if the system can, as the disk would be written to."""
    with contextlib.ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            file: IO[bytes] = stack.enter_context(os.fdopen(os.memfd_create("memory"), "r+b"))
        else:
            file = stack.enter_context(tempfile.TemporaryFile())
        os.ftruncate(file.fileno(), size_bytes)
        yield file
