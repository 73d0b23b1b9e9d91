"""How fast the simulator is."""

from tightrope.sim.calibrate.layers import machine
from tightrope.sim.cosim.bench import measure_cycles_per_s

from .rows import Message, Row

__all__ = ["simulator_rows"]

STOCK_BAR = 8.0
BARE_BAR = 0.8


def simulator_rows(*, stock: bool, on_message: Message) -> list[Row]:
    """Speed of the 8-hart machine, beside a bare C++ loop and, if asked, cocotb's own runner."""
    speeds = measure_cycles_per_s(machine(8), stock=stock, on_message=on_message)
    rows = [Row(name=f"cosim {name}", value=speeds[name], unit="cycles/s") for name in speeds]
    if stock:
        ratio = speeds["ours"] / speeds["stock"]
        rows.append(Row(name="cosim ours / stock", value=ratio, unit="ratio", bar=STOCK_BAR))
    ratio = speeds["ours"] / speeds["bare"]
    return [*rows, Row(name="cosim ours / bare", value=ratio, unit="ratio", bar=BARE_BAR, limit=1)]
