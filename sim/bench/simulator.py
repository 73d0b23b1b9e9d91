"""How fast the simulator is."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.calibrate.layers import machine
from tightrope.sim.calibrate.stream_cases import stream_machine
from tightrope.sim.cosim.bench import measure_cycles_per_s

from .rows import Message, Row

__all__ = ["simulator_rows"]

STOCK_BAR = 8.0
BARE_BAR = 0.8


def simulator_rows(*, stock: bool, on_message: Message) -> list[Row]:
    """Speed of 8 harts with 8 tiles of either kind, beside a bare C++ loop and, if asked, cocotb's
    own runner."""
    streaming = stream_machine(8, loose_tiles=8)
    rows = _rows("cosim", machine(8), stock, on_message)
    return rows + _rows("cosim, streaming,", streaming, stock, on_message)


def _rows(what: str, config: ClusterConfig, stock: bool, on_message: Message) -> list[Row]:
    speeds = measure_cycles_per_s(config, stock=stock, on_message=on_message)
    rows = [Row(name=f"{what} {name}", value=speeds[name], unit="cycles/s") for name in speeds]
    if stock:
        ratio = speeds["ours"] / speeds["stock"]
        rows.append(Row(name=f"{what} ours / stock", value=ratio, unit="ratio", bar=STOCK_BAR))
    ratio = speeds["ours"] / speeds["bare"]
    rows.append(Row(name=f"{what} ours / bare", value=ratio, unit="ratio", bar=BARE_BAR, limit=1))
    return rows
