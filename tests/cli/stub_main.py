"""The command with the made-up model in place of the calibrated one; run as a program."""

import os
import time

from stub_model import StubPredictor
from tightrope.sim import cli
from tightrope.sim.explore import predictor
from tightrope.sim.explore.predictor import Cost

DELAY_S = float(os.environ.get("STUB_DELAY_S", "0"))


class SlowPredictor(StubPredictor):
    """Takes its time, so that a test can interrupt it."""

    def cost(self, *args: object) -> Cost:
        time.sleep(DELAY_S)
        return super().cost(*args)  # type: ignore[arg-type]


predictor.load_predictor = lambda profile, calibration=None: SlowPredictor(profile)

if __name__ == "__main__":
    cli.main()
