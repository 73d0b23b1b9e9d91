"""A stand-in for the analog array in pysim, and what it computes."""

import random
from types import SimpleNamespace

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from tightrope.hw.tile.array import ArrayInterface


def int8(value):
    return (value & 0xFF) - ((value & 0x80) << 1)


def bytes_of(data, count):
    return [int8(data >> (8 * i)) for i in range(count)]


def pack(values, element_bytes):
    per_word = 4 // element_bytes
    mask = (1 << (8 * element_bytes)) - 1
    return [
        sum((int(v) & mask) << (8 * element_bytes * i) for i, v in enumerate(values[w:][:per_word]))
        for w in range(0, len(values), per_word)
    ]


def convert(total, shift, adc_bits):
    if adc_bits == 32:
        return total
    magnitude = (abs(total) + (1 << shift >> 1)) >> shift
    limit = 1 << (adc_bits - 1)
    return max(-limit, min(limit - 1, magnitude if total >= 0 else -magnitude))


class ArrayModel:
    """Weights and MVM of one array."""

    def __init__(self, config):
        self.config = config
        self.weights = np.zeros((config.rows, config.cols), np.int64)

    def program(self, row, col, data):
        limit = 1 << (self.config.weight_bits - 1)
        self.weights[row, col : col + 4] = np.clip(bytes_of(data, 4), -limit, limit - 1)

    def mvm(self, inputs, row, rows, col, cols, shift):
        """The packed words of one result."""
        inputs = (list(inputs) + [0] * rows)[:rows]
        totals = np.array(inputs) @ self.weights[row : row + rows, col : col + cols]
        outputs = [convert(int(total), shift, self.config.adc_bits) for total in totals]
        return pack(outputs, self.config.output_bytes)


class StubArray(wiring.Component):
    """The array interface with nothing behind it; :meth:`process` plays the body.

    It stays busy for up to ``extra_cycles`` cycles after a start or a weight write, and refuses
    what ArrayInterface forbids.
    """

    def __init__(self, config, extra_cycles=0, seed=0, **ports):
        self.model = ArrayModel(config)
        self.inputs = [[0] * config.rows, [0] * config.rows]
        self.outputs = [[], []]
        self._extra_cycles = extra_cycles
        self._rng = random.Random(seed)
        super().__init__({"bus": In(ArrayInterface(config=config, **ports))})

    def elaborate(self, platform):
        return Module()

    async def process(self, ctx):
        bus = self.bus
        names = [path[0] for path, _, _ in bus.signature.flatten(bus)]
        names = [name for name in names if name not in ("output_data", "busy")]
        busy = 0
        async for _, _, *values in ctx.tick().sample(*(getattr(bus, name) for name in names)):
            event = SimpleNamespace(**dict(zip(names, values, strict=True)))
            if event.start_en or event.weight_en:
                assert not busy
                busy = 1 + self._rng.randint(0, self._extra_cycles)
            busy = max(busy - 1, 0)
            self._store(event)
            if event.output_en:
                ctx.set(bus.output_data, self._output(event.output_bank, event.output_index))
            ctx.set(bus.busy, busy != 0)

    def _output(self, bank, index):
        beat_words = self.bus.signature.ports.words_out
        assert index % beat_words == 0
        words = self.outputs[bank][index : index + beat_words]
        assert words
        words += [0xDEADBEEF] * (beat_words - len(words))
        return sum(word << 32 * i for i, word in enumerate(words))

    def _store(self, event):
        if event.weight_en:
            self.model.program(event.weight_row, event.weight_col, event.weight_data)
        if event.input_en:
            first, count = event.input_index, event.input_count
            self.inputs[event.input_bank][first : first + count] = bytes_of(event.input_data, count)
        if event.start_en:
            self.outputs[event.start_output_bank] = self.model.mvm(
                self.inputs[event.start_input_bank][: event.start_bytes],
                event.start_row,
                event.start_rows,
                event.start_col,
                event.start_cols,
                event.start_shift,
            )
