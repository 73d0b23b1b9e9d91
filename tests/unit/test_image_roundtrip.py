"""An image, run from its bytes alone by a small model of the firmware, gives the reference."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from image_firmware import Firmware
from tightrope.hw.config import ClusterConfig, ScratchpadConfig, TileConfig
from tightrope.sim import golden
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.image.results import check_guards, check_outputs, read_results
from tightrope.sim.image.steps import Step, chain_steps, expected_outputs, independent_steps
from tightrope.sim.mapping import (
    TightSplit,
    allocate,
    plan_layer,
    reprogrammed_groups,
    single_layer_groups,
)
from tightrope.sim.workload.layers import Layer, LayerOp, Network, QuantLayer

RUNNABLE = [op for op in LayerOp if op is not LayerOp.ELEMENTWISE]
SEEDS = st.integers(0, 2**32 - 1)
FEW = hypothesis.settings(max_examples=10, deadline=None)


def assert_runs(config, steps, inputs, **options):
    image = build_image(config, steps, inputs, **options)
    machine = Firmware(image)
    machine.run()
    mismatches = check_outputs(image, machine.from_image, expected_outputs(config, steps, inputs))
    assert not mismatches, "\n".join(map(str, mismatches))
    assert not check_guards(image, machine.from_image)
    results = read_results(image, machine.from_image)
    assert not results.layer_counters.any() and not results.log
    assert not results.machine_counters.any()
    return image


def small_machine(**changes):
    values = dict(harts=3, tight_tiles_per_hart=2, loose_tiles=3, tile=TileConfig(rows=32, cols=24))
    return ClusterConfig(**values | changes)


@pytest.mark.parametrize("op", RUNNABLE)
@pytest.mark.parametrize("balance", list(Balance))
@FEW
@hypothesis.given(seed=SEEDS, gap=st.integers(0, 3))
def test_digital_layers(op, balance, seed, gap):
    rng = np.random.default_rng(seed)
    config = small_machine(harts=int(rng.integers(1, 9)))
    qlayer = golden.random_layer(op, rng, max_size=6, max_channels=9, max_groups=3)
    layer = qlayer.layer
    steps = [
        Step(
            qlayer=qlayer,
            plan=plan_layer(layer, config, Body.DOT4, balance),
            inputs=tuple("ab"[: layer.inputs]),
            out_pitch=layer.out_shape[2] + gap,
        )
    ]
    inputs = dict(zip("ab", golden.random_inputs(layer, rng), strict=False))
    pitches = dict.fromkeys(inputs, layer.in_shape[2] + gap)
    image = assert_runs(config, steps, inputs, input_pitches=pitches)
    assert image.layers_of(0) == tuple(range(layer.groups))


@pytest.mark.parametrize("reprogram", [False, True])
@pytest.mark.parametrize(
    ("split", "balance"),
    [
        (TightSplit.REPLICATE, Balance.STATIC),
        (TightSplit.REPLICATE, Balance.STEAL),
        (TightSplit.CHANNELS, Balance.STATIC),
        (None, Balance.STATIC),
        (None, Balance.STEAL),
    ],
)
@FEW
@hypothesis.given(seed=SEEDS)
def test_tile_layers(split, balance, reprogram, seed):
    rng = np.random.default_rng(seed)
    bits = int(rng.choice([5, 8, 12, 32]))
    tile = TileConfig(rows=32, cols=24, weight_bits=int(rng.choice([4, 8])), adc_bits=bits)
    config = small_machine(harts=int(rng.integers(1, 5)), tile=tile)
    body = Body.LOOSE if split is None else Body.TIGHT
    qlayer = golden.random_layer(LayerOp.CONV, rng, max_size=4, max_channels=30)
    place = reprogrammed_groups if reprogram else single_layer_groups
    groups = place(qlayer.layer, config, body, split)
    plan = plan_layer(qlayer.layer, config, body, balance, groups=groups, split=split)
    steps, inputs = independent_steps([(qlayer, plan)], [golden.random_inputs(qlayer.layer, rng)])
    image = assert_runs(config, steps, inputs)
    assert len(image.program_layers) == (0 if groups[0].reprogram else 1)


@pytest.mark.parametrize("balance", Balance)
@FEW
@hypothesis.given(seed=SEEDS, gap=st.integers(0, 5))
def test_streamed_layers(balance, seed, gap):
    rng = np.random.default_rng(seed)
    tile = TileConfig(
        rows=64, cols=24, adc_bits=int(rng.choice([8, 12, 32])), post_lanes=int(rng.choice([0, 4]))
    )
    config = small_machine(
        harts=int(rng.integers(1, 9)), loose_tiles=9, tile=tile, stream_ports=2,
        scratchpad=ScratchpadConfig(size_bytes=1 << 16), dma_bytes_per_cycle=16,
    )  # fmt: skip
    qlayer = golden.random_layer(LayerOp.CONV, rng, max_size=6, max_channels=30)
    layer = qlayer.layer
    groups = single_layer_groups(layer, config, Body.STREAM)
    plan = plan_layer(layer, config, Body.STREAM, balance, groups=groups)
    step = Step(qlayer=qlayer, plan=plan, inputs=("x",), out_pitch=layer.out_shape[2] + gap)
    image = assert_runs(config, [step], {"x": golden.random_inputs(layer, rng)[0]})
    assert image.layer_names == ("program loose", layer.name)


def test_layers_that_want_the_same_cells_are_programmed_in_turn():
    rng = np.random.default_rng(8)
    config = small_machine()
    layers, inputs = [], []
    for body, split in [(Body.TIGHT, TightSplit.REPLICATE), (Body.LOOSE, None)] * 3:
        qlayer = golden.random_layer(LayerOp.DENSE, rng, max_channels=24)
        groups = single_layer_groups(qlayer.layer, config, body, split)
        plan = plan_layer(qlayer.layer, config, body, Balance.STATIC, groups=groups, split=split)
        layers.append((qlayer, plan))
        inputs.append(golden.random_inputs(qlayer.layer, rng))
    image = assert_runs(config, *independent_steps(layers, inputs))
    assert len(image.program_layers) == 6


def test_a_reprogrammed_layer_between_two_resident_ones_forces_programming_again():
    rng = np.random.default_rng(9)
    config = small_machine(tight_tiles_per_hart=1, loose_tiles=0)
    geometry = Layer(
        name="pointwise",
        op=LayerOp.CONV,
        source_op="Conv",
        in_shape=(3, 3, 8),
        out_shape=(3, 3, 8),
    )
    network = Network(name="net", layers=(geometry, geometry))
    first, last = allocate(network, config, "tight").groups
    between = reprogrammed_groups(geometry, config, Body.TIGHT)
    layers = [
        (
            golden.random_quant_layer(geometry, rng),
            plan_layer(geometry, config, Body.TIGHT, Balance.STATIC, groups=groups),
        )
        for groups in (first, between, first, last)
    ]
    image = assert_runs(config, *chain_steps(layers, golden.random_inputs(geometry, rng)[0]))
    assert image.layer_names[0] == "program tight"
    assert image.program_layers == (0, 3)


def test_a_chain_with_a_flattened_dense_layer_and_a_residual_add():
    rng = np.random.default_rng(10)
    config = small_machine()

    def layer(name, op, in_shape, out_shape, **more):
        geometry = Layer(
            name=name, op=op, source_op=name, in_shape=in_shape, out_shape=out_shape, **more
        )
        return golden.random_quant_layer(geometry, rng)

    square = (6, 6, 8)
    qlayers = [
        layer("conv", LayerOp.CONV, square, square, kernel=(3, 3), pads=(1, 1, 1, 1)),
        layer("add", LayerOp.ADD, square, square, inputs=2),
        layer("pool", LayerOp.MAXPOOL, square, (3, 3, 8), kernel=(2, 2), stride=(2, 2)),
        layer("dense", LayerOp.DENSE, (1, 1, 72), (1, 1, 10)),
    ]
    groups = allocate(
        Network(name="net", layers=tuple(qlayer.layer for qlayer in qlayers)), config, "loose"
    ).groups
    sources = [("x",), (0, "x"), (1,), (2,)]
    steps = [
        Step(
            qlayer=qlayer,
            plan=plan_layer(
                qlayer.layer,
                config,
                Body.LOOSE if held else Body.DOT4,
                Balance.STATIC,
                groups=held or (),
            ),
            inputs=source,
        )
        for qlayer, held, source in zip(qlayers, groups, sources, strict=True)
    ]
    x = rng.integers(-128, 128, square, dtype=np.int8)
    image = assert_runs(config, steps, {"x": x})
    assert image.layer_names == ("program loose", "conv", "add", "pool", "dense")
    assert image.layer_steps == (None, 0, 1, 2, 3)


def test_building_twice_gives_the_same_bytes():
    def build():
        rng = np.random.default_rng(11)
        qlayer: QuantLayer = golden.random_layer(LayerOp.CONV, rng)
        config = small_machine()
        plan = plan_layer(qlayer.layer, config, Body.DOT4, Balance.STATIC)
        steps, inputs = independent_steps(
            [(qlayer, plan)], [golden.random_inputs(qlayer.layer, rng)]
        )
        return build_image(config, steps, inputs).data

    assert build() == build()
