"""What a tile with post-processing should hand out, by golden."""

import numpy as np
from cfu_bench import random_activation, random_scale, random_value, signed
from tightrope.hw.isa import TILE_SHIFT_POST, TileConfigReg
from tightrope.sim.golden.arithmetic import clip_int8, requantise, wrap_int32
from tightrope.sim.golden.matrix import adc
from tile_stub import int8, pack


class PostModel:
    """The constants of a tile, and its results with them."""

    def __init__(self, array, rng):
        """Constants that give results of all sizes; ``array`` is the ArrayModel."""
        self.array = array
        cols = array.config.cols
        self.biases = [rng.choice([random_value(rng), rng.getrandbits(14)]) for _ in range(cols)]
        self.scales = [self._scale(rng) for _ in range(cols)]
        self.activation = random_activation(rng)

    @staticmethod
    def _scale(rng):
        likely = 64 * rng.randrange(1 << 25, 1 << 26) | rng.randint(36, 46)
        return rng.choice([likely, likely, random_scale(rng)])

    def writes(self, columns=None):
        """Register writes, in order, that bring the constants into a tile."""
        columns = range(len(self.biases)) if columns is None else columns
        yield TileConfigReg.ACTIVATION, self.activation
        yield TileConfigReg.COLUMN, columns[0]
        for column in columns:
            yield TileConfigReg.BIAS, self.biases[column]
            yield TileConfigReg.SCALE, self.scales[column]

    def mvm(self, inputs, row, rows, col, cols, shift):
        """The packed words of a result; ``shift`` may have TILE_SHIFT_POST."""
        if not shift & TILE_SHIFT_POST:
            return self.array.mvm(inputs, row, rows, col, cols, shift)
        shift ^= TILE_SHIFT_POST
        bits = self.array.config.adc_bits
        inputs = np.array((list(inputs) + [0] * rows)[:rows], np.int64)
        weights = self.array.weights[row : row + rows, col : col + cols]
        converted = adc(inputs @ weights, bits, shift)
        biases = np.array([signed(bias) for bias in self.biases[col : col + cols]])
        scales = np.array(self.scales[col : col + cols])
        sums = wrap_int32((converted << (0 if bits == 32 else shift)) + biases)
        zero_point, low, high = (int8(self.activation >> 8 * i) for i in range(3))
        scaled = requantise(sums, scales & ~63, scales & 63) + zero_point
        return pack(clip_int8(scaled, low, high), 1)
