import pytest
from simulate import register_access, simulate
from tightrope.hw.regs import HART_LOCAL_REGS, Event
from tightrope.hw.sync.events import EventUnit

REGS = {reg.name: reg.offset_bytes for reg in HART_LOCAL_REGS}


async def write(ctx, dut, name, value=0):
    await register_access(ctx, dut.bus, REGS[name], write=value)


async def pending(ctx, dut):
    return (await register_access(ctx, dut.bus, REGS["EVENT_PENDING"]))[0]


async def happen(ctx, dut, events):
    ctx.set(dut.happened, events)
    await ctx.tick()
    ctx.set(dut.happened, 0)


def test_events_are_pending_until_they_are_cleared():
    dut = EventUnit()

    async def testbench(ctx):
        assert await pending(ctx, dut) == 0
        await happen(ctx, dut, Event.DMA | Event.TILE)
        await happen(ctx, dut, Event.STREAM)
        assert await pending(ctx, dut) == Event.DMA | Event.TILE | Event.STREAM
        await write(ctx, dut, "EVENT_PENDING", Event.TILE | Event.BARRIER)
        assert await pending(ctx, dut) == Event.DMA | Event.STREAM

    simulate(dut, testbench)


def test_an_event_that_happens_while_it_is_cleared_stays():
    dut = EventUnit()

    async def testbench(ctx):
        await happen(ctx, dut, Event.DMA)
        ctx.set(dut.happened, Event.DMA)
        await write(ctx, dut, "EVENT_PENDING", Event.DMA)
        ctx.set(dut.happened, 0)
        assert await pending(ctx, dut) == Event.DMA

    simulate(dut, testbench)


@pytest.mark.parametrize("event", list(Event))
def test_wake_is_high_while_an_event_of_the_mask_is_pending(event):
    dut = EventUnit()

    async def testbench(ctx):
        await write(ctx, dut, "EVENT_MASK", event)
        await happen(ctx, dut, ~event & sum(Event))
        assert not ctx.get(dut.wake)
        await happen(ctx, dut, event)
        assert ctx.get(dut.wake)
        await write(ctx, dut, "EVENT_MASK", 0)
        assert not ctx.get(dut.wake)
        await write(ctx, dut, "EVENT_MASK", event)
        assert ctx.get(dut.wake)
        await write(ctx, dut, "EVENT_PENDING", event)
        assert not ctx.get(dut.wake)

    simulate(dut, testbench)


def test_a_hart_is_asleep_from_sleep_to_the_event():
    dut = EventUnit()

    async def testbench(ctx):
        await write(ctx, dut, "EVENT_MASK", Event.STREAM)
        await write(ctx, dut, "SLEEP")
        for _ in range(5):
            assert ctx.get(dut.asleep) and not ctx.get(dut.wake)
            await ctx.tick()
        await happen(ctx, dut, Event.DMA)
        assert ctx.get(dut.asleep)
        await happen(ctx, dut, Event.STREAM)
        assert ctx.get(dut.wake) and not ctx.get(dut.asleep)
        await ctx.tick()
        # It does not fall asleep again by itself.
        await write(ctx, dut, "EVENT_PENDING", Event.STREAM)
        await ctx.tick()
        assert not ctx.get(dut.asleep)

    simulate(dut, testbench)


@pytest.mark.parametrize("early", [True, False])
def test_an_event_before_sleep_or_with_it_ends_it_at_once(early):
    dut = EventUnit()

    async def testbench(ctx):
        await write(ctx, dut, "EVENT_MASK", Event.TILE)
        ctx.set(dut.happened, Event.TILE)
        if early:
            await ctx.tick()
            ctx.set(dut.happened, 0)
        await write(ctx, dut, "SLEEP")
        ctx.set(dut.happened, 0)
        for _ in range(3):
            assert ctx.get(dut.wake) and not ctx.get(dut.asleep)
            await ctx.tick()

    simulate(dut, testbench)


@pytest.mark.parametrize("addr", [0x00, 0x10, 0x24, 0x118, 0x218])
def test_other_registers_are_ignored(addr):
    dut = EventUnit()

    async def testbench(ctx):
        await happen(ctx, dut, sum(Event))
        await register_access(ctx, dut.bus, addr, write=0xFFFF_FFFF)
        assert (await register_access(ctx, dut.bus, addr))[0] == 0
        assert not ctx.get(dut.wake)
        assert await pending(ctx, dut) == sum(Event)

    simulate(dut, testbench)
