import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import EnergyBreakdown, RunCounters, energy_of
from tightrope.sim.energy.profiles import PROFILE_NAMES, EnergyError, load_profile

MACHINE = ClusterConfig(
    harts=1, tight_tiles_per_hart=1, loose_tiles=0, memory=MemoryConfig(bytes_per_cycle=16)
)
HART = {
    HartCounter.CYCLES: 1000,
    HartCounter.INSTRUCTIONS: 555,
    HartCounter.SLEEP_CYCLES: 100,
    HartCounter.DBUS_WAIT_CYCLES: 120,
    HartCounter.IBUS_WAIT_CYCLES: 50,
    HartCounter.CFU_WAIT_CYCLES: 30,
    HartCounter.ICACHE_FILLS: 3,
    HartCounter.DCACHE_FILLS: 7,
    HartCounter.STORES: 11,
    HartCounter.UNCACHED: 99,
    HartCounter.CFU_COMMANDS: 99,
    HartCounter.SHARED_ACCESSES: 5,
    HartCounter.MEMORY_BEATS: 99,
}
# Two MVMs: 256 x 256 and 128 x 64, which is 65536 + 8192 cells = 1152 x 64.
TILE = {
    TileStatusReg.MVMS: 2,
    TileStatusReg.BUSY_CYCLES: 99,
    TileStatusReg.BYTES_IN: 384,
    TileStatusReg.BYTES_OUT: 320,
    TileStatusReg.ROWS_USED: 384,
    TileStatusReg.COLS_USED: 320,
    TileStatusReg.WAIT_CYCLES: 99,
    TileStatusReg.PROGRAM_WRITES: 6,
    TileStatusReg.CELLS_USED: 1152,
}
SHARED = {"scratchpad_bytes": 1000, "dma_load_bytes": 300, "dma_store_bytes": 200}
RUN = RunCounters(harts=[HART], tiles=[TILE], memory_beats=42, cycles=1000, **SHARED)

# By hand: 700 cycles active, 200 waiting, 100 asleep; 42 beats of 16 bytes; MVMs:
# cells 1152 * 64 / 65536 = 1.125, rows 384 / 256 = 1.5, columns 320 / 256 = 1.25 of a full one.
BY_HAND = {
    "alpine-lp": {
        "hart_active_pj": 700 * 60.92,
        "hart_waiting_pj": 200 * 46.04,
        "hart_asleep_pj": 100 * 10.72,
        "icache_fills_pj": 3 * 57.92,
        "dcache_fills_pj": 7 * 57.92,
        "stores_pj": 11 * 6.52,
        "memory_pj": 42 * 16 * 1.875,
        "scratchpad_pj": 0.0,
        "dma_pj": 0.0,
        "shared_bus_pj": 5 * 7.24,
        "mvm_cells_pj": 4608.0,  # 20480 * 0.2 * 1.125
        "mvm_rows_pj": 6144.0,  # 20480 * 0.2 * 1.5
        "mvm_cols_pj": 15360.0,  # 20480 * 0.6 * 1.25
        "tile_in_pj": 384 * 0.3,
        "tile_out_pj": 320 * 0.3,
        "programming_pj": 24000.0,
        "static_pj": 4466550.0,  # 3.57324 W for 1.25 us
    },
    "alpine-hp": {
        "hart_active_pj": 700 * 845.39,
        "hart_waiting_pj": 200 * 638.99,
        "hart_asleep_pj": 100 * 126.03,
        "icache_fills_pj": 3 * 179.2,
        "dcache_fills_pj": 7 * 179.2,
        "stores_pj": 11 * 20.08,
        "memory_pj": 42 * 16 * 1.875,
        "scratchpad_pj": 0.0,
        "dma_pj": 0.0,
        "shared_bus_pj": 5 * 22.4,
        "mvm_cells_pj": 12211.2,  # 54272 * 0.225
        "mvm_rows_pj": 16281.6,  # 54272 * 0.3
        "mvm_cols_pj": 40704.0,  # 54272 * 0.75
        "tile_in_pj": 384 * 0.901,
        "tile_out_pj": 320 * 0.901,
        "programming_pj": 24000.0,
        "static_pj": 9.31632e6 / 2.3,  # 9.31632 W for 1000 cycles at 2.3 GHz
    },
    "gf22": {
        "hart_active_pj": 8610.0,
        "hart_waiting_pj": 1860.0,
        "hart_asleep_pj": 216.0,
        "icache_fills_pj": 3 * 9.6,
        "dcache_fills_pj": 7 * 9.6,
        "stores_pj": 13.2,
        "memory_pj": 806.4,
        "scratchpad_pj": 1200.0,
        "dma_pj": 75.0,
        "shared_bus_pj": 12.0,
        "mvm_cells_pj": 19616.218 * 0.225,
        "mvm_rows_pj": 19616.218 * 0.3,
        "mvm_cols_pj": 19616.218 * 0.75,
        "tile_in_pj": 384 * 0.15,
        "tile_out_pj": 320 * 0.15,
        "programming_pj": 24000.0,
        "static_pj": 4000.0,
    },
    "fpga": {
        "hart_active_pj": 140000.0,
        "hart_waiting_pj": 24000.0,
        "hart_asleep_pj": 6000.0,
        "icache_fills_pj": 3 * 160.0,
        "dcache_fills_pj": 7 * 160.0,
        "stores_pj": 220.0,
        "memory_pj": 6720.0,
        "scratchpad_pj": 5000.0,
        "dma_pj": 2500.0,
        "shared_bus_pj": 250.0,
        "mvm_cells_pj": 737280.0,
        "mvm_rows_pj": 0.0,
        "mvm_cols_pj": 0.0,
        "tile_in_pj": 384 * 5.0,
        "tile_out_pj": 320 * 5.0,
        "programming_pj": 120.0,
        "static_pj": 2.5e6,
    },
}


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_breakdown_is_what_one_computes_by_hand(name):
    result = energy_of(RUN, MACHINE, load_profile(name))
    assert result.to_dict() == pytest.approx(BY_HAND[name])
    assert result.total_pj == pytest.approx(sum(BY_HAND[name].values()))


def test_runs_add_up():
    profile = load_profile("gf22")
    machine = dataclasses.replace(MACHINE, harts=2)
    both = RunCounters(
        harts=[HART, HART],
        tiles=[TILE, TILE],
        memory_beats=84,
        cycles=2000,
        **{name: 2 * value for name, value in SHARED.items()},
    )
    one = energy_of(RUN, MACHINE, profile)
    assert (one + one).to_dict() == pytest.approx(energy_of(both, machine, profile).to_dict())
    assert sum([one, one], EnergyBreakdown()).total_pj == pytest.approx(2 * one.total_pj)
    with pytest.raises(TypeError):
        one + 1


def test_arrays_of_counts_give_arrays_of_energy():
    factors = np.array([0, 1, 3], dtype=np.uint32)
    many = RunCounters(
        harts=[{name: value * factors for name, value in HART.items()}],
        tiles=[{name: value * factors for name, value in TILE.items()}],
        memory_beats=42 * factors,
        cycles=1000 * factors,
        **{name: value * factors for name, value in SHARED.items()},
    )
    profile = load_profile("alpine-hp")
    one = energy_of(RUN, MACHINE, profile)
    result = energy_of(many, MACHINE, profile)
    assert result.total_pj == pytest.approx(one.total_pj * factors)
    assert result.memory_pj == pytest.approx(one.memory_pj * factors)


def test_counters_may_be_keyed_by_name():
    by_name = RunCounters(
        harts=[{key.name: value for key, value in HART.items()}],
        tiles=[{key.name: value for key, value in TILE.items()}],
        memory_beats=42,
        cycles=1000,
        **SHARED,
    )
    profile = load_profile("gf22")
    assert energy_of(by_name, MACHINE, profile) == energy_of(RUN, MACHINE, profile)


def test_overlapping_waits_never_exceed_the_cycles_awake():
    hart = {**HART, HartCounter.DBUS_WAIT_CYCLES: 800, HartCounter.IBUS_WAIT_CYCLES: 800}
    profile = load_profile("gf22")
    result = energy_of(dataclasses.replace(RUN, harts=[hart]), MACHINE, profile)
    assert result.hart_active_pj == 0
    assert result.hart_waiting_pj == pytest.approx(900 * 9.3)


@pytest.mark.parametrize(
    "change, what",
    [
        ({"harts": []}, r"1 hart\(s\), the counters 0"),
        ({"tiles": [TILE, TILE]}, r"1 tile\(s\), the counters 2"),
        ({"harts": [{**HART, "JOULES": 1}]}, "unknown counter 'JOULES'"),
        ({"harts": [{**HART, 77: 1}]}, "unknown counter 77"),
        ({"tiles": [{}]}, "tile 0 lacks the counter BYTES_IN"),
        ({"harts": [{**HART, "STORES": -1}]}, "hart 0: STORES must be numbers from 0, not -1"),
        ({"harts": [{**HART, "SLEEP_CYCLES": 2000}]}, "must not exceed"),
        ({"memory_beats": float("nan")}, "memory_beats"),
        ({"scratchpad_bytes": -4}, "scratchpad_bytes must be numbers from 0, not -4"),
        ({"dma_load_bytes": -500}, "dma_bytes must be numbers from 0, not -300"),
        ({"cycles": "many"}, "cycles must be numbers"),
    ],
)
def test_counters_that_make_no_sense_are_refused(change, what):
    with pytest.raises(EnergyError, match=what):
        energy_of(dataclasses.replace(RUN, **change), MACHINE, load_profile("gf22"))


def test_garofalo_peak_efficiency_is_in_reach():
    # Not a fit: full MVMs back to back at the published 958 GOPS, eight harts asleep, input and
    # output through main memory. The published figure for the whole cluster is 6.39 TOPS/W.
    profile = load_profile("gf22")
    paper = profile.published["peak_efficiency"].value
    cycles = 2 * 65536 / 958 * profile.clock_mhz / 1000
    asleep = dict.fromkeys(HartCounter, 0) | {
        HartCounter.CYCLES: cycles,
        HartCounter.SLEEP_CYCLES: cycles,
    }
    tile = dict.fromkeys(TileStatusReg, 0) | {
        TileStatusReg.BYTES_IN: 256,
        TileStatusReg.BYTES_OUT: 256,
        TileStatusReg.ROWS_USED: 256,
        TileStatusReg.COLS_USED: 256,
        TileStatusReg.CELLS_USED: 1024,
    }
    run = RunCounters(harts=[asleep] * 8, tiles=[tile], memory_beats=512 / 16, cycles=cycles)
    machine = ClusterConfig(harts=8, tight_tiles_per_hart=0, loose_tiles=1)
    ours = 2 * 65536 / energy_of(run, machine, profile).total_pj
    assert ours == pytest.approx(paper, rel=0.15)
