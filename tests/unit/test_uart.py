"""The serial line's two ends, bit by bit and one against the other."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from simulate import simulate
from tightrope.fpga.link.uart import UartReceiver, UartTransmitter


class Loop(wiring.Component):
    """A transmitter whose line a receiver listens to."""

    valid: In(1)
    data: In(8)
    ready: Out(1)
    received: Out(1)
    byte: Out(8)

    def __init__(self, divisor):
        self._divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self._divisor)
        m.submodules.receiver = receiver = UartReceiver(divisor=self._divisor)
        m.d.comb += [
            transmitter.valid.eq(self.valid), transmitter.data.eq(self.data),
            self.ready.eq(transmitter.ready), receiver.rx.eq(transmitter.tx),
            self.received.eq(receiver.valid), self.byte.eq(receiver.data),
        ]  # fmt: skip
        return m


@pytest.mark.parametrize("divisor", [4, 5, 8])
def test_bytes_come_out_as_they_went_in(divisor):
    loop = Loop(divisor)
    sent = [0x00, 0xFF, 0xA5, 0x5A, 0x01, 0x80, 0x7E]
    received = []

    async def send(ctx):
        for byte in sent:
            ctx.set(loop.valid, 1)
            ctx.set(loop.data, byte)
            await ctx.tick().until(loop.ready)
        ctx.set(loop.valid, 0)

    async def watch(ctx):
        while len(received) < len(sent):
            _, _, there, byte = await ctx.tick().sample(loop.received, loop.byte)
            if there:
                received.append(byte)

    simulate(loop, send, watch)
    assert received == sent


def line_of(bits, divisor):
    return [bit for bit in bits for _ in range(divisor)]


def receive_levels(levels, divisor):
    """What a receiver makes of the line's level in each cycle."""
    dut = UartReceiver(divisor=divisor)
    found = []

    async def run(ctx):
        for level in levels + [1] * 4 * divisor:
            ctx.set(dut.rx, level)
            _, _, there, byte = await ctx.tick().sample(dut.valid, dut.data)
            if there:
                found.append(byte)

    simulate(dut, run)
    return found


def test_a_byte_without_stop_bit_is_dropped_and_the_next_one_is_received():
    bits = [1, 1, *[0] * 10, 1, 1, 0, *[1, 0, 1, 0, 0, 0, 0, 1], 1]
    assert receive_levels(line_of(bits, 8), 8) == [0b10000101]


def test_a_glitch_is_no_start_bit():
    assert receive_levels([1] * 8 + [0] * 2 + [1] * 200, 8) == []


@pytest.mark.parametrize("stretch", [-0.04, 0.04])
def test_a_clock_that_is_four_per_cent_off_is_understood(stretch):
    divisor = 16
    bits = [1, 0, *[0, 1, 1, 0, 1, 0, 0, 1], 1]
    cycles = int(len(bits) * divisor * (1 + stretch))
    levels = [bits[int(i / (divisor * (1 + stretch)))] for i in range(cycles)]
    assert receive_levels(levels, divisor) == [0b10010110]
