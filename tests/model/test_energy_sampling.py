import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, ScratchpadConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.area import area_of
from tightrope.sim.energy.energy import RunCounters, energy_of
from tightrope.sim.energy.profiles import (
    NUMBERS,
    PROFILE_NAMES,
    RATIO_GROUPS,
    EnergyError,
    Profile,
    load_profile,
)
from tightrope.sim.energy.sampling import energy_factors, sweep_assumed

SEED = 20261121
SAMPLES = 400
POINTS = 7
RATIOS = {name for group in RATIO_GROUPS for name in group}
MACHINE = ClusterConfig(
    harts=2,
    tight_tiles_per_hart=1,
    loose_tiles=2,
    stream_ports=1,
    scratchpad=ScratchpadConfig(size_bytes=128 << 10),
    dma_bytes_per_cycle=16,
)


def sampled(name, samples=SAMPLES, seed=SEED):
    return sweep_assumed(load_profile(name), np.random.default_rng(seed), samples)


def one(profile, sample):
    """A plain profile: one sample of a sampled one."""
    changes = {
        field.name: float(getattr(profile, field.name)[sample])
        for field in dataclasses.fields(Profile)
        if isinstance(getattr(profile, field.name), np.ndarray)
    }
    return dataclasses.replace(profile.nominal, **changes)


def counters(rng, points=POINTS):
    """Made-up counters of a sweep's points; waiting and sleep stay within the cycles."""
    hart = {name: rng.integers(0, 1000, points) for name in HartCounter}
    hart[HartCounter.CYCLES] = hart[HartCounter.SLEEP_CYCLES] + rng.integers(0, 5000, points)
    tile = {name: rng.integers(0, 5000, points) for name in TileStatusReg}
    return RunCounters(
        harts=[hart, {name: value[::-1] for name, value in hart.items()}],
        tiles=[tile] * 4,
        memory_beats=rng.integers(0, 1000, points),
        scratchpad_bytes=rng.integers(0, 1000, points),
        dma_load_bytes=rng.integers(0, 1000, points),
        cycles=rng.integers(1, 9000, points),
    )


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_assumed_numbers_move_within_a_factor_of_two_and_others_stay(name):
    profile, samples = load_profile(name), sampled(name)
    for field in NUMBERS:
        nominal, values = getattr(profile, field), getattr(samples, field)
        if field in ("clock_mhz", "mvm_latency_ns"):
            assert values == nominal, f"{field} (seed {SEED})"
        elif field not in profile.assumed or nominal == 0:
            assert values.shape == (SAMPLES,) and np.all(values == nominal), f"{field}, {SEED}"
        elif field not in RATIOS:
            factors = values / nominal
            assert factors.shape == (SAMPLES,)
            assert 0.5 <= factors.min() < 0.52 and 1.9 < factors.max() <= 2, f"{field}, {SEED}"


def test_factors_are_log_uniform_and_independent():
    samples = sampled("fpga", 20_000)
    fields = [name for name in samples.assumed if name not in RATIOS and "_n" not in name]
    fields = [name for name in fields if name not in ("clock_mhz", "mvm_latency_ns")]
    nominal = np.array([getattr(samples.nominal, name) for name in fields])
    logs = np.log2(np.array([getattr(samples, name) for name in fields]) / nominal[:, None])
    quarters = np.quantile(logs, [0.25, 0.5, 0.75], axis=1)
    assert np.allclose(quarters, [[-0.5], [0], [0.5]], atol=0.05), SEED
    correlation = np.corrcoef(logs) - np.eye(len(fields))
    assert np.abs(correlation).max() < 0.05, SEED


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_ratios_move_and_keep_their_sum(name):
    samples = sampled(name)
    for group in RATIO_GROUPS:
        parts = np.array([getattr(samples, field) for field in group])
        assert np.allclose(parts.sum(axis=0), 1) and parts.min() >= 0, SEED
    if name == "gf22":
        assert samples.mvm_col_ratio.std() > 0.05, SEED
    if name == "fpga":
        assert np.allclose(samples.mvm_cell_ratio, 1), SEED


def test_a_published_ratio_stays_and_the_others_share_the_rest():
    profile = load_profile("gf22")
    known = dataclasses.replace(profile.numbers["mvm_col_ratio"], assumed=False)
    profile = dataclasses.replace(profile, numbers={**profile.numbers, "mvm_col_ratio": known})
    samples = sweep_assumed(profile, np.random.default_rng(SEED), SAMPLES)
    assert np.all(samples.mvm_col_ratio == profile.mvm_col_ratio)
    assert np.allclose(samples.mvm_cell_ratio + samples.mvm_row_ratio, 0.4)
    assert samples.mvm_cell_ratio.std() > 0.01, SEED


def test_equal_seeds_give_equal_samples_whatever_else_is_assumed():
    first, second, other = sampled("gf22"), sampled("gf22"), sampled("gf22", seed=SEED + 1)
    for field in NUMBERS:
        assert np.array_equal(getattr(first, field), getattr(second, field))
    assert not np.array_equal(first.store_pj, other.store_pj)
    fpga = sampled("fpga")
    ours, theirs = first.store_pj / first.nominal.store_pj, fpga.store_pj / fpga.nominal.store_pj
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_energy_of_arrays_is_that_of_samples_one_by_one(name):
    samples = sampled(name, 5)
    run = counters(np.random.default_rng(SEED))
    together = energy_of(run, MACHINE, samples)
    for sample in range(5):
        alone = energy_of(run, MACHINE, one(samples, sample))
        for part, energy in alone.to_dict().items():
            assert together.to_dict()[part].shape == (POINTS, 5)
            assert together.to_dict()[part][:, sample] == pytest.approx(energy), (part, SEED)
        assert together.total_pj[:, sample] == pytest.approx(alone.total_pj), SEED
        assert together.tiles_pj[:, sample] == pytest.approx(alone.tiles_pj), SEED


def test_a_single_run_has_an_energy_per_sample():
    rng = np.random.default_rng(SEED)
    run = counters(rng, 1)
    single = RunCounters(
        harts=[{name: int(value[0]) for name, value in hart.items()} for hart in run.harts],
        tiles=[{name: int(value[0]) for name, value in tile.items()} for tile in run.tiles],
        memory_beats=int(run.memory_beats[0]),
        cycles=int(run.cycles[0]),
    )
    total = energy_of(single, MACHINE, sampled("gf22")).total_pj
    assert total.shape == (SAMPLES,) and total.std() > 0
    plain = energy_of(single, MACHINE, load_profile("gf22")).total_pj
    assert total.min() < plain < total.max(), SEED


def test_energy_without_assumptions_has_no_spread():
    factors = energy_factors(sampled("alpine-hp"))
    free = {"scratchpad_pj", "dma_pj"}
    published = {"hart_active_pj", "hart_waiting_pj", "hart_asleep_pj", "static_pj", "stores_pj"}
    for part in free | published | {"icache_fills_pj", "dcache_fills_pj"}:
        assert np.all(factors[part] == 1), part
    assert all(factors[part].std() > 0 for part in ("memory_pj", "mvm_cols_pj", "tile_in_pj"))


def test_area_of_arrays_is_that_of_samples_one_by_one():
    samples = sampled("gf22", 5)
    together = area_of(MACHINE, samples)
    for sample in range(5):
        alone = area_of(MACHINE, one(samples, sample))
        for part, mm2 in alone.to_dict().items():
            assert together.to_dict()[part][sample] == pytest.approx(mm2), (part, SEED)
        assert together.total_mm2[sample] == pytest.approx(alone.total_mm2), SEED


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, "many"])
def test_bad_number_of_samples_is_refused(samples):
    with pytest.raises(EnergyError, match="samples must be an integer from 1"):
        sweep_assumed(load_profile("gf22"), np.random.default_rng(SEED), samples)


def test_samples_are_not_sampled_again():
    with pytest.raises(EnergyError, match="'gf22' is sampled already"):
        sweep_assumed(sampled("gf22"), np.random.default_rng(SEED), 3)
