"""The bit-exact integer reference: the referee for the RTL, the firmware and the model."""

from .adc_shift import fit_adc_shift
from .arithmetic import (
    IDENTITY,
    quantise_add,
    quantise_multiplier,
    quantise_multipliers,
    requantise,
)
from .errors import GoldenError
from .kernels import (
    add,
    avgpool,
    clip,
    conv,
    conv_accumulators,
    corrected_bias,
    dwconv,
    global_avgpool,
    maxpool,
)
from .matrix import adc, clip_weights, tile_mvm
from .random_layers import random_geometry, random_inputs, random_layer, random_quant_layer
from .run import run_layer

__all__ = [
    "IDENTITY",
    "GoldenError",
    "adc",
    "add",
    "avgpool",
    "clip",
    "clip_weights",
    "conv",
    "conv_accumulators",
    "corrected_bias",
    "dwconv",
    "fit_adc_shift",
    "global_avgpool",
    "maxpool",
    "quantise_add",
    "quantise_multiplier",
    "quantise_multipliers",
    "random_geometry",
    "random_inputs",
    "random_layer",
    "random_quant_layer",
    "requantise",
    "run_layer",
    "tile_mvm",
]
