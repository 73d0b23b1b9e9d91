"""The way from Python to the simulator and back, on a machine small enough to build in seconds."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.hw.memmap import MAIN_MEMORY
from tightrope.sim.cosim.build import build
from tightrope.sim.cosim.errors import CosimError, CosimHang
from tightrope.sim.cosim.run import run_images
from tightrope.sim.cosim.trace import read_intervals
from tightrope.sim.cosim.waveform import WaveCounts, count_events, read_events, transfer_cycles
from tightrope.sim.image.layout import HEADER, IMAGE_ADDR, MAGIC, ExitStatus
from tightrope.sim.image.running import RunError

DUMMY = (Path(__file__).parent / "dummy_cluster.v").read_text()
CONFIG = ClusterConfig(harts=2, memory=MemoryConfig(size_bytes=1 << 20))
PARAMETERS_OFFSET = 96
"""In the image, behind its header."""
IMAGE_OFFSET = IMAGE_ADDR - MAIN_MEMORY.base_addr
NEVER, OUTSIDE_MEMORY = 0, 0xFFFF_FFFF
LOG_ADDR = IMAGE_ADDR + 128
VALUE_ADDR = IMAGE_ADDR + 0x104


@dataclass(frozen=True)
class DummyImage:
    data: bytes
    memory_end: int = IMAGE_ADDR + 0x1000


def dummy_image(*, cycles, status=0, value=0xFFFF_FFFF, log=b""):
    header = dict.fromkeys((name for name, _ in HEADER), 0)
    header |= {"magic": MAGIC, "log_addr": LOG_ADDR, "log_bytes": 64}
    words = [cycles, status, VALUE_ADDR - MAIN_MEMORY.base_addr, value]
    start = struct.pack(f"<{len(header)}I", *header.values()).ljust(PARAMETERS_OFFSET, b"\0")
    assert len(start) == PARAMETERS_OFFSET
    data = (start + struct.pack("<4I", *words)).ljust(128, b"\0")
    return DummyImage(data + struct.pack("<I", len(log)) + log)


def dummy_rtl(config, out_dir):
    import tightrope.hw.mem.main_memory as main_memory

    place = str(IMAGE_OFFSET + PARAMETERS_OFFSET)
    (out_dir / "dummy_cluster.v").write_text(DUMMY.replace("PARAMETERS_OFFSET", place))
    folder = Path(main_memory.__file__).parent
    return [out_dir / "dummy_cluster.v", folder / "main_memory.sv", folder / "main_memory.cpp"]


def dummy_build(trace):
    return build(CONFIG, trace, generate=dummy_rtl, generate_key=f"{IMAGE_OFFSET}{DUMMY}")


@pytest.fixture(scope="module")
def simulator():
    return dummy_build(trace=False)


@pytest.fixture
def traced(tmp_path):
    simulator = dummy_build(trace=True)
    return {"simulator": simulator, "waves_file": tmp_path / "run.vcd"}


@pytest.fixture(scope="module")
def run(simulator):
    def run(*images, limit_cycles=100_000, **options):
        return run_images(
            CONFIG,
            images,
            firmware=b"\x13\0\0\0",
            limit_cycles=limit_cycles,
            **{"timeout_s": 60, "simulator": simulator, **options},
        )

    return run


def test_runs_end_with_their_status_and_cycles(run):
    results = run(dummy_image(cycles=300), dummy_image(cycles=1000, status=3))
    assert [(result.status, result.cycles) for result in results] == [(0, 300), (3, 1000)]


def test_store_after_the_end_is_in_the_snapshot(run):
    (result,) = run(dummy_image(cycles=50, value=0xA1B2_C3D4))
    # The dummy stores with byte lanes 0 and 2 only.
    assert result.words(VALUE_ADDR, 1).tolist() == [0x00B2_00D4]
    assert result.memory.dtype == np.uint8
    assert len(result.memory) == 0x1000


def test_memory_is_clean_for_each_image(run):
    first, second = run(dummy_image(cycles=50), dummy_image(cycles=50, value=0))
    assert first.words(VALUE_ADDR, 1).tolist() == [0x00FF_00FF]
    assert second.words(VALUE_ADDR, 1).tolist() == [0]


def test_batch_and_single_run_agree(run):
    images = [dummy_image(cycles=100 + i, value=i) for i in range(5)]
    alone = [run(image)[0] for image in images]
    for one, other in zip(run(*images), alone, strict=True):
        assert one.cycles == other.cycles
        assert np.array_equal(one.memory, other.memory)


def test_log_and_fault_reach_the_message(run):
    (result,) = run(dummy_image(cycles=50, status=ExitStatus.TRAP, log=b"lost its way\n"))
    assert result.log == "lost its way\n"
    with pytest.raises(RunError) as caught:
        result.check()
    assert str(caught.value) == (
        "the run ended with status 1 (TRAP) after 50 cycles: hart 1 trapped at pc 0x40000120, "
        "mcause 0x5, address 0x00000050\n  lost its way"
    )


def test_hang_reports_each_hart(run):
    with pytest.raises(CosimHang) as caught:
        run(
            dummy_image(cycles=50),
            dummy_image(cycles=NEVER),
            limit_cycles=5000,
            symbolise=lambda pc: f"main+{pc & 0xFFF}",
        )
    assert caught.value.pcs == [0x4000_0120, 0x4000_0120]
    assert str(caught.value) == (
        "image 1 was not finished after 5000 cycles\n"
        "  hart 0: pc 0x40000120 main+288\n"
        "  hart 1: pc 0x40000120 main+288"
    )


def test_death_of_the_simulator_is_reported_with_its_last_words(run):
    with pytest.raises(CosimError) as caught:
        run(dummy_image(cycles=50), dummy_image(cycles=OUTSIDE_MEMORY))
    message = str(caught.value)
    assert message.startswith("the simulator ended (exit status 2) during image 1\n")
    assert message.endswith("main memory: offset 0xfffffff0: outside the memory")


def test_wall_clock_limit(run):
    with pytest.raises(CosimError, match="^image 0 took longer than the 3 s allowed"):
        run(dummy_image(cycles=NEVER), limit_cycles=1 << 40, timeout_s=3)


def test_progress_counts_images_and_cycles(run):
    seen = []
    run(dummy_image(cycles=600_000), dummy_image(cycles=9), limit_cycles=10**6,
        on_progress=seen.append)  # fmt: skip
    places = [(progress.image_idx, progress.cycles) for progress in seen]
    assert places == [(0, 0), (0, 250_000), (0, 500_000), (1, 0), (2, 0)]


def test_image_that_does_not_fit_is_refused(run):
    with pytest.raises(RunError, match=f"^image 0 must lie between {IMAGE_ADDR:#x} and"):
        run(DummyImage(b"", memory_end=IMAGE_ADDR + (1 << 20)))


def test_waveform_becomes_a_timeline(traced, run):
    run(
        dummy_image(cycles=9),
        dummy_image(cycles=40),
        **traced,
    )
    intervals = read_intervals(traced["waves_file"], CONFIG, run_idx=1)
    # The dummy shows bits of its cycle counter as states.
    assert [(i.track, i.state, i.begin_cycle, i.end_cycle) for i in intervals] == [
        ("hart 0", "asleep", 0, 4),
        ("hart 0", "compute", 4, 32),
        ("hart 0", "asleep", 32, 36),
        ("hart 0", "compute", 36, 40),
        ("hart 1", "CFU", 0, 40),
        ("hart 0 tile 0", "MVM", 8, 16),
        ("hart 0 tile 0", "MVM", 24, 32),
    ]
    assert "clk" not in traced["waves_file"].read_text()


def test_events_of_a_waveform_are_counted(traced, run):
    run(dummy_image(cycles=9), dummy_image(cycles=40), **traced)
    wave = read_events(traced["waves_file"], CONFIG, run_idx=1)
    assert wave.end_cycle == 40
    assert count_events(wave, CONFIG) == WaveCounts(
        mvms=(2, 0),
        busy_cycles=(16, 0),
        sleep_cycles=(8, 0),
        hart_memory_beats=(20, 20),
        memory_beats=40,
        shared_transfers=20,
    )
    # In the midst of everything; what happens in cycle 9 is not counted.
    assert count_events(wave, CONFIG, end_cycle=9) == WaveCounts(
        mvms=(1, 0),
        busy_cycles=(1, 0),
        sleep_cycles=(4, 0),
        hart_memory_beats=(5, 4),
        memory_beats=9,
        shared_transfers=5,
    )
    assert transfer_cycles(wave, 0, 40)[:5] == [0, 3, 4, 7, 8]
    assert transfer_cycles(wave, 4, 8) == [4, 7]


def test_waveform_of_a_hang_is_complete(traced, run):
    with pytest.raises(CosimHang):
        run(
            dummy_image(cycles=NEVER),
            limit_cycles=100,
            **traced,
        )
    intervals = read_intervals(traced["waves_file"], CONFIG)
    assert max(i.end_cycle for i in intervals) >= 100


def test_nothing_else_is_public(simulator):
    # Everything public costs nine tenths of the speed.
    commands = simulator.log_file.with_name("Vtop__verFiles.dat").read_text()
    assert "--public-flat-rw" not in commands
    symbols = simulator.folder.glob("Vtop__Syms__Slow.cpp")
    text = "".join(path.read_text() for path in symbols)
    assert text.count("varInsert(") == 8 + 2
