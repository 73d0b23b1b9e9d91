import json

import numpy as np
import pytest
from test_bad_input import refused
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.cosim.errors import CosimHang
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.experiment import measure
from tightrope.sim.experiment.case import NOMINAL_LOOSE_TILES, Measurement
from tightrope.sim.explore import predictor
from tightrope.sim.model.errors import ModelError

KERNEL = "conv:8x8x16:24:3x3:p1"


@pytest.fixture
def rtl(monkeypatch):
    """In place of the RTL: remembers what was asked for, and reports what the test wants."""
    asked = []

    def run(cases, **options):
        asked.extend(cases)
        (case,) = cases
        tiles = case.machine.harts * case.machine.tight_tiles_per_hart + case.machine.loose_tiles
        harts = np.zeros((case.machine.harts, len(HartCounter)), np.int64)
        harts[:, HartCounter.CYCLES] = 5000
        harts[:, HartCounter.STORES] = 10
        return [
            Measurement(
                case=case,
                plan=case.plan,
                rtl_cycles=5000,
                program_cycles=70,
                hart_counters=harts,
                tile_counters=np.ones((tiles, len(TileStatusReg)), np.int64),
                machine_counters=100 * (1 + np.arange(len(MachineCounter))),
                mismatches=asked[0].seed,
                problem="4 of 9 outputs differ" if asked[0].seed else "",
            )
        ]

    monkeypatch.setattr(measure, "measure", run)
    return asked


def test_fields_of_the_design(tightrope, rtl):
    result = tightrope("run", KERNEL, "--coupling", "tight", "--harts", "2", "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["workload"] == KERNEL
    assert content["machine"]["harts"] == 2
    assert content["checked"] is True and content["mismatches"] == 0
    assert content["rtl_cycles"] == 5000 and content["energy_pj"] > 0
    assert [hart["cycles"] for hart in content["counters"]["harts"]] == [5000, 5000]
    assert len(content["counters"]["tiles"]) == 2 + NOMINAL_LOOSE_TILES
    memory = content["counters"]["memory"]
    assert memory["stores"] == 20
    shared = ("memory_beats", "scratchpad_beats", "dma_load_bytes", "dma_store_bytes")
    assert [memory[name] for name in shared] == [100, 300, 400, 500]
    energy = load_profile("gf22").scratchpad_pj_per_byte * 4 * 300
    assert content["energy"]["scratchpad_pj"] == pytest.approx(energy)
    predicted, error = content["model_cycles"], content["error"]
    assert error == pytest.approx(predicted / 5000 - 1)
    assert content["model_low_cycles"] < predicted < content["model_high_cycles"]
    assert content["layers"] == [
        {
            "name": KERNEL,
            "op": "conv",
            "rtl_cycles": 5000,
            "model_cycles": predicted,
            "error": error,
        }
    ]


def test_table_names_counters(tightrope, rtl):
    result = tightrope("run", KERNEL, "--harts", "1")
    assert result.exit_code == 0, result.output
    assert "bit-exact" in result.stdout and "memory_beats" in result.stdout
    assert "rtl cycles" in result.stdout and "model error" in result.stdout
    assert "harts 1 (2 .. 8)" in result.stdout


def test_rtl_does_without_a_prediction_unless_a_calibration_was_named(
    tightrope, rtl, monkeypatch, tmp_path
):
    def unknown(profile, calibration=None):
        raise ModelError("no cost for conv_dot4")

    monkeypatch.setattr(predictor, "load_predictor", unknown)
    result = tightrope("run", KERNEL, "--json", tmp_path / "j")
    assert result.exit_code == 0, result.output
    assert "no prediction stands beside what is measured: no cost for conv_dot4" in result.stderr
    content = json.loads((tmp_path / "j").read_text())
    assert content["model_cycles"] is content["error"] is None and content["rtl_cycles"] == 5000
    refused(tightrope("run", KERNEL, "--calibration", "c.json"), "no cost for conv_dot4")


def test_mismatch_is_status_1(tightrope, rtl):
    result = tightrope("run", KERNEL, "--seed", "7", "--json", "-")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["mismatches"] == 7
    assert "4 of 9 outputs differ" in result.stderr


def test_tiles_are_of_the_whole_machine(tightrope, rtl):
    tightrope("run", KERNEL, "--harts", "4", "--coupling", "tight", "--tiles", "8")
    tightrope("run", KERNEL, "--harts", "4", "--coupling", "loose", "--tiles", "3")
    assert [(case.machine.tight_tiles_per_hart, case.machine.loose_tiles) for case in rtl] == [
        (2, 0),
        (0, 3),
    ]


def test_loose_tiles_stream_where_they_can(tightrope, rtl):
    result = tightrope("run", KERNEL, "--coupling", "loose", "--tiles", "2", "--stream")
    assert result.exit_code == 0, result.output
    assert "stream, static, 8 harts" in result.stdout
    machine = rtl[0].machine
    assert (machine.loose_tiles, machine.stream_ports, machine.tile.post_lanes) == (2, 2, 8)
    large = ("run", "dense:3000:300", "--harts", "1")
    result = tightrope(*large, "--coupling", "loose", "--tiles", "1", "--stream")
    assert "loose, static, 1 hart" in result.stdout
    assert "runs without streaming: layer dense:3000:300 needs more tiles" in result.stderr
    refused(tightrope("run", KERNEL, "--stream"), "--stream needs --coupling loose, not none")


def test_layer_of_a_network_and_rows(tightrope, rtl, net):
    result = tightrope("run", net, "--layer", "first", "--rows", "3", "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["in_shape"] == [4, 12, 8] and content["out_shape"] == [3, 12, 16]


def test_prediction(tightrope):
    result = tightrope("run", KERNEL, "--on", "model", "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["model_cycles"] > 0 and content["checked"] is False
    assert content["layers"][0]["model_cycles"] == content["model_cycles"]
    assert content["model_low_cycles"] < content["model_cycles"] < content["model_high_cycles"]
    assert content["uncalibrated_cycles"] == content["extrapolated_cycles"] == 0
    assert content["model_error"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("conv:8x8x16",), "output channels"),
        (("conv:8x8x16:24:3x3:p3",), "padding"),
        (("conv:8x8x16:24:9x9",), "larger"),
        (("nothing",), "nothing"),
        ((KERNEL, "--layer", "x"), "--layer"),
        ((KERNEL, "--rows", "9"), "--rows"),
        ((KERNEL, "--harts", "0"), "harts"),
        ((KERNEL, "--harts", "0", "--coupling", "tight", "--tiles", "3"), "harts"),
        ((KERNEL, "--tiles", "4"), "--tiles"),
        ((KERNEL, "--coupling", "tight", "--tiles", "9"), "multiple"),
        ((KERNEL, "--coupling", "glued"), "--coupling"),
        (("maxpool:8x8x8:2x2", "--coupling", "tight"), "tiles"),
        ((KERNEL, "--on", "paper"), "--on"),
        ((KERNEL, "--on", "model", "--trace", "t"), "--trace"),
    ],
)
def test_option_that_makes_no_sense(tightrope, options, said):
    refused(tightrope("run", *options), said)


def test_layer_that_is_missing_lists_the_names(tightrope, net):
    refused(tightrope("run", net, "--layer", "third"), "'third'", "first, second, last")


def test_hang_says_where_every_hart_is(tightrope, monkeypatch):
    def hang(cases, **options):
        raise CosimHang(image_idx=0, cycles=99, pcs=[0x4000_0010, 0x4000_0020])

    monkeypatch.setattr(measure, "measure", hang)
    result = tightrope("run", KERNEL)
    assert result.exit_code == 2 and "0x40000020" in result.stderr
