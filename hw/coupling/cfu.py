"""The tight coupling: a hart's custom instructions, and its tiles behind them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import HwConfigError, TileConfig, check_kind
from ..isa import AccOp, CfuOp
from ..tile.array import BehaviouralArray
from ..tile.tile import Tile
from .digital import DigitalUnit

__all__ = ["Cfu", "CfuCommand"]

CfuCommand = data.StructLayout({"function_id": 10, "inputs_0": 32, "inputs_1": 32})
"""``function_id[2:0]`` is funct3, ``function_id[9:3]`` is funct7."""

_TILE_LIMIT = 16


class Cfu(wiring.Component):
    """Executes CfuOp commands on the digital unit and on ``tile_count`` tiles.

    The response comes from registers: it is valid in the cycle after its command. A command is
    accepted while no response waits or the one that does is being taken, so one per cycle, unless
    what executes it is not ready: a queue or process with both input buffers handed over, a dequeue
    before the result, programming of a busy array; for the digital unit see :class:`DigitalUnit`,
    which never holds up a command for a tile. Commands for tiles that don't exist answer 0. Reset
    drops the response.

    Parameters
    ----------
    tile : TileConfig or None
        The tiles; None only without tiles.
    tile_count : int
        Tiles of this hart, 0 to 16.
    array : callable
        See :class:`Tile`.

    Members
    -------
    cmd : In(stream.Signature(CfuCommand))
    rsp : Out(stream.Signature(32))
    tile_busy : Out(max(tile_count, 1))
        ``busy`` of each tile.
    tile_result : Out(max(tile_count, 1))
        ``result`` of each tile.
    tile_wait : Out(1)
        A tile holds up its command.
    tile_late : Out(max(tile_count, 1))
        ``late`` of each tile.

    Raises
    ------
    TypeError
        If ``tile`` is not a TileConfig and there are tiles.
    HwConfigError
        If ``tile_count`` is out of range.
    """

    def __init__(self, *, tile, tile_count, array=BehaviouralArray):
        integer = isinstance(tile_count, int) and not isinstance(tile_count, bool)
        if not integer or not 0 <= tile_count <= _TILE_LIMIT:
            raise HwConfigError(
                f"tile_count must be an integer from 0 to {_TILE_LIMIT}, not {tile_count!r}"
            )
        if tile_count:
            check_kind("tile", tile, TileConfig)
        self._tile = tile
        self._tile_count = tile_count
        self._array = array
        super().__init__(
            {
                "cmd": In(stream.Signature(CfuCommand)),
                "rsp": Out(stream.Signature(32)),
                "tile_busy": Out(max(tile_count, 1)),
                "tile_result": Out(max(tile_count, 1)),
                "tile_wait": Out(1),
                "tile_late": Out(max(tile_count, 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        cmd = self.cmd.payload
        op, funct7 = cmd.function_id[:3], cmd.function_id[3:]
        m.submodules.digital = digital = DigitalUnit()

        is_digital = (op == CfuOp.DOT) | (op == CfuOp.ACC)
        room = ~self.rsp.valid | self.rsp.ready
        offered = Signal()  # a command that only what executes it can hold up
        ready = Signal(init=1)
        answer = Signal(32)
        kept = Signal(32)
        is_total = Signal()  # the response is what the digital unit gives now
        m.d.comb += [
            offered.eq(self.cmd.valid & room),
            self.cmd.ready.eq(room & ready),
            digital.command.payload.is_acc.eq(op == CfuOp.ACC),
            digital.command.payload.member.eq(funct7[4:]),
            digital.command.payload.argument.eq(funct7[:4]),
            digital.command.payload.inputs_0.eq(cmd.inputs_0),
            digital.command.payload.inputs_1.eq(cmd.inputs_1),
        ]
        m.d.comb += self.rsp.payload.eq(Mux(is_total, digital.total, kept))
        m.d.sync += [kept.eq(self.rsp.payload), is_total.eq(0)]
        with m.If(self.rsp.ready):
            m.d.sync += self.rsp.valid.eq(0)
        with m.If(offered & ready):
            m.d.sync += [self.rsp.valid.eq(1), kept.eq(answer)]
            m.d.sync += is_total.eq(is_digital & digital.is_total)

        selected = self._select_tile(m, digital, funct7[3:], cmd.inputs_0)
        for index in range(self._tile_count):
            tile = Tile(config=self._tile, array=self._array)
            m.submodules[f"tile_{index}"] = tile
            m.d.comb += self.tile_busy[index].eq(tile.busy)
            m.d.comb += self.tile_result[index].eq(tile.result)
            m.d.comb += self.tile_late[index].eq(tile.late)
            self._wire_arguments(m, cmd, tile)
            with m.If((selected == index) & ~is_digital):
                self._dispatch(m, op, tile, offered=offered, ready=ready, answer=answer)
        m.d.comb += self.tile_wait.eq(offered & ~ready & ~is_digital)
        with m.If(is_digital):
            m.d.comb += [digital.command.valid.eq(offered), ready.eq(digital.command.ready)]
            m.d.comb += answer.eq(digital.result)
        return m

    def _select_tile(self, m, digital, number, operand):
        base = Signal(4)
        selected = Signal(4)
        is_base = digital.command.payload.is_acc & (
            digital.command.payload.member == AccOp.TILE_BASE
        )
        with m.If(digital.command.valid & digital.command.ready & is_base):
            m.d.sync += base.eq(operand)
        m.d.comb += selected.eq(number + base)
        return selected

    def _wire_arguments(self, m, cmd, tile):
        argument = cmd.function_id[3:6]
        m.d.comb += [
            tile.queue.payload.data.eq(Cat(cmd.inputs_0, cmd.inputs_1)),
            tile.queue.payload.count.eq(argument + 1),
            tile.program.payload.row.eq(cmd.inputs_0[:16]),
            tile.program.payload.col.eq(cmd.inputs_0[16:]),
            tile.program.payload.data.eq(cmd.inputs_1),
            tile.config_index.eq(argument),
            tile.config_data.eq(cmd.inputs_0),
            tile.status_index.eq(cmd.inputs_0),
        ]

    def _dispatch(self, m, op, tile, *, offered, ready, answer):
        """Route the command to this tile; runs under the condition that it is the one."""
        with m.Switch(op):
            with m.Case(CfuOp.CM_QUEUE):
                m.d.comb += [tile.queue.valid.eq(offered), ready.eq(tile.queue.ready)]
            with m.Case(CfuOp.CM_PROCESS):
                m.d.comb += [tile.process.valid.eq(offered), ready.eq(tile.process.ready)]
            with m.Case(CfuOp.CM_DEQUEUE):
                m.d.comb += [tile.dequeue.ready.eq(offered), ready.eq(tile.dequeue.valid)]
                m.d.comb += answer.eq(tile.dequeue.payload)
            with m.Case(CfuOp.CM_INITIALIZE):
                m.d.comb += [tile.program.valid.eq(offered), ready.eq(tile.program.ready)]
            with m.Case(CfuOp.CM_CONFIG):
                m.d.comb += tile.config_en.eq(offered)
            with m.Case(CfuOp.CM_STATUS):
                m.d.comb += answer.eq(tile.status_data)
        m.d.comb += tile.waiting.eq(offered & ~ready)
