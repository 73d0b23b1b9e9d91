import struct
import subprocess
import sys

import pytest
from tightrope.hw import isa, memmap, regs
from tightrope.hw.headers import DCACHE_BYTES, cluster_regs_header, linker_script
from tightrope.hw.stream.descriptor import JOB_FIELDS, JOB_WORDS
from tightrope.sim.image import layout
from tightrope.sim.image.firmware import (
    _BSS_PHASE_BYTES,
    _TABLES_PHASE_BYTES,
    build_firmware,
    symbolise,
    write_headers,
)
from tightrope.sim.image.header import image_layout_header


def values(folder, expressions):
    """What C makes of constant expressions, by way of the preprocessor and an array of bytes."""
    source = folder / "probe.c"
    checks = "".join(f'_Static_assert(({text}) == ({value}u), "{text}");\n'
                     for text, value in expressions.items())  # fmt: skip
    source.write_text('#include "cluster_regs.h"\n#include "image_layout.h"\n'
                      "#include <stddef.h>\n" + checks)  # fmt: skip
    command = [sys.executable, "-m", "ziglang", "cc", "-c", f"-I{folder}", str(source)]
    command += ["-o", str(folder / "probe.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_headers_are_the_same_every_time():
    assert cluster_regs_header() == cluster_regs_header()
    assert image_layout_header() == image_layout_header()


def test_constants_agree_with_python(tmp_path):
    write_headers(tmp_path)
    expressions = {
        "MAIN_MEMORY_BASE_ADDR": memmap.MAIN_MEMORY.base_addr,
        "LOOSE_TILE_STRIDE_BYTES": memmap.LOOSE_TILE.stride_bytes,
        "HOST_EXIT_OFFSET_BYTES": 0,
        "HOST_COUNTER_COUNT": len(regs.MachineCounter),
        "MACHINE_COUNTER_COUNT": len(regs.MachineCounter),
        "MACHINE_COUNTER_SCRATCHPAD_BEATS": int(regs.MachineCounter.SCRATCHPAD_BEATS),
        "CFU_OPCODE": isa.CUSTOM_OPCODE,
        "TILE_CONFIG_ACTIVATION": 7,
        "TILE_SHIFT_POST_MASK": 0x100,
        "JOB_POST_MASK": 0x80,
        "TILE_STATUS_ERROR_SHORT_MASK": int(isa.TileStatus.ERROR_SHORT),
        "TILE_STATUS_ERRORS_MASK": 0x1F8,
        "sizeof(stream_job_t)": 4 * JOB_WORDS,
        "EVENT_STREAM_MASK": int(regs.Event.STREAM),
        "IMAGE_ADDR": layout.IMAGE_ADDR,
        "EXIT_TILE_ERROR": int(layout.ExitStatus.TILE_ERROR),
    }
    tables = {
        "HART_LOCAL": regs.HART_LOCAL_REGS,
        "SYNC": regs.SYNC_REGS,
        "HOST": regs.HOST_REGS,
        "LOOSE_TILE": regs.LOOSE_TILE_REGS,
    }
    for prefix, table in tables.items():
        for reg in table:
            expressions[f"{prefix}_{reg.name}_OFFSET_BYTES"] = reg.offset_bytes
    for reg in regs.LOOSE_STREAM_REGS:
        expressions[f"LOOSE_TILE_{reg.name}_OFFSET_BYTES"] = reg.offset_bytes
    place = 0
    for name, bits in JOB_FIELDS.items():
        expressions[f"offsetof(stream_job_t, {name})"] = place
        place += bits // 8
    for op in isa.CfuOp:
        expressions[f"CFU_OP_{op.name}"] = int(op)
    for prefix, members in {"CFU_DOT": isa.DotOp, "CFU_ACC": isa.AccOp}.items():
        for member in members:
            expressions[f"{prefix}_{member.name}"] = int(member)
    values(tmp_path, expressions)


@pytest.mark.parametrize("struct", layout.STRUCTS)
def test_fields_lie_where_python_packs_them(struct, tmp_path):
    write_headers(tmp_path)
    fields = layout.STRUCTS[struct]
    expressions = {f"offsetof({struct}_t, {name})": 4 * index
                   for index, (name, _) in enumerate(fields)}  # fmt: skip
    expressions[f"sizeof({struct}_t)"] = layout.size_bytes(fields)
    values(tmp_path, expressions)


def test_linker_script_starts_with_the_reset_vector():
    script = linker_script(base_addr=0x4000_0000, size_bytes=0x2_0000)
    assert "ORIGIN = 0x40000000, LENGTH = 0x20000" in script
    assert script.index(".init") < script.index(".text .text")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return build_firmware(tmp_path_factory.mktemp("firmware"))


def sections(elf):
    """(address, size in bytes) of every section, by name."""
    data = elf.read_bytes()
    (offset,), (count, names) = (
        struct.unpack_from("<I", data, 32), struct.unpack_from("<HH", data, 48)
    )  # fmt: skip
    headers = [struct.unpack_from("<10I", data, offset + 40 * i) for i in range(count)]
    found = {}
    for name, _, _, addr, _, size, *_ in headers:
        begin = headers[names][4] + name
        found[data[begin : data.index(0, begin)].decode()] = (addr, size)
    return found


def test_tables_and_variables_keep_their_place_in_the_data_cache(firmware):
    found = sections(firmware.elf)
    assert found[".rodata"][0] % DCACHE_BYTES == _TABLES_PHASE_BYTES
    assert found[".bss"][0] % DCACHE_BYTES == _BSS_PHASE_BYTES
    ends = [sum(found[name]) for name in (".text", ".rodata", ".bss")]
    assert ends[0] <= found[".rodata"][0] and ends[1] <= found[".bss"][0]
    assert ends[2] <= layout.FIRMWARE_ADDR + layout.FIRMWARE_BYTES


def test_firmware_fits_and_begins_with_start(firmware):
    assert 0 < firmware.bin.stat().st_size <= layout.FIRMWARE_BYTES
    assert symbolise(layout.FIRMWARE_ADDR, firmware.elf) == "_start+0x0"


def test_firmware_is_built_once_and_bit_for_bit_the_same(firmware, tmp_path):
    stamp = firmware.bin.stat().st_mtime_ns
    again = build_firmware(firmware.bin.parents[1])
    assert again == firmware and again.bin.stat().st_mtime_ns == stamp
    assert build_firmware(tmp_path).bin.read_bytes() == firmware.bin.read_bytes()


def test_a_pc_outside_the_firmware_stays_a_number(firmware):
    assert symbolise(0x1234, firmware.elf) == "0x00001234"
