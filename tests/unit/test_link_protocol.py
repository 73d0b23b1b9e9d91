"""The protocol's data are whole, and the docs say the same."""

from pathlib import Path

import pytest
from tightrope.fpga.link import protocol
from tightrope.fpga.link.make import MAX_BAUD_ERROR_RATIO
from tightrope.fpga.link.protocol import IDENTITY, STATUS, Answer, Command, Identity
from tightrope.fpga.presets import PRESETS
from tightrope.hw.config import ClusterConfig

DOCS = Path(__file__).parents[2] / "docs" / "fpga.md"


def commands_table():
    """As docs/fpga.md must have it."""
    lines = [
        "| command | code | first word | count | reply | what it is |",
        "| --- | ---: |" + " --- |" * 4,
    ]
    for command in Command:
        cells = [f"`{command.name}`", str(int(command)), *protocol.COMMAND_HELP[command]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_the_docs_have_the_table_of_commands():
    table = commands_table()
    assert table in DOCS.read_text(encoding="utf-8"), f"docs/fpga.md must have\n{table}"


def test_the_docs_name_all_words_and_answers():
    text = DOCS.read_text(encoding="utf-8")
    for name, _ in (*IDENTITY, *STATUS):
        assert f"`{name}`" in text, name
    for answer in Answer:
        assert f"`{answer.name}` {int(answer)}" in text, answer.name


def test_an_identity_has_all_its_words():
    config = ClusterConfig()
    identity = Identity.of(config, lanes=16, clock_hz=50_000_000)
    assert identity.config_hash == config.hash
    assert len(identity.words()) == len(IDENTITY)
    assert all(0 <= word < 1 << 32 for word in identity.words())


def test_a_frame_is_not_mistaken_for_its_payload():
    assert protocol.REQUEST_MARK != protocol.REPLY_MARK
    assert set(protocol.COMMAND_HELP) == set(Command)


@pytest.mark.parametrize("mhz", [12, 25, 40, 48, 50, 60, 62.5, 75, 80, 100])
def test_the_baud_rate_suits_usual_clocks(mhz):
    divisor = round(mhz * 1e6 / protocol.BAUD)
    assert abs(mhz * 1e6 / divisor / protocol.BAUD - 1) <= MAX_BAUD_ERROR_RATIO


@pytest.mark.parametrize("name", ["small", "tight4"])
def test_a_preset_has_room_for_an_image(name):
    from tightrope.hw.memmap import MAIN_MEMORY
    from tightrope.sim.image.layout import IMAGE_ADDR

    room_bytes = PRESETS[name].config.memory.size_bytes - (IMAGE_ADDR - MAIN_MEMORY.base_addr)
    assert room_bytes >= 40 << 10
