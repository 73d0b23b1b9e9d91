"""What a command says of how far it is."""

import io

import pytest
from rich.console import Console
from tightrope.sim.commands import output


@pytest.fixture
def talk(monkeypatch):
    """A talk whose clock is set by hand, to a buffer."""
    found = output.Talk()
    found.now = 100.0
    monkeypatch.setattr(output.time, "monotonic", lambda: found.now)
    found._errors = Console(file=io.StringIO(), width=120)
    return found


def test_lines_say_speed_and_time_left_and_count_only_what_is_new(talk):
    with talk.progress() as progress:
        progress("points", 1000, 3000)
        talk.now += 10
        progress("points", 1500, 3000)
        talk.now += 15
        progress("points", 2000, 3000)
    assert talk._errors.file.getvalue().splitlines() == [
        "points: 1500 of 3000, 50 per second, 30 s left",
        "points: 2000 of 3000, 40 per second, 25 s left",
    ]


def test_nothing_is_said_of_what_is_quick(talk):
    with talk.progress() as progress:
        for done in range(10):
            progress("points", done, 10)
            talk.now += 0.15
    assert talk._errors.file.getvalue() == ""


def test_bar_shows_count_and_speed(talk, monkeypatch):
    talk._errors = Console(file=io.StringIO(), width=120, force_terminal=True)
    with talk.progress() as progress:
        progress("points", 10, 50)
        talk.now += 4
        progress("points", 30, 50)
        progress._bar.refresh()
    shown = talk._errors.file.getvalue()
    assert "points" in shown and "30/50" in shown and "5 per second" in shown
