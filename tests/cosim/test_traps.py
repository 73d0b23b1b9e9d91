"""Accesses, jumps and instructions that go wrong end a run: hart, place and cause are reported."""

import dataclasses

import pytest
from bare_firmware import build_program, orders
from cosim_jobs import run_firmware
from cosim_machines import MACHINES
from tightrope.hw.memmap import HOST, LOOSE_TILE, MAIN_MEMORY, SCRATCHPAD
from tightrope.sim.cosim.errors import CosimHang
from tightrope.sim.cosim.run import run_images
from tightrope.sim.image.firmware import symbolise
from tightrope.sim.image.layout import ExitStatus
from tightrope.sim.image.running import RunError

MACHINE = MACHINES[2]
STORE, LOAD, JUMP, INSTRUCTION, MISS_BARRIER = range(5)
EVERY_HART = 99
BUS_ERROR, ILLEGAL, ECALL = 0x8000_0003, 2, 11
LOAD_MISALIGNED = 4
MEMORY_END = MAIN_MEMORY.base_addr + MACHINE.memory.size_bytes
UNCACHED = 1 << 31


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wrong:
    """What a hart is ordered to do, and what must be reported."""

    kind: int
    addr: int
    cause: int
    place: str
    """The function in which the program counter is."""
    hart: int
    reported_addr: int | None = None
    """``addr`` if None."""


NO_TILE = LOOSE_TILE.base_addr + MACHINE.loose_tiles * LOOSE_TILE.stride_bytes
ACCESSES = {
    "store to the scratchpad": (STORE, SCRATCHPAD.base_addr, "store_to"),
    "store past the memory": (STORE, MEMORY_END, "store_to"),
    "store past the memory, uncached": (STORE, MEMORY_END + 64 | UNCACHED, "store_to"),
    "store to null": (STORE, 0, "store_to"),
    "store to a loose tile that isn't there": (STORE, NO_TILE, "store_to"),
    "load below the memory": (LOAD, MAIN_MEMORY.base_addr - 32, "load_from"),
    "load past the memory": (LOAD, MEMORY_END, "load_from"),
    "load past the memory, uncached": (LOAD, MEMORY_END + 4 | UNCACHED, "load_from"),
    "load of a loose tile that isn't there": (LOAD, NO_TILE + 64, "load_from"),
    "load past the host's registers": (LOAD, HOST.base_addr + HOST.size_bytes, "load_from"),
}
WRONGS = {
    name: Wrong(kind=kind, addr=addr, cause=BUS_ERROR, place=place, hart=index % MACHINE.harts)
    for index, (name, (kind, addr, place)) in enumerate(ACCESSES.items())
} | {
    # A line is fetched from its beginning.
    "load from the middle of a line": Wrong(
        kind=LOAD, addr=SCRATCHPAD.base_addr + 20, cause=BUS_ERROR, place="load_from", hart=1,
        reported_addr=SCRATCHPAD.base_addr,
    ),
    "misaligned load": Wrong(
        kind=LOAD, addr=MAIN_MEMORY.base_addr + 2, cause=LOAD_MISALIGNED, place="load_from", hart=2
    ),
    "illegal word": Wrong(
        kind=INSTRUCTION, addr=0, cause=ILLEGAL, place="bad_instructions+0x0", hart=0,
        reported_addr=0xFFFF_FFFF,
    ),
    "call of an environment": Wrong(
        kind=INSTRUCTION, addr=1, cause=ECALL, place="bad_instructions+0x4", hart=1,
        reported_addr=0x73,
    ),
    # The core has no debugger.
    "breakpoint": Wrong(
        kind=INSTRUCTION, addr=2, cause=ILLEGAL, place="bad_instructions+0x8", hart=2,
        reported_addr=0x10_0073,
    ),
    "register that isn't there": Wrong(
        kind=INSTRUCTION, addr=3, cause=ILLEGAL, place="bad_instructions+0xc", hart=3,
        reported_addr=0x7C70_1073,
    ),
    "jump to null": Wrong(
        kind=JUMP, addr=0, cause=ILLEGAL, place="0x00000000", hart=3, reported_addr=0
    ),
    "jump past the memory": Wrong(
        kind=JUMP, addr=MEMORY_END, cause=ILLEGAL, place=f"0x{MEMORY_END:08x}", hart=0,
        reported_addr=0,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build_program("faults", tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def outcomes(program):
    images = [orders(wrong.kind, wrong.hart, wrong.addr, 0) for wrong in WRONGS.values()]
    names = list(WRONGS)
    runs = run_firmware(MACHINE, images, program, limit_cycles=50_000, name=names.__getitem__)
    return dict(zip(names, runs, strict=True))


@pytest.mark.parametrize("name", WRONGS)
def test_fault_is_reported(outcomes, program, name):
    wrong, result = WRONGS[name], outcomes[name]
    assert result.status == ExitStatus.TRAP
    fault = result.fault
    wanted = wrong.addr if wrong.reported_addr is None else wrong.reported_addr
    assert (fault.hart, hex(fault.cause), hex(fault.addr)) == (
        wrong.hart,
        hex(wrong.cause),
        hex(wanted),
    )
    place = symbolise(fault.pc, program.elf)
    assert place == wrong.place or place.startswith(f"{wrong.place}+"), place


def test_fault_is_in_the_message(outcomes):
    with pytest.raises(RunError) as caught:
        outcomes["store to the scratchpad"].check()
    message = str(caught.value)
    assert "(TRAP)" in message
    assert "hart 0 trapped at pc 0x4000" in message
    assert message.endswith("mcause 0x80000003, address 0x10000000")


def test_one_of_several_faults_at_a_time_is_reported_whole(program):
    images = [orders(STORE, EVERY_HART, SCRATCHPAD.base_addr, step) for step in (64, 4096, 4)]
    for step, result in zip(
        (64, 4096, 4), run_firmware(MACHINE, images, program, limit_cycles=50_000), strict=True
    ):
        assert result.status == ExitStatus.TRAP
        assert result.fault.hart in range(MACHINE.harts)
        assert result.fault.cause == BUS_ERROR
        assert result.fault.addr == SCRATCHPAD.base_addr + step * result.fault.hart


def test_hart_that_misses_the_barrier_hangs_the_run_and_every_hart_is_named(program):
    with pytest.raises(CosimHang) as caught:
        run_images(
            MACHINE,
            [orders(MISS_BARRIER, 2, 0, 0)],
            firmware=program.bin.read_bytes(),
            limit_cycles=20_000,
            timeout_s=60,
            symbolise=lambda pc: symbolise(pc, program.elf),
        )
    hang = caught.value
    assert (hang.image_idx, len(hang.pcs)) == (0, MACHINE.harts)
    first, *harts = str(hang).splitlines()
    assert first == "image 0 was not finished after 20000 cycles"
    for hart, text in enumerate(harts):
        place = "miss_barrier+" if hart == 2 else "wait_at_barrier+"
        assert text.startswith(f"  hart {hart}: pc 0x4000")
        assert f" {place}" in text, text


def test_program_that_does_nothing_wrong_ends_well(program):
    (result,) = run_firmware(MACHINE, [orders(LOAD, 1, MEMORY_END - 4, 0)], program)
    assert (result.status, result.fault) == (ExitStatus.OK, None)
