"""The core: LiteX's packaged VexRiscv with a custom-function-unit port."""

from pathlib import Path

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..bus import wishbone

__all__ = ["CFU_COMMAND", "VexRiscv", "core_sources"]

_VARIANT = "full+cfu"

CFU_COMMAND = data.StructLayout({"function_id": 10, "inputs_0": 32, "inputs_1": 32})
"""What the core sends to its custom function unit."""


def core_sources() -> list[Path]:
    """The core's Verilog, found through LiteX's variant table and data module.

    Raises
    ------
    FileNotFoundError
        When the packages are there and the variant's file is not.
    """
    # Imported here: LiteX takes half a second to import, and only generation needs it.
    import pythondata_cpu_vexriscv
    from litex.soc.cores.cpu.vexriscv.core import CPU_VARIANTS

    path = Path(pythondata_cpu_vexriscv.data_location) / f"{CPU_VARIANTS[_VARIANT]}.v"
    if not path.is_file():
        raise FileNotFoundError(f"VexRiscv variant {_VARIANT!r} must be at {path}")
    return [path]


class VexRiscv(wiring.Component):
    """One VexRiscv core: RV32IM, 4 KiB I$, 4 KiB write-through D$, CFU port.

    Fetches its first instruction about 130 cycles after reset, once its I$ is flushed. Ignores bus
    errors. Addresses with bit 31 set bypass the D$.

    Parameters
    ----------
    reset_addr : int
        Byte address of the first instruction.

    Members
    -------
    ibus, dbus : Out(wishbone.Signature())
    cfu_cmd : Out(stream of CFU_COMMAND)
    cfu_rsp : In(stream of 32 bits)
    software_interrupt : In(1)
        Level; machine software interrupt.
    timer_interrupt : In(1)
        Level; machine timer interrupt. ``wfi`` ends with it if it is enabled in ``mie``, also
        with interrupts off, two cycles after it rises.
    """

    def __init__(self, *, reset_addr):
        self._reset_addr = reset_addr
        super().__init__(
            {
                "ibus": Out(wishbone.Signature()),
                "dbus": Out(wishbone.Signature()),
                "cfu_cmd": Out(stream.Signature(CFU_COMMAND)),
                "cfu_rsp": In(stream.Signature(32)),
                "software_interrupt": In(1),
                "timer_interrupt": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if platform is not None:
            for path in core_sources():
                platform.add_file(path.name, path.read_text())
        ports = {
            "i_clk": ClockSignal(),
            "i_reset": ResetSignal(),
            "i_externalResetVector": self._reset_addr,
            "i_timerInterrupt": self.timer_interrupt,
            "i_softwareInterrupt": self.software_interrupt,
            "i_externalInterruptArray": 0,
            "o_CfuPlugin_bus_cmd_valid": self.cfu_cmd.valid,
            "i_CfuPlugin_bus_cmd_ready": self.cfu_cmd.ready,
            "o_CfuPlugin_bus_cmd_payload_function_id": self.cfu_cmd.payload.function_id,
            "o_CfuPlugin_bus_cmd_payload_inputs_0": self.cfu_cmd.payload.inputs_0,
            "o_CfuPlugin_bus_cmd_payload_inputs_1": self.cfu_cmd.payload.inputs_1,
            "i_CfuPlugin_bus_rsp_valid": self.cfu_rsp.valid,
            "o_CfuPlugin_bus_rsp_ready": self.cfu_rsp.ready,
            "i_CfuPlugin_bus_rsp_payload_outputs_0": self.cfu_rsp.payload,
        }
        for name, bus in (("iBusWishbone", self.ibus), ("dBusWishbone", self.dbus)):
            ports |= {
                f"o_{name}_CYC": bus.cyc, f"o_{name}_STB": bus.stb, f"i_{name}_ACK": bus.ack,
                f"o_{name}_WE": bus.we, f"o_{name}_ADR": bus.adr, f"i_{name}_DAT_MISO": bus.dat_r,
                f"o_{name}_DAT_MOSI": bus.dat_w, f"o_{name}_SEL": bus.sel, f"i_{name}_ERR": 0,
                f"o_{name}_CTI": bus.cti.as_value(),
            }
        m.submodules.core = Instance("VexRiscv", **ports)
        return m
