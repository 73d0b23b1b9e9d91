"""The table of operations, against the enumerations and the kernels' sources."""

import re
from pathlib import Path

import pytest
from tightrope import sw
from tightrope.sim.image.header import kernel_table_header
from tightrope.sim.image.layout import Body, Op
from tightrope.sim.operations import OPERATIONS, kernel_names
from tightrope.sim.workload.layers import LayerOp

KERNELS = Path(sw.__file__).parent / "kernels"


def test_every_operation_has_one_entry():
    assert set(OPERATIONS) == set(LayerOp) - {LayerOp.ELEMENTWISE}
    codes = {operation.code for operation in OPERATIONS.values()}
    assert codes == set(Op) - {Op.PROGRAM, Op.PIPELINE}


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_runs_without_tiles_and_has_a_reference_in_c(op):
    assert {Body.DOT4, Body.SCALAR} <= set(OPERATIONS[op].kernels)


@pytest.mark.parametrize("name", sorted({name for _, _, name in kernel_names()}))
def test_every_kernel_is_defined_once(name):
    texts = [path.read_text() for path in KERNELS.glob("*.c")]
    definition = re.compile(rf"^void {name}\(const layer_t \*layer, const chunk_t \*chunk,", re.M)
    assert sum(len(definition.findall(text)) for text in texts) == 1


def test_generated_table_names_every_kernel_once():
    entries = re.findall(r"X\(OP_(\w+), BODY_(\w+), (\w+)\)", kernel_table_header())
    assert len(entries) == len(set(entry[:2] for entry in entries)) == len(kernel_names())
    assert ("ADD", "DOT4", "add_s8") in entries and ("PROGRAM", "LOOSE", "program_loose") in entries
