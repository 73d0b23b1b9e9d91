"""What a step's descriptors point at besides activations: put once for steps that are alike."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import DIGITAL_BODIES, Group

from .arena import Arena
from .layout import Body
from .steps import Step
from .tables import (
    hot_bytes,
    put_block_weights,
    put_chunks,
    put_groups,
    put_scales,
    put_weights,
)

__all__ = ["Constants"]


class Constants:
    """Weights, scales, chunks and groups in an arena."""

    def __init__(self, arena: Arena, config: ClusterConfig) -> None:
        self.arena = arena
        self.config = config
        self._fields: dict[tuple[int, int], list[dict[str, int]]] = {}
        self._weights: dict[tuple, tuple[int, ...]] = {}

    def fields(self, step: Step) -> list[dict[str, int]]:
        """Fields of the step's descriptors, one for each group of its convolution."""
        if step.identity not in self._fields:
            self._fields[step.identity] = self._put(step)
        return self._fields[step.identity]

    def weights(self, step: Step, group: Group) -> tuple[int, ...]:
        """Addresses of the weights of a group's blocks: PROGRAM, layer and copies share them."""
        cuts = tuple((block.k_begin, block.row_count, block.col_count) for block in group.blocks)
        key = (step.identity, group.channel_begin, group.channel_count, cuts)
        if key not in self._weights:
            self._weights[key] = put_block_weights(self.arena, step.qlayer, group)
        return self._weights[key]

    def _put(self, step: Step) -> list[dict[str, int]]:
        plan, config = step.plan, self.config
        parts = range(step.qlayer.layer.groups)
        entries = [(group.hart, group, self.weights(step, group)) for group in plan.groups]
        digital = plan.needs_digital_harts(config) or any(
            plan.body_of(chunk) in DIGITAL_BODIES for chunk in plan.chunks
        )
        weights = [put_weights(self.arena, step.qlayer, part) if digital else {} for part in parts]
        self.arena.avoid_stacks(hot_bytes(plan, step.qlayer.layer.out_shape[2]))
        chunks = put_chunks(self.arena, plan)
        found = []
        for part in parts:
            fields = chunks | weights[part]
            fields |= put_scales(self.arena, step.qlayer, plan, config, part)
            if entries:
                fields["adc_shift"] = 0 if config.tile.adc_bits == 32 else plan.adc_shift
                fields |= put_groups(self.arena, entries)
                fields["post"] = int(plan.post_processes(config.tile))
                if plan.body is Body.TIGHT:
                    fields["tile_harts"] = (1 << config.tiled_harts) - 1
            found.append(fields)
        return found
