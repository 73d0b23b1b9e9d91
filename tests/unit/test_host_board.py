"""The host's side against a board that answers, is silent, lies, or goes away."""

import dataclasses
import os
import random

import numpy as np
import pytest
from fake_board import CONFIG, FakeBoard
from tightrope.fpga.host.board import Board
from tightrope.fpga.host.errors import BoardError, LinkLostError, NoAnswerError
from tightrope.fpga.host.frames import reply_bytes
from tightrope.fpga.host.line import open_line
from tightrope.fpga.host.link import Link
from tightrope.fpga.host.memory import load, read_back
from tightrope.fpga.link.protocol import BLOCK_BYTES, VERSION, Answer, Command, check_word
from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import IMAGE_ADDR, ExitStatus
from tightrope.sim.image.running import RunError

TIMEOUTS_S = (0.2, 0.4, 0.8)
LIMIT_CYCLES = 1000


@dataclasses.dataclass
class Bytes:
    """An image that is nothing but bytes."""

    data: bytes = b"image" * 100
    memory_end: int = IMAGE_ADDR + 4096


@pytest.fixture
def board():
    with FakeBoard() as fake:
        yield fake


@pytest.fixture
def link(board):
    with open_line(board.port, 1_000_000) as line:
        yield Link(line, timeouts_s=TIMEOUTS_S)


def content_of(seed, size):
    return np.random.default_rng(seed).bytes(size)


def run(port, config=CONFIG, image=None, **options):
    board = Board(port=port, timeouts_s=TIMEOUTS_S)
    options = {"firmware": b"firmware", "limit_cycles": LIMIT_CYCLES} | options
    return board.run_images(config, [image or Bytes()], **options)


def test_what_was_loaded_is_there_and_is_not_loaded_again(board, link):
    content = content_of(1, 5 * BLOCK_BYTES + 100)
    assert load(link, content) == 6
    assert board.memory[: len(content)] == content
    assert load(link, content) == 0
    changed = bytearray(content)
    changed[2 * BLOCK_BYTES] ^= 1
    assert load(link, bytes(changed)) == 1
    assert board.memory[: len(content)] == changed


def test_zeros_are_not_sent_to_memory_that_is_zero(board, link):
    assert load(link, bytes(8 * BLOCK_BYTES)) == 0
    assert board.count(Command.WRITE) == 0


def test_only_what_changed_is_read_back(board, link):
    content = content_of(2, 6 * BLOCK_BYTES - 7)
    load(link, content)
    board.memory[3 * BLOCK_BYTES + 5] ^= 0xFF
    expected = bytes(board.memory[: len(content)])
    assert read_back(link, content) == expected != content
    assert board.count(Command.READ) == 1


def test_memory_that_forgets_is_seen(board, link):
    real = board._obey

    def forgetful(command, first, count, payload):
        answer = real(command, first, count, payload)
        if command == Command.WRITE and first == BLOCK_BYTES // 4:
            board.memory[BLOCK_BYTES] ^= 1
        return answer

    board._obey = forgetful
    with pytest.raises(BoardError, match="does not keep what is written to it, at offset 0x800$"):
        load(link, content_of(3, 3 * BLOCK_BYTES))


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_line_delays_and_nothing_else(board, seed):
    rng = random.Random(seed)

    def noise(data):
        damaged = bytearray(data)
        for place in range(len(damaged)):
            if rng.random() < 1e-4:
                damaged[place] ^= 1 << rng.randrange(8)
        return bytes(damaged)

    board.cable.to_board = board.cable.to_host = noise
    with open_line(board.port, 1_000_000) as line:
        link = Link(line, timeouts_s=(0.05,) * 30)
        content = content_of(seed, 30 * BLOCK_BYTES)
        load(link, content)
        assert board.memory[: len(content)] == content, f"seed {seed}"
        assert link.repeats > 0, f"seed {seed}"


def test_a_reply_that_is_lost_is_asked_for_again(board, link):
    lost = []

    def lose_first(data):
        if not lost:
            lost.append(data)
            return b""
        return data

    board.cable.to_host = lose_first
    assert link.identify() == board.identity
    assert board.count(Command.IDENTIFY) == 2


def test_a_late_reply_to_another_request_is_not_taken(board, link):
    real, late = reply_bytes(Answer.OK, 0), []

    def with_late(data):
        late.append(data)
        return real + data if len(late) > 1 else data

    board.cable.to_host = with_late
    assert link.identify() == board.identity
    assert link.status() == board.status


def test_a_cable_that_is_pulled_in_mid_load_is_one_sentence_and_the_load_goes_on(board):
    content = content_of(4, 20 * BLOCK_BYTES)

    def pull(done, total):
        if done == 7:
            board.cable.pull()

    with open_line(board.port, 1_000_000) as line:
        link = Link(line, timeouts_s=TIMEOUTS_S)
        with pytest.raises(LinkLostError, match="7 of 20 blocks were loaded.* goes on from there"):
            load(link, content, pull)
    board.port = board.cable.plug()
    with open_line(board.port, 1_000_000) as line:
        assert load(Link(line, timeouts_s=TIMEOUTS_S), content) == 13
    assert board.memory[: len(content)] == content


def test_a_port_that_is_not_there_is_one_sentence(tmp_path):
    port = str(tmp_path / "ttyUSB7")
    with pytest.raises(
        BoardError, match=f"^can't open the port {port}: No such file or directory$"
    ):
        run(port)


def test_a_file_is_no_port(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(BoardError, match="^can't open the port .*file: "):
        run(str(path))


def test_a_port_that_another_program_has_open_is_one_sentence(board):
    with (
        open_line(board.port, 1_000_000),
        pytest.raises(BoardError, match="another program has it open"),
    ):
        run(board.port)


def test_silence_is_one_sentence():
    ours, theirs = os.openpty()
    try:
        with pytest.raises(
            NoAnswerError, match="^nobody answers on /dev/.*: is it the board's port"
        ):
            run(os.ttyname(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


def test_something_else_that_talks_is_one_sentence(board):
    board.answers = lambda number: b"login: "
    with pytest.raises(NoAnswerError, match="can't be understood"):
        run(board.port)


def test_another_version_of_the_protocol_is_one_sentence(board):
    def older(number):
        body = bytearray(reply_bytes(Answer.WRONG_VERSION, number)[:-4])
        body[3] = VERSION + 1
        return bytes(body) + check_word(body)

    board.answers = older
    with pytest.raises(BoardError, match=f"speaks version {VERSION + 1} of the host link and this"):
        run(board.port)


def test_another_machine_is_one_sentence(board):
    other = ClusterConfig(harts=4, memory=CONFIG.memory)
    with pytest.raises(BoardError, match=r"another machine \(.* 2 harts.*\(.* 4 harts.*\)$"):
        run(board.port, other)
    assert board.count(Command.WRITE) == 0


def test_a_run_brings_back_memory_status_and_fault(board):
    board.status |= {
        "exit_status": ExitStatus.TRAP, "cycles": 77, "fault_hart": 1, "fault_cause": 5,
        "fault_addr": 0x10, "fault_pc": 0x40000120,
    }  # fmt: skip
    image = Bytes()
    (result,) = run(board.port, image=image)
    assert result.cycles == 77
    assert bytes(result.memory) == image.data.ljust(4096, b"\0")
    with pytest.raises(RunError, match="hart 1 trapped at pc 0x40000120, mcause 0x5"):
        result.check()


def test_a_run_without_end_is_one_sentence(board):
    board.status |= {"done": 0, "cycles": LIMIT_CYCLES + 1}
    with pytest.raises(BoardError, match="^image 0 was not finished after 1001 cycles$"):
        run(board.port)


def test_a_run_that_takes_too_long_is_one_sentence(board):
    board.status["done"] = 0
    with pytest.raises(BoardError, match="^image 0 took longer than the time allowed$"):
        run(board.port, timeout_s=0.3)


def test_an_image_that_does_not_fit_is_refused(board):
    with pytest.raises(RunError, match="^image 0 must lie between"):
        run(board.port, image=Bytes(memory_end=1 << 31))
