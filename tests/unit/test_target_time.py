"""Two tiles, one array computed at once and one by taking turns: equal in every cycle."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from target_time import run_in_target_time
from tightrope.hw.config import TileConfig
from tightrope.hw.isa import TILE_SHIFT_POST, TileConfigReg, TileStatusReg
from tightrope.hw.tile.ports import PortWidths
from tightrope.hw.tile.synth.array import SynthesizableArray
from tightrope.hw.tile.tile import Tile
from tile_stub import StubArray

CASES = {
    "shared-multipliers": (
        TileConfig(rows=24, cols=16, adc_bits=8, mvm_latency_cycles=7, program_latency_cycles=2),
        {},
    ),
    "no-time-at-all": (
        TileConfig(rows=16, cols=24, mvm_latency_cycles=1, program_latency_cycles=1),
        {},
    ),
    "time-enough": (
        TileConfig(rows=8, cols=8, adc_bits=12, weight_bits=4, mvm_latency_cycles=90),
        {},
    ),
    "wide-ports-that-requantise": (
        TileConfig(rows=24, cols=16, adc_bits=12, mvm_latency_cycles=30, post_lanes=4),
        {"port_bytes": 16, "port_bytes_out": 16},
    ),
}
CYCLES = 800
OUTPUTS = (
    "dequeue_words", "dequeue_last", "status_data", "result", "coming", "pending", "failed", "busy",
)  # fmt: skip


class Twins(wiring.Component):
    """Both tiles; a test drives ``stub`` and ``synth`` alike."""

    def __init__(self, config, ports):
        widths = PortWidths(**ports).of_array(config)
        self.array = StubArray(config, **widths.keywords)
        self.stub = Tile(config=config, array=lambda _, **_ports: self.array, **ports)
        self.synth = Tile(config=config, array=self._synthesizable, **ports)
        super().__init__({})

    def _synthesizable(self, config, **ports):
        return SynthesizableArray(config, lanes=4, **ports)

    def elaborate(self, platform):
        m = Module()
        m.submodules.stub = self.stub
        m.submodules.synth = self.synth
        return m

    def set(self, ctx, *path, value):
        for port in (self.stub, self.synth):
            *parents, last = path
            for name in parents:
                port = getattr(port, name)
            ctx.set(getattr(port, last), value)


def configuration(rng, config):
    """A write to one of the registers; most windows are valid, a RESET is rare."""
    row, col = rng.randrange(config.rows), rng.randrange(0, config.cols, 4)
    rows = rng.randint(1, config.rows - row)
    cols = rng.randrange(4, config.cols - col + 1, 4)
    if rng.random() < 0.05:
        rows, col = rng.randrange(64), rng.randrange(32)
    post = TILE_SHIFT_POST if config.post_lanes and rng.random() < 0.5 else 0
    writes = {
        TileConfigReg.ROWS: row | rows << 16,
        TileConfigReg.COLS: col | cols << 16,
        TileConfigReg.SHIFT: rng.randrange(16) | post,
    }
    if config.post_lanes:
        writes |= {
            TileConfigReg.COLUMN: rng.randrange(config.cols),
            TileConfigReg.BIAS: rng.getrandbits(12),
            TileConfigReg.SCALE: rng.getrandbits(26) << 6 | rng.randrange(32, 50),
            TileConfigReg.ACTIVATION: rng.randrange(8) | 0x80 << 8 | 0x7F << 16,
        }
    if rng.random() < 0.01:
        writes = {TileConfigReg.RESET: 0}
    return rng.choice(list(writes.items()))


def drive(ctx, twins, config, port_bytes, rng, eagerness):
    """What a cycle asks of the tiles; a handshake may begin in any and end in any."""
    count = rng.randint(1, port_bytes)
    twins.set(ctx, "queue", "valid", value=rng.random() < eagerness)
    twins.set(ctx, "queue", "payload", "data", value=rng.getrandbits(8 * port_bytes))
    twins.set(ctx, "queue", "payload", "count", value=count)
    twins.set(ctx, "process", "valid", value=rng.random() < 0.3 * eagerness)
    twins.set(ctx, "dequeue", "ready", value=rng.random() < eagerness)
    twins.set(ctx, "program", "valid", value=rng.random() < 0.2)
    twins.set(ctx, "program", "payload", "row", value=rng.randrange(config.rows))
    twins.set(ctx, "program", "payload", "col", value=4 * rng.randrange(config.cols // 4))
    twins.set(ctx, "program", "payload", "data", value=rng.getrandbits(32))
    index, value = configuration(rng, config)
    twins.set(ctx, "config_en", value=rng.random() < 0.2)
    twins.set(ctx, "config_index", value=index)
    twins.set(ctx, "config_data", value=value)
    twins.set(ctx, "status_index", value=rng.choice(list(TileStatusReg)))


def seen(ctx, tile):
    """What a tile's user may look at in a cycle."""
    words = ctx.get(tile.dequeue_words)
    found = {name: ctx.get(getattr(tile, name)) for name in OUTPUTS}
    found |= {name: ctx.get(getattr(tile, name).ready) for name in ("queue", "process", "program")}
    found["valid"] = ctx.get(tile.dequeue.valid)
    found["words"] = ctx.get(tile.dequeue.payload) & ((1 << 32 * words) - 1)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_tiles_of_both_bodies_are_equal_in_every_cycle(case, seed):
    config, ports = CASES[case]
    twins, rng = Twins(config, ports), random.Random(seed)
    results = 0

    async def testbench(ctx):
        nonlocal results
        for cycle in range(CYCLES):
            # Input comes faster than MVMs, then slower.
            eagerness = (0.9, 0.3)[cycle // 200 % 2]
            drive(ctx, twins, config, ports.get("port_bytes", 8), rng, eagerness)
            expected, got = seen(ctx, twins.stub), seen(ctx, twins.synth)
            assert got == expected, f"seed {seed} cycle {cycle}"
            results += expected["valid"] & expected["dequeue_last"]
            await ctx.tick()

    cycles = run_in_target_time(twins, twins.synth.late, testbench, processes=[twins.array.process])
    assert results > 10
    assert (cycles > CYCLES) == (case != "time-enough")
