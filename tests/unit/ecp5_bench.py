"""Our Verilog models of an ECP5's blocks under Verilator, driven from Python a cycle at a time."""

import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tightrope.fpga
from tightrope.sim.cosim.runner import BUILD_ARGS, build_environment, verilator_bin_dir

__all__ = ["CONTROLS", "Block", "Cycle", "build_bench", "init_words", "run_bench", "verilate"]

MODELS = Path(tightrope.fpga.__file__).with_name("ecp5_blocks.v")
_MAIN = Path(__file__).with_name("ecp5_main.cpp")

CONTROLS = ("CEA", "WEA", "CEB", "WEB", "RSTA", "RSTB", "CSA0", "CSB2")
"""Inputs of all blocks, a bit each; other inputs are as Yosys ties them."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A DP16KD: its parameters that are not Yosys' constants. ``inverted`` clocks fall."""

    width_a: int
    width_b: int
    mode_a: str = "NORMAL"
    mode_b: str = "NORMAL"
    inverted: bool = False
    init_seed: int | None = None

    @property
    def parameters(self) -> dict[str, str]:
        clocks = {f"CLK{port}MUX": '"INV"' if self.inverted else f'"CLK{port}"' for port in "AB"}
        init = {} if self.init_seed is None else init_words(self.init_seed)
        return {
            "DATA_WIDTH_A": str(self.width_a),
            "DATA_WIDTH_B": str(self.width_b),
            "WRITEMODE_A": f'"{self.mode_a}"',
            "WRITEMODE_B": f'"{self.mode_b}"',
            **clocks,
            **{f"INITVAL_{i:02X}": f"320'h{word:x}" for i, word in init.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Inputs before an edge, and which clocks have it: bit 0 is A's."""

    clocks: int = 3
    controls: frozenset[str] = frozenset()
    addr_a: int = 0
    addr_b: int = 0
    data: int = 0
    signs: int = 0
    a: int = 0
    b: int = 0

    def __str__(self) -> str:
        bits = sum(1 << CONTROLS.index(name) for name in self.controls)
        rest = (self.addr_a, self.addr_b, self.data, self.signs, self.a, self.b)
        return " ".join(f"{value:x}" for value in (self.clocks, bits, *rest))


def init_words(seed: int) -> dict[int, int]:
    """INITVAL of a block with that seed: 320 random bits each."""
    rng = random.Random(seed)
    return {i: rng.getrandbits(320) for i in range(64)}


def build_bench(folder: Path, blocks: Sequence[Block]) -> Path:
    """The program that simulates the blocks, side by side, and a multiplier."""
    wrapper = folder / "bench.sv"
    wrapper.write_text(_wrapper(blocks))
    done = verilate(
        [wrapper, _MAIN], folder, "--cc", "--exe", "--build", "-j", "2", "--top-module", "bench",
        "--prefix", "Vbench", "-o", "bench", "-CFLAGS", f"-DCOUNT={len(blocks)}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "bench"


def verilate(
    sources: Sequence[Path], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Verilator on the models and ``sources``, with the arguments of a machine's simulator."""
    command = [
        str(verilator_bin_dir() / "verilator"), *BUILD_ARGS, *arguments, "-Mdir", str(folder),
        str(MODELS), *map(str, sources),
    ]  # fmt: skip
    environment = build_environment(os.environ)
    # Compiling is most of what the tests take.
    environment["MAKEFLAGS"] += " OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run_bench(program: Path, cycles: Sequence[Cycle]) -> list[list[int]]:
    """Of each cycle, what each block gives after it, DOA below DOB, and the product."""
    lines = "\n".join(map(str, cycles))
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [[int(word, 16) for word in line.split()] for line in done.stdout.splitlines()]


def _wrapper(blocks: Sequence[Block]) -> str:
    parts = "\n".join(_instance(i, block) for i, block in enumerate(blocks))
    factors = [f".{port.upper()}{i}({port}[{i}])" for port in "ab" for i in range(18)]
    factors += [f".P{i}(product[{i}])" for i in range(36)]
    unused = [f".C{i}(1'b0)" for i in range(18)]
    return f"""\
module bench (
    input clk_a, clk_b, input [{len(CONTROLS) - 1}:0] controls, input [13:0] addr_a, addr_b,
    input [35:0] data, output [35:0] q [{len(blocks)}],
    input [1:0] signs, input [17:0] a, b, output [35:0] product
);
{parts}
    MULT18X18D factors ({", ".join([*factors, *unused])},
        .SIGNEDA(signs[0]), .SIGNEDB(signs[1]), .SOURCEA(1'b0), .SOURCEB(1'b0));
endmodule
"""


def _instance(index: int, block: Block) -> str:
    pins = {name: f"controls[{i}]" for i, name in enumerate(CONTROLS)}
    for port, first in (("A", 0), ("B", 18)):
        pins[f"CLK{port}"] = f"{'~' * block.inverted}clk_{port.lower()}"
        pins[f"OCE{port}"] = "1'b1"
        pins |= {f"CS{port}{i}": "1'b0" for i in range(3) if f"CS{port}{i}" not in pins}
        pins |= {f"AD{port}{i}": f"addr_{port.lower()}[{i}]" for i in range(14)}
        pins |= {f"DI{port}{i}": f"data[{first + i}]" for i in range(18)}
        pins |= {f"DO{port}{i}": f"q[{index}][{first + i}]" for i in range(18)}
    parameters = ", ".join(f".{name}({value})" for name, value in block.parameters.items())
    wires = ", ".join(f".{name}({value})" for name, value in pins.items())
    return f"    DP16KD #({parameters}) block_{index} ({wires});"
