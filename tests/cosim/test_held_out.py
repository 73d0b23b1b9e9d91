"""A few of the cases that ``tightrope validate`` measures, on the machine the other tests build."""

from tightrope.sim.calibrate.held_out import held_out_cases
from tightrope.sim.calibrate.layers import machine
from tightrope.sim.calibrate.run import judge
from tightrope.sim.experiment.measure import measure
from tightrope.sim.model.calibration import load_calibration


def test_the_model_is_as_right_as_its_calibration_says():
    calibration = load_calibration()
    cases = [case for case in held_out_cases() if case.machine == machine(8)]
    # The lightest third: minutes of simulation would add little.
    cases = sorted(cases, key=lambda case: case.layer.macs)[: len(cases) // 3]
    found = judge(measure(cases, timeout_s=300), calibration)
    assert found.mismatches == 0
    kernels = calibration.held_out["kernels"]
    # They are among the cases that the calibration was judged by, kernel by kernel; but the
    # firmware may move by some instructions without a new calibration.
    wrong = {
        case.name: case.error
        for case in found.cases
        if abs(case.error) > kernels[case.kernel]["worst_abs_error"] + 0.02
    }
    assert not wrong
