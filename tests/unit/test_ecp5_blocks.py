"""Our models of an ECP5's block RAM and multiplier against what their makers say of them.

Lattice FPGA-TN-02204 (widths, write modes, byte enables, initial contents) and FPGA-TN-02205 (signs
of the factors), as far as our netlists go. Two ports at one word in one cycle are left out: what a
read then gives is nobody's promise.
"""

import random

import pytest
from ecp5_bench import Block, Cycle, build_bench, init_words, run_bench, verilate

SEED = 6
BLOCKS = (
    Block(width_a=9, width_b=9, init_seed=1),
    Block(width_a=9, width_b=9, mode_a="READBEFOREWRITE", mode_b="READBEFOREWRITE"),
    Block(width_a=18, width_b=18, init_seed=2),
    Block(width_a=18, width_b=18, mode_a="READBEFOREWRITE", mode_b="READBEFOREWRITE"),
    Block(width_a=9, width_b=18, mode_a="READBEFOREWRITE", init_seed=3),
    Block(width_a=18, width_b=9, mode_b="READBEFOREWRITE", inverted=True),
    Block(width_a=36, width_b=36, init_seed=4),
    Block(width_a=36, width_b=18),
    Block(width_a=36, width_b=9, inverted=True),
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return build_bench(tmp_path_factory.mktemp("ecp5"), BLOCKS)


class Memory:
    """16 Kbit and their parity, as 2048 bytes of nine bits; a port of one, two or four of them."""

    def __init__(self, block):
        self.block = block
        self.bytes = [0] * 2048
        if block.init_seed is not None:
            for i, word in init_words(block.init_seed).items():
                # Of twenty bits, 18 are the two bytes.
                for k in range(16):
                    pair = word >> (20 * k)
                    self.bytes[32 * i + 2 * k] = pair & 0x1FF
                    self.bytes[32 * i + 2 * k + 1] = pair >> 9 & 0x1FF
        self.outputs = {"A": 0, "B": 0}

    def edge(self, port, cycle):
        width = self.block.width_a if port == "A" else self.block.width_b
        if f"CE{port}" not in cycle.controls:
            return
        addr = cycle.addr_a if port == "A" else cycle.addr_b
        count = width // 9
        # The lowest bits are for ports narrower than a byte, and then for those that are wider.
        first = addr >> 3 & -count
        old = sum(self.bytes[first + i] << 9 * i for i in range(count))
        writes = f"WE{port}" in cycle.controls
        if writes:
            data = cycle.data >> (18 if port == "B" else 0)
            for i in range(count):
                if count == 1 or addr >> i & 1:
                    self.bytes[first + i] = data >> 9 * i & 0x1FF
        mode = self.block.mode_a if port == "A" else self.block.mode_b
        if not writes or mode == "READBEFOREWRITE":
            self.outputs[port] = old

    def expected(self):
        """What may be looked at: the pins that the widths have, with a mask of them."""
        if self.block.width_b == 36:
            return self.outputs["B"], (1 << 36) - 1
        mask = ((1 << self.block.width_b) - 1) << 18
        if self.block.width_a == 36:  # it only writes
            return self.outputs["B"] << 18, mask
        return self.outputs["B"] << 18 | self.outputs["A"], mask | (1 << self.block.width_a) - 1


def random_cycles(rng, count, *, b_writes):
    """Few addresses, so that what was written is read; never two ports at one word."""
    words = [rng.randrange(512) << 5 for _ in range(4)]
    for _ in range(count):
        word_a, word_b = rng.sample(words, 2)
        controls = {name for name in ("CEA", "WEA", "CEB", "WEB") if rng.random() < 0.7}
        yield Cycle(
            clocks=rng.choice([1, 2, 3, 3]),
            controls=frozenset(controls if b_writes else controls - {"WEB"}),
            addr_a=word_a | rng.randrange(32),
            addr_b=word_b | rng.randrange(32),
            data=rng.getrandbits(36),
        )


@pytest.mark.parametrize("index", range(len(BLOCKS)), ids=lambda i: str(BLOCKS[i]))
def test_each_port_reads_and_writes_as_its_width_and_mode_say(bench, index):
    rng = random.Random(SEED)
    memory = Memory(BLOCKS[index])
    cycles = list(random_cycles(rng, 3000, b_writes=BLOCKS[index].width_a < 36))
    for number, (cycle, outputs) in enumerate(
        zip(cycles, run_bench(bench, cycles), strict=True)
    ):
        if cycle.clocks & 1:
            memory.edge("A", cycle)
        if cycle.clocks & 2:
            memory.edge("B", cycle)
        expected, mask = memory.expected()
        assert outputs[index] & mask == expected & mask, f"cycle {number}, seed {SEED}"


def test_product_is_of_numbers_with_the_signs_that_are_said(bench):
    rng = random.Random(SEED)
    extremes = [0, 1, 0x1FFFF, 0x20000, 0x3FFFF]
    factors = [(a, b) for a in extremes for b in extremes]
    factors += [(rng.getrandbits(18), rng.getrandbits(18)) for _ in range(200)]
    cycles = [Cycle(signs=signs, a=a, b=b) for a, b in factors for signs in range(4)]
    for cycle, (*_, product) in zip(cycles, run_bench(bench, cycles), strict=True):
        a, b = ((value ^ 1 << 17) - (1 << 17) if cycle.signs >> i & 1 else value
                for i, value in enumerate((cycle.a, cycle.b)))  # fmt: skip
        assert product == a * b % (1 << 36), f"seed {SEED}"


@pytest.mark.parametrize("pin", ["RSTA", "RSTB", "CSA0", "CSB2"])
def test_pin_that_has_no_model_ends_the_run(bench, pin):
    assert len(run_bench(bench, [Cycle()] * 2)) == 2
    with pytest.raises(Exception, match="non-zero exit status|died with"):
        run_bench(bench, [Cycle(), Cycle(controls=frozenset({pin})), Cycle()])


@pytest.mark.parametrize(
    "parameter",
    [
        'REGMODE_A("OUTREG")', 'REGMODE_B("OUTREG")', 'CSDECODE_A("0b001")', 'CSDECODE_B("0b111")',
        'WRITEMODE_A("WRITETHROUGH")', 'WRITEMODE_B("WRITETHROUGH")', "DATA_WIDTH_A(4)",
        "DATA_WIDTH_B(1)",
    ],
)  # fmt: skip
def test_parameter_that_has_no_model_is_refused(tmp_path, parameter):
    top = tmp_path / "top.sv"
    top.write_text(f"module top; DP16KD #(.{parameter}) block (); endmodule\n")
    done = verilate([top], tmp_path, "--lint-only", "--top-module", "top")
    assert done.returncode and "no_model_of_a" in done.stderr
