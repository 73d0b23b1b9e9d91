"""``python -m tightrope.sim.network``, without a simulator."""

import json

import numpy as np
import pytest
from test_network_commands import FakeRtl
from tightrope.sim.network import accuracy, main, sweep, whole
from tightrope.sim.network.points import Way
from tightrope.sim.quantise import run_network
from typer.testing import CliRunner


class DigitsRtl(FakeRtl):
    """Computes what the reference does, but for inputs whose number is in ``wrong``."""

    def __init__(self, wrong=()):
        super().__init__()
        self.wrong = wrong
        self.seen = 0

    def __call__(self, qnet, mapping, inputs, **options):
        found = super().__call__(qnet, mapping, inputs, **options)
        outputs = []
        for x in inputs:
            logits = run_network(qnet, x)[qnet.outputs[0].tensor].copy()
            if self.seen in self.wrong:
                logits[...] = np.arange(logits.size)[::-1].reshape(logits.shape)
            self.seen += 1
            outputs.append(logits)
        object.__setattr__(found, "outputs", tuple(outputs))
        return found


@pytest.fixture
def listed(monkeypatch, tmp_path):
    """Runs the list with made-up hardware; returns the result and the JSON that was written."""

    def run(rtl, *arguments):
        monkeypatch.setattr(sweep, "run_on_rtl", FakeRtl())
        monkeypatch.setattr(sweep, "simulator_name", lambda machine, message: machine.hash)
        monkeypatch.setattr(accuracy, "run_on_rtl", rtl)
        result = CliRunner().invoke(main.app, ["--out", str(tmp_path), *arguments])
        written = tmp_path / main.JSON_NAME
        return result, json.loads(written.read_text()) if written.exists() else None

    return run


def bar(content, words):
    (found,) = [bar for bar in content["bars"] if words in bar["what"]]
    return found


def test_every_image_is_read_as_by_the_reference(listed):
    rtl = DigitsRtl()
    result, content = listed(rtl, "--network", "digits", "--quick")
    verdict = bar(content, "digits")
    assert verdict["holds"] and verdict["value"] == "360 of 360"
    assert "98.33%" in verdict["note"]
    assert rtl.seen == 360 and len(rtl.ran) == 2
    # One network can't be three that gain, and these cycles are made up.
    assert not bar(content, "error of the model")["holds"]
    assert result.exit_code == 1
    assert not bar(content, "stealing gains")["holds"] and bar(content, "at the worst")["holds"]


def test_an_image_that_is_read_otherwise_is_found(listed):
    result, content = listed(DigitsRtl(wrong=(200,)), "--network", "digits", "--quick")
    assert result.exit_code == 1
    assert bar(content, "digits")["value"] == "359 of 360"
    assert "359 of 360, which must be all" in result.stderr


def test_list_has_every_small_network_in_every_way(listed, monkeypatch):
    # The model predicts the real hardware, not the made-up one.
    monkeypatch.setattr(whole, "ERROR_BAR", float("inf"))
    result, content = listed(DigitsRtl(), "--quick")
    ways = {(row["network"], row["way"], row["balancing"]) for row in content["rows"]}
    assert len(ways) == len(content["rows"]) == 4 * len(Way) * 2
    # Where stealing makes the same plans as equal shares, it is the same run.
    assert bar(content, "stealing gains")["holds"]
    assert all(row["model_cycles"] > 0 for row in content["rows"])
    assert result.exit_code == 0, result.output


def test_network_that_is_not_in_the_list_is_refused(listed):
    result, content = listed(DigitsRtl(), "--network", "vgg19")
    assert result.exit_code == 2 and content is None
    assert "--network must be a list of digits, resnet8" in result.stderr


def test_accuracy_counts_images_and_not_elements():
    logits = np.zeros((3, 1, 1, 10), np.int8)
    logits[:, 0, 0, 4] = 9
    other = logits.copy()
    other[1, 0, 0, 5:] = 10
    read = accuracy.DigitsRead(
        labels=np.array([4, 5, 4]), logits=other, reference_logits=logits, rtl_cycles=1
    )
    assert read.equal_images == 2
    assert read.accuracy == 1.0 and read.reference_accuracy == pytest.approx(2 / 3)
