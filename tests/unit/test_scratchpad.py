# amaranth: UnusedElaboratable=no
import random

import pytest
from simulate import simulate
from tightrope.hw.bus.word_port import BankPort
from tightrope.hw.config import HwConfigError
from tightrope.hw.mem.scratchpad import Scratchpad


@pytest.mark.parametrize("size_bytes", [0, 8 << 10, 48 << 10, 1 << 20, 16384.0, "16K", None])
def test_refuses_a_bad_size(size_bytes):
    message = r"^scratchpad\.size_bytes must be a power of two from 16384 to 524288, not "
    with pytest.raises(HwConfigError, match=message):
        Scratchpad(size_bytes=size_bytes, banks=4)


@pytest.mark.parametrize("banks", [0, 1, 2, 6, 64, -4, 4.0, True, None])
def test_refuses_bad_banks(banks):
    message = r"^scratchpad\.banks must be a power of two from 4 to 32, not "
    with pytest.raises(HwConfigError, match=message):
        Scratchpad(size_bytes=16 << 10, banks=banks)


@pytest.mark.parametrize("banks", [4, 8, 16, 32])
@pytest.mark.parametrize("size_bytes", [16 << 10, 512 << 10])
def test_all_banks_together_have_the_size(size_bytes, banks):
    dut = Scratchpad(size_bytes=size_bytes, banks=banks)
    assert dut.bank_words * banks * 4 == size_bytes
    assert dut.ports[banks - 1].signature.flip() == BankPort(words=dut.bank_words)


@pytest.mark.parametrize("seed", range(2))
def test_banks_keep_the_bytes_that_the_mask_selects(seed):
    banks = 4
    dut = Scratchpad(size_bytes=16 << 10, banks=banks)
    rng = random.Random(seed)
    rows = [0, 1, dut.bank_words // 2, dut.bank_words - 1]

    async def testbench(ctx):
        model = {(bank, row): 0 for bank in range(banks) for row in rows}
        answers = [0] * banks
        for _ in range(400):
            for bank in range(banks):
                port = dut.ports[bank]
                row, data, mask = rng.choice(rows), rng.getrandbits(32), rng.randrange(16)
                en, write = rng.random() < 0.8, rng.random() < 0.5
                for name, value in (
                    ("en", en), ("write", write), ("addr", row), ("data", data), ("mask", mask)
                ):  # fmt: skip
                    ctx.set(getattr(port, name), value)
                if en and write:
                    lanes = sum(0xFF << 8 * lane for lane in range(4) if mask >> lane & 1)
                    model[bank, row] = model[bank, row] & ~lanes | data & lanes
                elif en:
                    answers[bank] = model[bank, row]
            await ctx.tick()
            for bank in range(banks):
                assert ctx.get(dut.ports[bank].rdata) == answers[bank], f"seed {seed}"

    simulate(dut, testbench)
