"""How the model's counters are judged, on measurements that are made of its own predictions."""

import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.calibrate.counters import COUNTERS, judge_counters
from tightrope.sim.calibrate.run import judge
from tightrope.sim.experiment.case import Case, Measurement, plan_case
from tightrope.sim.experiment.machines import streaming_machine
from tightrope.sim.explore.kernels import parse_kernel
from tightrope.sim.image.layout import Body
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.predict import predict_layer

MACHINE = streaming_machine(ClusterConfig(harts=4, loose_tiles=4))
EVERY = ("MVMs", "main memory bytes", "scratchpad bytes", "DMA bytes", "cycles asleep")


def measured(body):
    """As if the hardware had counted what the model says, in whole numbers; and what it says."""
    layer = parse_kernel("conv:12x12x32:32:3x3:p1")
    case = Case(layer=layer, machine=MACHINE, body=body)
    plan = plan_case(case)
    found = predict_layer(layer, plan, MACHINE, load_calibration()).counters
    width = MACHINE.memory.bytes_per_cycle
    machine = np.zeros(len(MachineCounter), np.int64)
    machine[MachineCounter.SCRATCHPAD_BEATS] = found.scratchpad_bytes / 4
    machine[MachineCounter.DMA_LOAD_BYTES] = found.dma_load_bytes
    machine[MachineCounter.DMA_STORE_BYTES] = found.dma_store_bytes
    harts = [[round(hart.get(name, 0.0)) for name in HartCounter] for hart in found.harts]
    tiles = [[round(tile.get(name, 0.0)) for name in TileStatusReg] for tile in found.tiles]
    beats = sum(hart[HartCounter.MEMORY_BEATS] for hart in harts)
    measurement = Measurement(
        case=case, plan=plan, rtl_cycles=round(found.cycles), program_cycles=0,
        hart_counters=np.array(harts), tile_counters=np.array(tiles), machine_counters=machine,
        mismatches=0,
    )  # fmt: skip
    whole = beats + found.dma_bytes / width
    return measurement, dataclasses.replace(found, memory_beats=whole)


def by_name(errors):
    return {found.name: found for found in errors}


def test_what_the_model_says_itself_is_no_error():
    measurements, counters = zip(*map(measured, (Body.DOT4, Body.TIGHT, Body.STREAM)), strict=True)
    found = by_name(judge_counters(measurements, counters))
    assert set(EVERY) <= set(found) <= set(COUNTERS)
    assert found["MVMs"].cases == found["MVMs"].exact == 2
    assert found["DMA bytes"].cases == found["DMA bytes"].exact == 1
    for errors in found.values():
        assert errors.worst_abs_error < 0.01 and errors.within_bar == errors.cases, errors


def test_an_error_is_one_of_its_counter_alone():
    measurement, counters = measured(Body.STREAM)
    wrong = dataclasses.replace(counters, scratchpad_bytes=1.1 * counters.scratchpad_bytes)
    found = by_name(judge_counters([measurement, measurement], [counters, wrong]))
    scratch = found["scratchpad bytes"]
    assert scratch.worst_abs_error == pytest.approx(0.1, abs=1e-3)
    assert scratch.mean_abs_error == pytest.approx(0.05, abs=1e-3)
    assert scratch.total_error == pytest.approx(0.05, abs=1e-3)
    assert (scratch.exact, scratch.within_bar) == (1, 1)
    assert found["DMA bytes"].exact == 2


def test_a_little_sleep_is_judged_against_a_part_of_the_time():
    measurement, counters = measured(Body.DOT4)
    time = measurement.rtl_cycles * MACHINE.harts
    harts = [dict(hart) for hart in counters.harts]
    for hart in harts:
        hart[HartCounter.SLEEP_CYCLES] = 0.0
    harts[0][HartCounter.SLEEP_CYCLES] = 0.01 * time
    awake = measurement.hart_counters.copy()
    awake[:, HartCounter.SLEEP_CYCLES] = 0
    one = dataclasses.replace(measurement, hart_counters=awake)
    (found,) = [
        errors
        for errors in judge_counters([one], [dataclasses.replace(counters, harts=tuple(harts))])
        if errors.name == "cycles asleep"
    ]
    assert found.worst_abs_error == pytest.approx(0.01 / 0.05)
    assert found.worst_case == measurement.case.name


def test_a_validation_has_them_in_its_plain_data():
    measurement, _ = measured(Body.STREAM)
    data = judge([measurement], load_calibration()).to_dict()
    names = [counter["name"] for counter in data["counters"]]
    assert set(EVERY) <= set(names)
    assert {"mean_abs_error", "worst_abs_error", "total_error"} <= set(data["counters"][0])
