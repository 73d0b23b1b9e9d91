import pytest
from nets import save_net
from stub_model import StubPredictor
from tightrope.sim.cli import app
from tightrope.sim.explore import predictor
from typer.testing import CliRunner


@pytest.fixture
def net(tmp_path):
    return save_net(tmp_path / "net.onnx")


@pytest.fixture
def tightrope(monkeypatch):
    """Runs the command in this process, with the made-up model."""
    monkeypatch.setattr(
        predictor, "load_predictor", lambda profile, calibration=None: StubPredictor(profile)
    )

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run
