"""From a waveform to a timeline."""

import gzip
import json
import signal

import pytest
from tightrope.hw.config import ClusterConfig, ScratchpadConfig, TileConfig
from tightrope.sim.cosim.errors import CosimError
from tightrope.sim.cosim.trace import read_intervals, write_timeline

CONFIG = ClusterConfig(harts=1, tight_tiles_per_hart=1, loose_tiles=1)
# Two runs; the clock rises at 5, 15, 25, ... ns; reset is released at 20 and 100 ns.
VCD = """$timescale 1ps $end
$scope module cosim_top $end
$var wire 1 a rst $end
$var wire 1 b done $end
$var wire 3 c hart_state_0 [2:0] $end
$var wire 2 d tile_busy [1:0] $end
$upscope $end
$enddefinitions $end
#0
1a
0b
b0 c
b0 d
#20000
0a
#25000
b11 c
#45000
b1 c
b10 d
#55000
b11 d
#65000
b0 c
b1 d
#75000
1b
#80000
1a
#85000
0b
b0 d
#100000
0a
#115000
b100 c
#135000
"""

STREAMING = ClusterConfig(
    harts=1, loose_tiles=1, tight_tiles_per_hart=0, tile=TileConfig(rows=16, cols=16, adc_bits=8),
    scratchpad=ScratchpadConfig(size_bytes=16 << 10, banks=8),
    stream_ports=1, stream_bytes_per_cycle=16, dma_bytes_per_cycle=16,
)  # fmt: skip
STREAMING_VCD = """$timescale 1ps $end
$scope module cosim_top $end
$var wire 1 a rst $end
$var wire 1 b done $end
$var wire 3 c hart_state_0 [2:0] $end
$var wire 1 d tile_busy $end
$var wire 1 e stream_in $end
$var wire 1 f stream_out $end
$var wire 1 g dma_load $end
$var wire 1 h dma_store $end
$upscope $end
$enddefinitions $end
#0
1a
0b
b1 c
0d
0e
0f
0g
0h
#20000
0a
1g
#35000
0g
1e
#45000
0e
1d
#55000
0d
1f
#65000
0f
1h
#75000
1b
"""


@pytest.fixture
def vcd(tmp_path):
    path = tmp_path / "run.vcd"
    path.write_text(VCD)
    return path


def spans(intervals):
    return [(i.track, i.state, i.begin_cycle, i.end_cycle) for i in intervals]


def test_intervals_count_cycles_from_the_release_of_reset(vcd):
    assert spans(read_intervals(vcd, CONFIG)) == [
        ("hart 0", "compute", 0, 1),
        ("hart 0", "fetch", 1, 3),
        ("hart 0", "asleep", 3, 5),
        ("hart 0", "compute", 5, 6),
        ("hart 0 tile 0", "MVM", 4, 6),
        ("loose tile 0", "MVM", 3, 5),
    ]


def test_second_run_starts_at_cycle_zero_and_ends_with_the_file(vcd):
    assert spans(read_intervals(vcd, CONFIG, run_idx=1)) == [
        ("hart 0", "compute", 0, 2),
        ("hart 0", "CFU", 2, 4),
    ]


def test_what_moves_data_has_tracks_around_the_tile_it_serves(tmp_path):
    path = tmp_path / "run.vcd"
    path.write_text(STREAMING_VCD)
    assert spans(read_intervals(path, STREAMING)) == [
        ("hart 0", "asleep", 0, 6),
        ("loose tile 0 stream-in", "stream-in", 2, 3),
        ("loose tile 0", "MVM", 3, 4),
        ("loose tile 0 stream-out", "stream-out", 4, 5),
        ("DMA load", "load", 0, 2),
        ("DMA store", "store", 5, 6),
    ]


def test_timeline_has_a_named_track_for_each_hart_and_tile(vcd, tmp_path):
    output = tmp_path / "timeline.json"
    write_timeline(vcd, output, CONFIG, clock_mhz=500)
    events = json.loads(output.read_text())["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names == {0: "hart 0", 1: "hart 0 tile 0", 2: "loose tile 0"}
    asleep = next(e for e in events if e["name"] == "asleep")
    assert (asleep["ph"], asleep["tid"], asleep["ts"], asleep["dur"]) == ("X", 0, 0.006, 0.004)
    assert asleep["args"] == {"cycle": 3, "cycles": 2}


def test_compressed_timeline(vcd, tmp_path):
    write_timeline(vcd, tmp_path / "t.json", CONFIG, clock_mhz=500)
    write_timeline(vcd, tmp_path / "t.json.gz", CONFIG, clock_mhz=500)
    with gzip.open(tmp_path / "t.json.gz", "rt") as file:
        assert file.read() == (tmp_path / "t.json").read_text()


def test_failure_leaves_the_old_timeline_and_no_litter(vcd, tmp_path):
    output = tmp_path / "timeline.json"
    output.write_text("old")
    with pytest.raises(CosimError, match="has 2 runs and no run 2$"):
        write_timeline(vcd, output, CONFIG, clock_mhz=500, run_idx=2)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.vcd", "timeline.json"]


def test_waveform_of_another_machine_is_refused(vcd):
    with pytest.raises(CosimError, match="it has no hart_state_1$"):
        read_intervals(vcd, ClusterConfig(harts=2))


def test_reading_a_waveform_leaves_sigpipe_alone(vcd):
    before = signal.getsignal(signal.SIGPIPE)
    read_intervals(vcd, CONFIG)
    assert signal.getsignal(signal.SIGPIPE) is before
