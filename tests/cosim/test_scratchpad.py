"""Harts and streaming tiles at the scratchpad on RTL, and harts that sleep for them."""

import dataclasses
import struct

import numpy as np
import pytest
from bare_firmware import RESULTS_ADDR, BareImage, build_program, orders
from cosim_jobs import run_firmware
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.hw.dma.descriptor import BLOCK_FIELDS, Direction, DmaError
from tightrope.hw.isa import TileStatus
from tightrope.hw.memmap import MAIN_MEMORY, SCRATCHPAD
from tightrope.hw.regs import Event, JobStatus
from tightrope.hw.stream.descriptor import JOB_FIELDS, JobError
from tightrope.sim.golden.matrix import patches, tile_mvm
from tightrope.sim.image.layout import IMAGE_ADDR, ExitStatus

MACHINE = ClusterConfig(
    harts=2,
    tight_tiles_per_hart=1,
    loose_tiles=2,
    tile=TileConfig(rows=64, cols=32, adc_bits=8),
    memory=MemoryConfig(size_bytes=1 << 20, latency_cycles=4, bytes_per_cycle=16),
    scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=8),
    # Both tiles share it.
    stream_ports=1,
    stream_bytes_per_cycle=16,
    dma_bytes_per_cycle=16,
)
SIZE_BYTES = MACHINE.scratchpad.size_bytes
MEMORY, STREAM, SLEEP, STRANGER, DMA = range(5)
# As in scratchpad.c.
RESULT_WORDS = 256
CONTENTS, WEIGHTS, JOBS, FINAL, IMAGE_END = 0x20000, 0x40000, 0x50000, 0x60000, 0x68000
LIMIT_CYCLES = 2_000_000
TURNS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conv:
    """A small convolution of one block of an array, its input and results in the scratchpad."""

    in_shape: tuple[int, int, int]
    out_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    fill: int = 0
    row: int = 0
    col: int = 0
    cols: int = 32
    shift: int = 0
    image: int
    destination: int
    destination_step: int

    @property
    def rows(self):
        return self.kernel[0] * self.kernel[1] * self.in_shape[2]

    @property
    def count(self):
        return self.out_size[0] * self.out_size[1]

    def job(self, **fields):
        """The descriptor's words; ``fields`` replace some."""
        (in_h, in_w, c), (kernel_w, (sh, sw)) = self.in_shape, (self.kernel[1], self.stride)
        places = {
            "column": (0, 1),
            "row": (1, 1 - kernel_w),
            "pixel": (0, sw),
            "line": (sh, -(self.out_size[1] - 1) * sw),
        }
        job = {
            "source": self.image - (self.pad[0] * in_w + self.pad[1]) * c,
            "y": -self.pad[0], "x": -self.pad[1], "in_h": in_h, "in_w": in_w, "channels": c,
            "kernel_w": kernel_w, "out_w": self.out_size[1], "row": self.row, "rows": self.rows,
            "col": self.col, "cols": self.cols, "shift": self.shift, "zero_point": self.fill,
            "count": self.count, "destination": self.destination,
            "destination_step": self.destination_step,
        }  # fmt: skip
        for name, (dy, dx) in places.items():
            job |= {f"{name}_y": dy, f"{name}_x": dx, f"{name}_step": (dy * in_w + dx) * c}
        return pack(job | fields, JOB_FIELDS)

    def run(self, contents, weights):
        """What it leaves in the scratchpad, by the reference."""
        size = int(np.prod(self.in_shape))
        x = contents[self.image : self.image + size].view(np.int8).reshape(self.in_shape)
        inputs = patches(x, self.out_size, self.kernel, self.stride, self.pad, self.fill)
        window = weights[self.row : self.row + self.rows, self.col : self.col + self.cols]
        results = tile_mvm(window, inputs, MACHINE.tile.adc_bits, self.shift).astype(np.int8)
        for i, result in enumerate(results):
            place = self.destination + i * self.destination_step
            contents[place : place + self.cols] = result.view(np.uint8)


def pack(job, fields):
    """The words of a descriptor."""
    value, place = 0, 0
    for name, bits in fields.items():
        value |= (job.get(name, 0) % (1 << bits)) << place
        place += bits
    return [value >> 32 * i & 0xFFFF_FFFF for i in range(place // 32)]


def stream_image(contents, weights, jobs, *, one_by_one):
    """An image for STREAM; ``weights`` and ``jobs`` for each tile, as many jobs for both."""
    head = orders(STREAM, SIZE_BYTES, *weights[0].shape, len(jobs[0]), one_by_one).data
    return image({0: head, CONTENTS: contents.tobytes(), JOBS: flat(jobs),
                  WEIGHTS: b"".join(w.tobytes() for w in weights)})  # fmt: skip


def flat(jobs):
    words = [word for tile in jobs for job in tile for word in job]
    return struct.pack(f"<{len(words)}I", *words)


def image(parts):
    """An image of parts at their places."""
    data = bytearray(FINAL)
    for place, part in parts.items():
        data[place : place + len(part)] = part
    return BareImage(bytes(data), memory_end=IMAGE_ADDR + IMAGE_END)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build_program("scratchpad", tmp_path_factory.mktemp("scratchpad"))


def run(program, *images):
    results = run_firmware(MACHINE, images, program, limit_cycles=LIMIT_CYCLES)
    for result in results:
        result.check()
    return results


def results_of(result):
    """(harts, RESULT_WORDS) of what the program reports."""
    words = result.words(RESULTS_ADDR, RESULT_WORDS * MACHINE.harts)
    return words.reshape(MACHINE.harts, RESULT_WORDS).astype(np.int64)


@pytest.fixture(scope="module")
def random():
    """Contents of the scratchpad and of each tile."""
    rng = np.random.default_rng(5)
    contents = rng.integers(0, 256, SIZE_BYTES, np.uint8)
    shape = (MACHINE.tile.rows, MACHINE.tile.cols)
    return contents, [rng.integers(-128, 128, shape, np.int8) for _ in range(2)]


def test_harts_read_what_they_wrote_cached_and_uncached(program):
    (result,) = run(program, orders(MEMORY, SIZE_BYTES))
    words = SIZE_BYTES // 4 // MACHINE.harts
    for wrong, accesses, conflicts, others_store in results_of(result)[:, :4]:
        assert wrong == 0
        # A line of eight for eight words, and each by itself.
        assert accesses == 2 * words
        assert conflicts < accesses
        assert others_store == 1


CONVS = (
    # Padding of a value, a window inside the array, results with gaps.
    Conv(in_shape=(5, 6, 4), out_size=(5, 6), kernel=(3, 3), pad=(1, 1), fill=-7, row=11, col=4,
         cols=24, shift=6, image=101, destination=1024, destination_step=28),
    # Reads what the first one wrote, in larger steps.
    Conv(in_shape=(4, 4, 28), out_size=(2, 2), kernel=(1, 2), stride=(2, 2), shift=5, image=1024,
         destination=2048, destination_step=32),
    # A dense layer, over the end of the scratchpad's first half.
    Conv(in_shape=(1, 1, 64), out_size=(1, 1), kernel=(1, 1), cols=32, shift=7, image=8160,
         destination=4096, destination_step=32),
)  # fmt: skip


def moved(conv, by):
    """The same elsewhere, for the other tile."""
    return dataclasses.replace(
        conv, image=conv.image + by, destination=conv.destination + by
    )


def test_streaming_jobs_are_the_reference_bit_by_bit(program, random):
    contents, weights = random
    half = SIZE_BYTES // 2
    convs = [CONVS[:2], [moved(conv, half) for conv in CONVS[:2]]]
    both = [[conv.job(tag=7 + i) for i, conv in enumerate(tile)] for tile in convs]
    last = [[CONVS[2].job()], [moved(CONVS[2], 4096).job()]]
    expected = []
    for jobs_of in (convs, [[CONVS[2]], [moved(CONVS[2], 4096)]]):
        after = contents.copy()
        for tile, tile_weights in zip(jobs_of, weights, strict=True):
            for conv in tile:
                conv.run(after, tile_weights)
        expected.append(after)
    found = run(
        program,
        stream_image(contents, weights, both, one_by_one=1),
        stream_image(contents, weights, last, one_by_one=0),
    )
    for after, result, count in zip(expected, found, (2, 1), strict=True):
        for status, tile_status, asleep, cycles, *_, error in results_of(result)[:, :9]:
            assert status == count << 16 | JobStatus.ROOM
            assert (tile_status, error) == (0, 0)
            assert asleep < cycles
        final = result.words(IMAGE_ADDR + FINAL, SIZE_BYTES // 4).view(np.uint8)
        assert np.flatnonzero(final != after).tolist() == []


def test_a_long_job_takes_the_time_of_its_slowest_part(program, random):
    """The MVM's latency; each has 4 + 2 requests, and two tiles share the port."""
    contents, weights = random
    conv = Conv(in_shape=(8, 8, 64), out_size=(8, 8), kernel=(1, 1), shift=7, image=0,
                destination=4096, destination_step=32)  # fmt: skip
    jobs = [[conv.job()], [moved(conv, 6144).job()]]
    (result,) = run(program, stream_image(contents, weights, jobs, one_by_one=0))
    for _, _, asleep, cycles, bytes_in, bytes_out, _, busy in results_of(result)[:, :8]:
        assert (bytes_in, bytes_out) == (64 * 64, 64 * 32)
        latency = MACHINE.tile.mvm_latency_cycles
        assert 64 * latency <= busy <= 64 * latency + 30
        # The rest is the descriptor, and the instructions around the sleep.
        assert busy - 200 <= asleep <= busy
        assert cycles - busy < 1000


BAD = {
    JobError.EMPTY: {"count": 0},
    JobError.START: {"kernel_x": 9},
    JobError.WINDOW: {"cols": 36},
    JobError.ALIGNMENT: {"destination": 1026},
    JobError.DESTINATION: {"destination": SIZE_BYTES - 20},
    JobError.SOURCE: {"source": SIZE_BYTES - 10, "y": 0, "x": 0},
}


def test_bad_jobs_are_refused_and_write_nothing(program, random):
    contents, weights = random
    jobs = [[CONVS[0].job(tag=100 + error, **fields) for error, fields in BAD.items()]] * 2
    (result,) = run(program, stream_image(contents, weights, jobs, one_by_one=1))
    for status, tile_status, *_ in results_of(result):
        assert status == len(BAD) << 16 | JobStatus.ROOM
        assert tile_status == 0
    errors = results_of(result)[:, 8 : 8 + len(BAD)]
    assert (errors == [error | (100 + error) << 16 for error in BAD]).all()
    final = result.words(IMAGE_ADDR + FINAL, SIZE_BYTES // 4).view(np.uint8)
    assert (final == contents).all()


def test_a_hart_that_does_not_hold_the_tile_can_not_give_it_jobs(program):
    (result,) = run(program, orders(STRANGER))
    for status, job_status, *_ in results_of(result):
        assert (status, job_status) == (TileStatus.ERROR_OWNER, JobStatus.ROOM)


def test_blocks_go_to_the_scratchpad_and_back(program, random):
    contents, _ = random
    here = IMAGE_ADDR - MAIN_MEMORY.base_addr
    blocks, wanted = [], np.zeros(SIZE_BYTES, np.uint8)
    for hart in range(MACHINE.harts):
        # Rows of 100 bytes out of 140, dense in the scratchpad; then every other one back.
        base, rows = 4096 * hart, 30
        load = {
            "memory": here + CONTENTS + base, "memory_pitch": 140, "row_bytes": 100, "rows": rows,
            "scratchpad": base + 64, "scratchpad_pitch": 100, "direction": Direction.LOAD,
        }  # fmt: skip
        store = {
            "memory": here + FINAL + base, "memory_pitch": 104, "row_bytes": 100, "rows": rows // 2,
            "scratchpad": base + 64, "scratchpad_pitch": 200, "direction": Direction.STORE,
        }  # fmt: skip
        bad = load | {"scratchpad": SIZE_BYTES - 4 * 100}
        for row in range(0, rows, 2):
            place = base + row // 2 * 104
            wanted[place : place + 100] = contents[base + 140 * row :][:100]
        blocks.append([pack(block, BLOCK_FIELDS) for block in (load, bad, store)])
    head = orders(DMA, SIZE_BYTES, 0, 0, len(blocks[0])).data
    (result,) = run(program, image({0: head, CONTENTS: contents.tobytes(), JOBS: flat(blocks)}))
    for status, error, cycles, asleep, loaded, stored in results_of(result)[:, :6]:
        assert status == 3 << 16 | JobStatus.ROOM | JobStatus.FAILED
        assert error == DmaError.SCRATCHPAD
        assert 0 < asleep < cycles
        assert (loaded, stored) == (2 * 3000, 2 * 1500)
    final = result.words(IMAGE_ADDR + FINAL, SIZE_BYTES // 4).view(np.uint8)
    assert np.flatnonzero(final != wanted).tolist() == []


def test_a_hart_sleeps_as_long_as_it_waits(program):
    (result,) = run(program, orders(SLEEP, TURNS))
    (arrived, *_), (awake, asleep, since, events, *_) = results_of(result)
    assert events == Event.BARRIER
    assert asleep > 2 * TURNS
    # Instructions before sleep and after it.
    assert 0 < awake - arrived < 60
    assert 0 < (arrived - since) - asleep < 60


def test_a_tight_tiles_result_wakes_its_hart(program):
    (result,) = run(program, orders(SLEEP, TURNS))
    latency = MACHINE.tile.mvm_latency_cycles
    for events, asleep, pending in results_of(result)[:, 4:7]:
        assert (events, pending) == (Event.TILE, 0)
        assert 0 < asleep <= latency


@pytest.mark.parametrize("uncached", [0, 1 << 31])
def test_accesses_beyond_the_scratchpad_trap(uncached, tmp_path):
    store, load = 0, 1
    faults = build_program("faults", tmp_path)
    end = SCRATCHPAD.base_addr + SIZE_BYTES | uncached
    images = [orders(kind, hart, end, 0) for hart, kind in enumerate((store, load))]
    images.append(orders(load, 1, end - 4, 0))
    *bad, good = run_firmware(MACHINE, images, faults, limit_cycles=50_000)
    assert good.status == ExitStatus.OK
    for hart, result in enumerate(bad):
        assert result.status == ExitStatus.TRAP
        assert (result.fault.hart, result.fault.addr) == (hart, end)
