"""Events counted in a waveform against the machine's own counters: equal, to the last one."""

import numpy as np
import pytest
from bare_firmware import RESULTS_ADDR, build_program, orders
from cosim_cases import TILE_WAYS
from cosim_jobs import TIMEOUT_S, make_job, system_firmware
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.hw.dma.descriptor import BLOCK_FIELDS, Direction
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.hw.stream.descriptor import JOB_FIELDS
from tightrope.sim.cosim.run import run_images
from tightrope.sim.cosim.trace import read_intervals
from tightrope.sim.cosim.waveform import count_events, read_events, transfer_cycles
from tightrope.sim.golden.random_layers import random_inputs, random_quant_layer
from tightrope.sim.image.layout import IMAGE_ADDR
from tightrope.sim.image.results import read_results
from tightrope.sim.image.steps import independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.workload.layers import Layer, LayerOp

MEMORY = MemoryConfig(size_bytes=1 << 20, latency_cycles=5, bytes_per_cycle=8)
SEVERAL = ClusterConfig(
    harts=2,
    tight_tiles_per_hart=2,
    loose_tiles=3,
    tile=TileConfig(rows=16, cols=16, mvm_latency_cycles=40, program_latency_cycles=9),
    memory=MEMORY,
)
STREAMING = ClusterConfig(
    harts=1,
    tight_tiles_per_hart=1,
    loose_tiles=1,
    tile=TileConfig(rows=64, cols=64, adc_bits=8),
    memory=MEMORY,
    scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=8),
    stream_ports=1,
    stream_bytes_per_cycle=16,
    dma_bytes_per_cycle=16,
)
MACHINES = {"two harts": SEVERAL, "streaming tile": STREAMING}
# As in waveform.c.
SIZE, BUSY_SAMPLES, HART_WORDS, ROUNDS = 4, 6, 0x1000 // 4, 2
LAYER = Layer(
    name="pointwise", op=LayerOp.CONV, source_op="Conv", in_shape=(3, 3, 24), out_shape=(3, 3, 20)
)


def pack(fields, values):
    """The words of a descriptor."""
    value, place = 0, 0
    for name, bits in fields.items():
        value |= values.get(name, 0) << place
        place += bits
    return [value >> 32 * i & 0xFFFF_FFFF for i in range(place // 32)]


STREAMED_MVMS, BLOCK_BYTES = 12, 200
BLOCK_ADDR = IMAGE_ADDR + 0x2_0000
MOVED = {"memory": BLOCK_ADDR - MAIN_MEMORY.base_addr, "row_bytes": BLOCK_BYTES, "rows": 1}
# A pixel of SIZE bytes for each MVM.
JOB = {
    "in_h": 1, "in_w": STREAMED_MVMS, "out_w": STREAMED_MVMS, "count": STREAMED_MVMS,
    "channels": SIZE, "kernel_w": 1, "rows": SIZE, "cols": SIZE,
    "pixel_step": SIZE, "pixel_x": 1, "destination": 1024, "destination_step": SIZE,
}  # fmt: skip
STREAMS = (
    1,
    *pack(BLOCK_FIELDS, MOVED | {"direction": Direction.LOAD}),
    *pack(JOB_FIELDS, JOB),
    *pack(BLOCK_FIELDS, MOVED | {"direction": Direction.STORE}),
)


class Reported:
    """The samples of a run: (before, value, after), after that what the waveform says."""

    def __init__(self, machine, folder):
        program = build_program("waveform", folder)
        result_words = SIZE * machine.tile.output_bytes // 4
        streams = STREAMS if machine.stream_ports else (0,)
        image = orders(machine.tight_tiles_per_hart, machine.loose_tiles, result_words, *streams)
        vcd = folder / "run.vcd"
        (self.run,) = run_images(
            machine,
            [image],
            firmware=program.bin.read_bytes(),
            limit_cycles=100_000,
            waves_file=vcd,
            timeout_s=TIMEOUT_S,
        )
        self.run.check()
        self.machine = machine
        self.wave = read_events(vcd, machine)
        self.intervals = read_intervals(vcd, machine)
        words = self.run.words(RESULTS_ADDR, HART_WORDS * machine.harts)
        self._words = words.reshape(machine.harts, HART_WORDS).astype(np.int64)

    def samples(self, hart, first, count):
        return self._words[hart, 3 * first : 3 * (first + count)].reshape(count, 3).tolist()

    def private(self, hart):
        """Sleep, beats, then MVMs and busy cycles of each tight tile."""
        return self.samples(hart, 0, 2 + 2 * self.machine.tight_tiles_per_hart)

    def shared(self):
        """Busy cycles of loose tile 0 again and again; MVMs and busy cycles of each loose tile;
        beats, transfers."""
        first = 2 + 2 * self.machine.tight_tiles_per_hart
        return self.samples(0, first, BUSY_SAMPLES + 2 * self.machine.loose_tiles + 2)

    def spans(self, track):
        """First and last cycle of each interval of a track, the last one excluded."""
        return [(i.begin_cycle, i.end_cycle) for i in self.intervals if i.track == track]

    def cycles(self, track):
        """Every cycle of the intervals of a track."""
        return [cycle for first, last in self.spans(track) for cycle in range(first, last)]

    def before(self, cycle):
        return count_events(self.wave, self.machine, end_cycle=cycle)

    def quiet(self, sample, count):
        """What ``count`` takes from the waveform, and the value read.

        The counter was read in some cycle from ``before`` to ``after``, both read by the hart
        itself. Nothing is to be counted in between, so any of them will do.
        """
        before, value, after = sample
        assert count(self.before(before)) == count(self.before(after))
        return count(self.before(before)), value

    def exact(self, sample, count):
        """The same for a register on the shared bus, which may count on: the read itself is the
        only transfer between ``before`` and ``after``, and the waveform has its cycle."""
        before, value, after = sample
        (cycle,) = transfer_cycles(self.wave, before, after)
        return count(self.before(cycle)), value


@pytest.fixture(scope="module", params=MACHINES.values(), ids=list(MACHINES))
def reported(request, tmp_path_factory):
    return Reported(request.param, tmp_path_factory.mktemp("waveform"))


def test_run_in_the_waveform_is_as_long_as_the_host_says(reported):
    assert reported.wave.end_cycle == reported.run.cycles


def test_tight_tiles(reported):
    tight = reported.machine.tight_tiles_per_hart
    for hart in range(reported.machine.harts):
        for tile in range(tight):
            bit = hart * tight + tile
            mvms, busy = reported.private(hart)[2 + 2 * tile :][:2]
            wave, counter = reported.quiet(mvms, lambda c, bit=bit: c.mvms[bit])
            assert wave == counter == ROUNDS * (2 * hart + tile + 1)
            wave, counter = reported.quiet(busy, lambda c, bit=bit: c.busy_cycles[bit])
            assert wave == counter == mvms[1] * reported.machine.tile.mvm_latency_cycles


def test_loose_tiles(reported):
    machine = reported.machine
    samples = reported.shared()[BUSY_SAMPLES:]
    for tile in range(machine.loose_tiles):
        bit = machine.harts * machine.tight_tiles_per_hart + tile
        mvms, busy = samples[2 * tile :][:2]
        wave, counter = reported.exact(mvms, lambda c, bit=bit: c.mvms[bit])
        # And one that is watched, and those of a job.
        more = 1 + (STREAMED_MVMS if machine.stream_ports else 0) if tile == 0 else 0
        assert wave == counter == ROUNDS * (3 * tile + 2 + more)
        wave, counter = reported.exact(busy, lambda c, bit=bit: c.busy_cycles[bit])
        assert wave == counter == mvms[1] * machine.tile.mvm_latency_cycles


def test_busy_cycles_while_they_are_counted(reported):
    bit = reported.machine.harts * reported.machine.tight_tiles_per_hart
    samples = reported.shared()[:BUSY_SAMPLES]
    pairs = [reported.exact(sample, lambda c: c.busy_cycles[bit]) for sample in samples]
    assert [wave for wave, _ in pairs] == [counter for _, counter in pairs]
    # Some of them were read in the midst of an MVM.
    assert len({counter for _, counter in pairs}) > 2


def test_totals_of_the_host(reported):
    beats, transfers = reported.shared()[-2:]
    wave, counter = reported.exact(beats, lambda c: c.memory_beats)
    assert wave == counter > 0
    total = count_events(reported.wave, reported.machine)
    of_dma = total.memory_beats - sum(total.hart_memory_beats)
    moved = BLOCK_BYTES // MEMORY.bytes_per_cycle if reported.machine.dma_bytes_per_cycle else 0
    assert of_dma == ROUNDS * 2 * moved
    # A transfer is counted from the cycle after it on: the read does not see itself.
    wave, counter = reported.exact(transfers, lambda c: c.shared_transfers)
    assert wave == counter > 0


def test_streams_and_computing_overlap(reported):
    # Input and result of an MVM are a beat, and so a cycle, each.
    reads = reported.cycles("loose tile 0 stream-in")
    writes = reported.cycles("loose tile 0 stream-out")
    loads, stores = reported.spans("DMA load"), reported.spans("DMA store")
    if not reported.machine.stream_ports:
        assert not reads + writes + loads + stores
        return
    assert len(reads) == len(writes) == ROUNDS * STREAMED_MVMS
    assert len(loads) == len(stores) == ROUNDS
    computing = reported.cycles("loose tile 0")
    latency = reported.machine.tile.mvm_latency_cycles
    for job, (load, store) in enumerate(zip(loads, stores, strict=True)):
        # Jobs lie between the blocks, and what the hart itself starts doesn't.
        busy = [cycle for cycle in computing if load[1] <= cycle < store[0]]
        assert len(busy) == STREAMED_MVMS * latency
        first = job * STREAMED_MVMS
        for n in range(1, STREAMED_MVMS - 1):
            mvm = range(busy[n * latency], busy[(n + 1) * latency - 1] + 1)
            assert reads[first + n] < mvm[0] and mvm[-1] < writes[first + n]
            assert reads[first + n + 1] in mvm and writes[first + n - 1] in mvm


def test_harts(reported):
    for hart in range(reported.machine.harts):
        sleep, beats = reported.private(hart)[:2]
        # It is awake when it reads.
        wave, counter = reported.quiet(sleep, lambda c, hart=hart: c.sleep_cycles[hart])
        assert wave == counter > 0
        # What reads is in the instruction cache, and the write buffer is empty.
        wave, counter = reported.quiet(beats, lambda c, hart=hart: c.hart_memory_beats[hart])
        assert wave == counter > 0


def test_whole_runs_of_the_firmware(tmp_path):
    """All MVMs lie in a layer, so the layers' counters together are what their run did."""
    jobs = []
    for body, split, balance in TILE_WAYS:
        rng = np.random.default_rng(5)
        groups = single_layer_groups(LAYER, SEVERAL, body, split)
        plan = plan_layer(LAYER, SEVERAL, body, balance, groups=groups, split=split)
        qlayer = random_quant_layer(LAYER, rng, weight_bits=SEVERAL.tile.weight_bits)
        steps, inputs = independent_steps([(qlayer, plan)], [random_inputs(LAYER, rng)])
        jobs.append(make_job(f"{body.name} {balance.name}", SEVERAL, steps, inputs))
    vcd = tmp_path / "runs.vcd"
    runs = run_images(
        SEVERAL,
        [job.image for job in jobs],
        firmware=system_firmware().bin.read_bytes(),
        limit_cycles=300_000,
        waves_file=vcd,
        timeout_s=TIMEOUT_S,
    )
    for run_idx, (job, run) in enumerate(zip(jobs, runs, strict=True)):
        run.check()
        wave = read_events(vcd, SEVERAL, run_idx=run_idx)
        assert wave.end_cycle == run.cycles
        counts = count_events(wave, SEVERAL)
        tiles = read_results(job.image, run.memory).tile_counters.sum(axis=0)
        assert list(counts.mvms) == tiles[:, TileStatusReg.MVMS].tolist(), job.name
        assert list(counts.busy_cycles) == tiles[:, TileStatusReg.BUSY_CYCLES].tolist(), job.name
        assert sum(counts.mvms) > 0
