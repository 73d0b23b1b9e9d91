"""Mapping: what sits on tiles, and who computes what. Pure functions, data in and data out."""

from .allocate import Allocation, Coupling, Policy, allocate
from .chunks import nominal_adc_shift, plan_layer
from .errors import MappingError
from .groups import (
    Pools,
    empty_pools,
    place_layer,
    reprogrammed_groups,
    single_layer_groups,
)
from .packing import arrays_needed, pack_layers
from .plan import Block, Chunk, Group, LayerPlan, TightSplit
from .split import split_columns, split_evenly, split_full, split_rows
from .tiles import FreeSpace, Window, place_group

__all__ = [
    "Allocation",
    "Block",
    "Chunk",
    "Coupling",
    "FreeSpace",
    "Group",
    "LayerPlan",
    "MappingError",
    "Policy",
    "Pools",
    "TightSplit",
    "Window",
    "allocate",
    "arrays_needed",
    "empty_pools",
    "nominal_adc_shift",
    "pack_layers",
    "place_group",
    "place_layer",
    "plan_layer",
    "reprogrammed_groups",
    "single_layer_groups",
    "split_columns",
    "split_evenly",
    "split_full",
    "split_rows",
]
