"""The Verilog above the cluster in simulation: what Python may see."""

from tightrope.hw.config import ClusterConfig
from tightrope.hw.probes import probes

__all__ = [
    "CLOCK_PERIOD_NS",
    "FAULT_FIELDS",
    "INLINING",
    "TOP",
    "control_file",
    "traced_signals",
    "wrapper_source",
]

TOP = "cosim_top"
CLOCK_PERIOD_NS = 10

_RESET = "rst_request"
"""What Python writes; the cluster's reset is a register behind it. What depends on a signal that
may change at any time, the whole machine, Verilator would evaluate twice more in each cycle."""

FAULT_FIELDS = ("hart", "cause", "addr", "pc")
_OUTPUTS = {"done": 1, "exit_status": 8, "cycles": 32} | {f"fault_{f}": 32 for f in FAULT_FIELDS}


def _declaration(name: str, width: int) -> str:
    return f"    wire [{width - 1}:0] {name};" if width > 1 else f"    wire {name};"


def _probe(name: str, paths: tuple[str, ...]) -> str:
    """A wire that looks into the cluster."""
    bits = ", ".join(f"cluster.{path}" for path in reversed(paths)) or "1'b0"
    return f"    wire [{max(len(paths), 1) - 1}:0] {name} = {{{bits}}};"


def traced_signals(config: ClusterConfig) -> dict[str, int]:
    """Name and width in bits of the cluster's ports that a timeline is made from."""
    tiles = config.harts * config.tight_tiles_per_hart + config.loose_tiles
    harts = {f"hart_state_{h}": 3 for h in range(config.harts)}
    return harts | {"tile_busy": max(tiles, 1)}


_GATE = (
    "    wire late;",
    "    // The cluster's clock: it changes while the other is low, so no pulse is cut short.",
    "    reg runs = 1'b1;",
    "    always @(negedge clk) runs <= ~late;",
    "    wire cluster_clk = clk & runs;",
)
"""Where arrays take their time, the cluster waits for them: see docs/fpga.md."""


def wrapper_source(config: ClusterConfig, *, trace: bool, lanes: int | None = None) -> str:
    """Verilog of the simulation's top: the cluster, whose clock comes from ``main.cpp``.

    With ``trace``, only ``rst``, ``done``, the signals of :func:`traced_signals` and the machine's
    probes can get into the waveform. With ``lanes``, of its arrays, the cluster's clock stops while
    it is late.
    """
    waits = lanes is not None and config.tiled_harts + config.loose_tiles > 0
    states = traced_signals(config)
    traced = states if trace else {}
    outputs = {name: width for name, width in _OUTPUTS.items() if name != "done"}
    clock = "cluster_clk" if waits else "clk"
    ports = [f".clk({clock})", *(f".{name}({name})" for name in ("rst", *_OUTPUTS, *traced))]
    if waits:
        ports += [".board_clk(clk)", ".board_rst(rst)", ".late(late)"]
    ports += [f".{name}()" for name in states if name not in traced]
    return "\n".join(
        [
            "`timescale 1ns/1ps",
            f"module {TOP}(/* verilator tracing_off */ input clk /* verilator tracing_on */);",
            f"    reg {_RESET} = 1'b1;",
            "    reg rst = 1'b1;",
            f"    always @(posedge clk) rst <= {_RESET};",
            "    wire done;",
            *(_declaration(name, width) for name, width in traced.items()),
            *(_probe(name, paths) for name, paths in probes(config).items() if trace),
            "    /* verilator tracing_off */",
            *(_GATE if waits else ()),
            *(_declaration(name, width) for name, width in outputs.items()),
            f"    cluster cluster({', '.join(ports)});",
            "endmodule",
            "",
        ]
    )


INLINING = 'no_inline -module "VexRiscv"'
"""Eight copies of the core would be as fast, in twice the time to compile."""


def control_file() -> str:
    """Verilator control file: the few signals that Python reads or writes, and :data:`INLINING`.

    Each public signal stops optimisations; all of them public cost nine tenths of the speed.
    """
    return "\n".join(
        [
            "`verilator_config",
            INLINING,
            f'public_flat_rw -module "{TOP}" -var "{_RESET}"',
            *(f'public_flat_rd -module "{TOP}" -var "{name}"' for name in _OUTPUTS),
            'public_flat_rd -module "VexRiscv" -var "lastStagePc"',
            "",
        ]
    )
