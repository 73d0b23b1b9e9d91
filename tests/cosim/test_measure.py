"""Measuring cases: order, progress, and that a wrong output does not stay unnoticed."""

import dataclasses

import numpy as np
import pytest
import tightrope.sim.experiment.measure as measuring
from cosim_cases import digital_job
from cosim_jobs import run_jobs
from cosim_machines import MACHINES
from tightrope.sim.cosim.errors import CosimError, CosimHang
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.experiment.measure import measure
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import Chunk
from tightrope.sim.workload.layers import Layer, LayerOp

FEW, MANY = MACHINES[1], MACHINES[2]
TIMEOUT_S = 60


def clip_layer(pixels):
    shape = (pixels, 1, 4)
    return Layer(
        name=f"clip {pixels}", op=LayerOp.CLIP, source_op="Clip", in_shape=shape, out_shape=shape
    )


def test_results_are_in_the_order_of_the_cases_whatever_their_machines():
    cases = [
        Case(layer=clip_layer(4 * (i + 1)), machine=(FEW, MANY)[i % 2], seed=i) for i in range(5)
    ]
    told = []
    results = measure(
        cases, timeout_s=TIMEOUT_S, on_progress=lambda done, total: told.append((done, total))
    )
    assert [result.case for result in results] == cases
    assert [result.mismatches for result in results] == [0] * 5
    assert [len(result.hart_counters) for result in results] == [2, 4, 2, 4, 2]
    assert told == sorted(told)
    assert told[-1] == (5, 5)


def test_same_case_takes_the_same_cycles_wherever_it_is_in_the_list():
    case = Case(layer=clip_layer(16), machine=MANY, balance=Balance.STEAL)
    other = Case(layer=clip_layer(64), machine=MANY)
    first, _, last = measure([case, other, case], timeout_s=TIMEOUT_S)
    assert (first.hart_counters == last.hart_counters).all()


def test_plan_of_the_case_is_the_one_that_runs():
    case = Case(layer=clip_layer(64), machine=FEW)
    plan = plan_case(case)
    whole = (Chunk(pixel_begin=0, pixel_end=64, begin=0, end=4),)
    alone = dataclasses.replace(plan, chunks=whole, hart_first=(0, 0, 1))
    (even, uneven) = measure([case, dataclasses.replace(case, plan=alone)], timeout_s=TIMEOUT_S)
    assert uneven.mismatches == 0
    assert uneven.plan is alone
    idle, busy = uneven.hart_counters[:, 1]
    assert idle < 100 < busy
    assert uneven.rtl_cycles > even.rtl_cycles


def test_wrong_outputs_are_counted_and_described(monkeypatch):
    right = measuring.expected_outputs

    def wrong(*arguments):
        outputs = right(*arguments)
        outputs[0][2, 0, 1] ^= 1
        outputs[0][3, 0, 3] ^= 64
        return outputs

    monkeypatch.setattr(measuring, "expected_outputs", wrong)
    (result,) = measure([Case(layer=clip_layer(4), machine=FEW)], timeout_s=TIMEOUT_S)
    assert result.mismatches == 2
    assert result.problem.startswith(
        "step 0 (clip 4): 2 of 16 outputs differ, first at y=2 x=0 channel=1: "
    )


def test_job_with_a_wrong_output_fails_by_its_name_and_seed():
    jobs = [
        digital_job(FEW, LayerOp.CONV, Body.DOT4, Balance.STEAL, seed, channels=8)
        for seed in range(3)
    ]
    jobs[1].expected[0] = np.bitwise_xor(jobs[1].expected[0], 1)
    with pytest.raises(AssertionError, match="^1 problems\nconv DOT4 STEAL seed 1: step 0"):
        run_jobs(jobs)


def test_case_that_takes_too_long_hangs_with_a_function_for_every_hart():
    with pytest.raises(CosimHang) as caught:
        measure([Case(layer=clip_layer(900), machine=MANY)], limit_cycles=4000, timeout_s=60)
    lines = str(caught.value).splitlines()
    assert lines[0] == "image 0 was not finished after 4000 cycles"
    assert ["+0x" in line for line in lines[1:]] == [True] * MANY.harts


def test_time_is_limited_too():
    # The simulator's own start takes longer.
    with pytest.raises(CosimError, match="took longer than the 0.05 s allowed"):
        measure([Case(layer=clip_layer(400), machine=MANY)], timeout_s=0.05)
