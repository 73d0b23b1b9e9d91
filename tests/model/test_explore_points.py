import dataclasses

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, HwConfigError, ScratchpadConfig
from tightrope.sim.explore.alike import HeldGroups
from tightrope.sim.explore.chart import lines_of, svg_chart
from tightrope.sim.explore.errors import ExploreError
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.kernels import parse_kernel
from tightrope.sim.explore.points import Coupling, Point, Sweep, make_points
from tightrope.sim.explore.predictor import Cost, load_predictor
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.plan import Block, Group
from tightrope.sim.model.predict import load_calibration, predict_layer
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.sweeps.fingerprint import fingerprint
from tightrope.sim.workload.layers import LayerOp, Network
from tightrope.sim.workload.onnx_import import load_network

BASE = ClusterConfig()
BOTH = (Coupling.TIGHT, Coupling.LOOSE)
EACH = (*BOTH, Coupling.STREAM)


def sweep(**options):
    given = {
        "harts": (4,),
        "couplings": BOTH,
        "tiles": (2, 6, 8),
        "balances": (Balance.STATIC,),
        **options,
    }
    return Sweep(**given)


def test_budget_is_shared_evenly_if_tight_and_whole_if_loose():
    points, skipped = make_points(sweep(), BASE)
    machines = [point.machine(BASE) for point in points]
    assert [(m.tight_tiles_per_hart, m.tiled_harts, m.loose_tiles) for m in machines] == [
        (0, 0, 0),
        (1, 2, 0),
        (0, 0, 2),
        (1, 4, 0),
        (0, 0, 6),
        (2, 4, 0),
        (0, 0, 8),
    ]
    assert [point.tiled_harts for point in points] == [m.tiled_harts for m in machines]
    assert not skipped


def test_tiles_stream_through_what_the_base_has_for_it_or_what_is_nominal():
    one = Point(harts=4, coupling=Coupling.STREAM, tiles=2, balance=Balance.STATIC)
    nominal = one.machine(BASE)
    assert (nominal.loose_tiles, nominal.stream_ports) == (2, 2)
    assert nominal.dma_bytes_per_cycle and nominal.tile.post_lanes and nominal.scratchpad.size_bytes
    small = ScratchpadConfig(size_bytes=1 << 15, banks=4)
    own = dataclasses.replace(BASE, loose_tiles=8, stream_ports=3, scratchpad=small)
    found = one.machine(own)
    assert (found.stream_ports, found.scratchpad) == (2, own.scratchpad)
    assert found.tile == own.tile
    wide = dataclasses.replace(one, tiles=8).machine(own)
    assert wide.stream_ports == 3
    for coupling in (Coupling.NONE, *BOTH):
        assert not dataclasses.replace(one, coupling=coupling).machine(own).stream_ports


def test_points_are_predicted_as_whole_networks_on_their_machines_are():
    calibration, network = load_calibration(None), load_network("resnet8")
    evaluator = Evaluator(network, BASE, load_predictor("gf22"))
    for coupling, tiles in ((Coupling.STREAM, 3), (Coupling.STREAM, 16), (Coupling.TIGHT, 2)):
        for balance in Balance:
            one = point(coupling, tiles, balance)
            row = evaluator.row(one)
            mapping = map_network(
                network, one.machine(BASE), balancing=Balancing[balance.name],
                coupling="tight" if coupling is Coupling.TIGHT else "loose",
                calibration=calibration,
            )  # fmt: skip
            cycles = [
                predict_layer(layer, plan, mapping.machine, calibration).model_cycles
                for layer, plan in zip(network.layers, mapping.plans, strict=True)
            ]
            assert row.model_cycles == pytest.approx(sum(cycles)), one
            held = mapping.allocation
            assert (row.coverage, row.tiles_used) == (held.coverage, held.used_tiles), one


def test_harts_without_a_tile_that_is_not_exact_leave_its_layers_alone():
    rough = dataclasses.replace(BASE, tile=dataclasses.replace(BASE.tile, adc_bits=8))
    row = Evaluator(network(), rough, Counting()).row(point(Coupling.TIGHT, 2))
    assert (row.split, row.tiled_harts, row.tiles_used) == ("channels", 2, 2)


def test_layers_that_are_faster_without_tiles_do_not_count_as_on_tiles():
    class Digital(Counting):
        def helped(self, layer, plan, machine):
            return plan_layer(layer, machine, Body.DOT4, Balance.STEAL) if plan.groups else plan

    row = Evaluator(network(), BASE, Digital()).row(point(Coupling.LOOSE, 8, Balance.STEAL))
    assert (row.coverage, row.mac_coverage, row.tiles_used) == (0, 0, 0)
    assert row.speedup == 1.0


def test_baseline_is_static_whatever_is_asked_for():
    points, _ = make_points(sweep(balances=(Balance.STEAL,)), BASE)
    assert [point.balance for point in points if point.coupling is Coupling.NONE] == [
        Balance.STATIC,
        Balance.STEAL,
    ]


def test_coverages_are_an_axis_of_points_with_tiles():
    points, _ = make_points(sweep(coverages=(0.5, 1.0), tiles=(8,)), BASE)
    assert [(point.coupling, point.coverage) for point in points] == [
        (Coupling.NONE, 1.0),
        (Coupling.TIGHT, 0.5),
        (Coupling.TIGHT, 1.0),
        (Coupling.LOOSE, 0.5),
        (Coupling.LOOSE, 1.0),
    ]
    for coverage in (0.0, 1.5, -1.0):
        with pytest.raises(ExploreError, match="above 0 and at most 1"):
            sweep(coverages=(coverage,))


def test_machines_that_cannot_be_built_are_refused():
    with pytest.raises(HwConfigError, match=r"cluster\.harts"):
        make_points(sweep(harts=(12,)), BASE)
    with pytest.raises(ExploreError, match="at least 1, not 0"):
        sweep(tiles=(0,))
    with pytest.raises(ExploreError, match="at least one value"):
        sweep(tiles=())
    with pytest.raises(ExploreError, match="no machine with tiles"):
        make_points(sweep(tiles=(128,), couplings=EACH), BASE)


class Counting:
    """Digital work costs its MACs, tiles nothing; counts how often it is asked."""

    mean_abs_error = worst_abs_error = shared_ratio = 0.0
    profile = identity = "counting"
    numbers = ()

    def __init__(self):
        self.plans = []

    def helped(self, layer, plan, machine):
        return plan

    def least_cycles(self, layer, groups, machine):
        return 0.0

    def area_mm2(self, machine):
        return 1.0

    def energy_factors(self, rng, samples):
        return {"harts": np.ones(samples)}

    def costs(self, work, *, in_order=False):
        self.plans += [(layer, plan) for layer, plan, _ in work]
        return [self.cost(*task) for task in work]

    def cost(self, layer, plan, machine):
        cycles = 1.0 if plan.body is not Body.DOT4 else 1.0 + layer.macs / machine.harts
        return Cost(model_cycles=cycles, terms={"compute": cycles}, energy={"harts": cycles})


def network():
    layers = [parse_kernel("conv:8x8x16:16:3x3:p1") for _ in range(5)]
    odd = dataclasses.replace(
        parse_kernel("add:8x8x16"), op=LayerOp.ELEMENTWISE, source_op="Sigmoid", inputs=1
    )
    return Network(
        name="net",
        layers=tuple(
            dataclasses.replace(layer, name=f"l{index}")
            for index, layer in enumerate([*layers, odd])
        ),
    )


def point(coupling, tiles, balance=Balance.STATIC, harts=4):
    return Point(harts=harts, coupling=coupling, tiles=tiles, balance=balance)


def test_equal_layers_are_predicted_once():
    model = Counting()
    row = Evaluator(network(), BASE, model).row(point(Coupling.NONE, 0))
    assert len(model.plans) == 2
    assert row.model_cycles == 5 * (1 + 8 * 8 * 16 * 144 / 4) + 1
    assert row.speedup == row.energy_gain == 1.0


def test_elementwise_work_is_split_over_all_harts():
    model = Counting()
    Evaluator(network(), BASE, model).row(point(Coupling.NONE, 0, Balance.STEAL))
    (plan,) = {plan for layer, plan in model.plans if layer.op is LayerOp.ELEMENTWISE}
    assert sum(chunk.pixel_end - chunk.pixel_begin for chunk in plan.chunks) == 64
    assert len(plan.chunks) == 4 and plan.balance is Balance.STATIC


def test_better_way_to_use_tight_tiles_is_kept_and_named():
    # One tile per hart holds 2304 x 16 weights of one layer; split by channels it holds four.
    base = dataclasses.replace(BASE, tile=dataclasses.replace(BASE.tile, rows=144, cols=16))
    row = Evaluator(network(), base, Counting()).row(point(Coupling.TIGHT, 4))
    assert row.split == "channels" and row.coverage == pytest.approx(4 / 5)
    assert row.tiles_used == 4


def test_points_of_another_network_machine_or_model_have_other_keys():
    ours = Evaluator(network(), BASE, Counting())
    keys = {ours.key(p) for p in make_points(sweep(), BASE)[0]}
    wide = dataclasses.replace(BASE, memory=dataclasses.replace(BASE.memory, bytes_per_cycle=32))
    other_model = Counting()
    other_model.identity = "other"
    shorter = Network(name="net", layers=network().layers[:-1])
    others = [
        Evaluator(network(), wide, Counting()),
        Evaluator(network(), BASE, other_model),
        Evaluator(shorter, BASE, Counting()),
        Evaluator(network(), BASE, Counting(), "in_order"),
    ]
    for other in others:
        assert not keys & {other.key(p) for p in make_points(sweep(), BASE)[0]}
    assert len(keys) == 7


def test_coverage_bounds_what_is_on_tiles_and_names_the_row():
    evaluator = Evaluator(network(), BASE, Counting())
    points = [
        dataclasses.replace(point(Coupling.LOOSE, 8), coverage=coverage)
        for coverage in (0.2, 0.4, 0.7, 1.0)
    ]
    rows = [evaluator.row(one) for one in points]
    assert [row.coverage for row in rows] == pytest.approx([0.2, 0.4, 0.65, 1.0], abs=0.06)
    assert [row.asked_coverage for row in rows] == [0.2, 0.4, 0.7, 1.0]
    assert all(row.coverage <= row.asked_coverage + 1e-6 for row in rows)
    assert len({row.key for row in rows}) == 4


def test_layers_that_differ_in_their_tiles_only_are_predicted_once():
    model = Counting()
    evaluator = Evaluator(network(), BASE, model)
    for tiles in (8, 16, 32):
        evaluator.row(point(Coupling.LOOSE, tiles))
    on_tiles = [plan for layer, plan in model.plans if plan.body is Body.LOOSE]
    assert len(on_tiles) == len(set(on_tiles)) < 5


def test_groups_are_alike_if_their_tiles_are_shared_alike():
    def groups(*tiles, hart=0, col=0):
        blocks = [
            Block(tile=tile, row_begin=row, row_count=16, col_begin=col, col_count=8, k_begin=row)
            for row, tile in zip((0, 16), tiles, strict=True)
        ]
        return (Group(channel_begin=0, channel_count=8, blocks=tuple(blocks), hart=hart),)

    held = HeldGroups()
    numbers = [held.of(one).number for one in (groups(0, 1), groups(5, 3, col=4), groups(2, 2))]
    assert numbers == [0, 0, 1]
    assert held.of(groups(0, 1, hart=1)).number == 2
    two_harts = groups(4, 4) + groups(4, 6, hart=1)
    assert [held.of(one).tiles for one in (groups(7, 9), groups(7, 7), two_harts)] == [2, 1, 2]


def test_fingerprint_is_of_content():
    assert fingerprint(BASE, (1, 2), {"a": np.arange(3)}) == fingerprint(
        ClusterConfig(), [1, 2], {"a": np.arange(3)}
    )
    assert fingerprint({"a": np.arange(3)}) != fingerprint({"a": np.arange(4)})
    with pytest.raises(TypeError):
        fingerprint(object())


def test_chart_has_a_line_for_each_coupling_and_balancing():
    points, _ = make_points(sweep(balances=(Balance.STATIC, Balance.STEAL)), BASE)
    evaluator = Evaluator(network(), BASE, Counting())
    picture = svg_chart([evaluator.row(p) for p in points], 4, "a <b> & c")
    for name in ("tight, static", "tight, steal", "loose, static", "loose, steal"):
        assert picture.count(f">{name}<") == 1
    assert "a &lt;b&gt; &amp; c" in picture and "<b>" not in picture


def test_stealing_lets_harts_help_where_tiles_are_few():
    layer = parse_kernel("conv:16x16x64:64:3x3:p1")
    evaluator = Evaluator(Network(name="one", layers=(layer,)), BASE, load_predictor("gf22"))
    cycles = {
        balance: evaluator.row(point(Coupling.LOOSE, 1, balance, harts=8)).model_cycles
        for balance in Balance
    }
    assert cycles[Balance.STEAL] < cycles[Balance.STATIC] / 1.3


def test_channels_that_are_not_on_tiles_are_digital():
    layer = parse_kernel("conv:16x16x64:64:3x3:p1")
    evaluator = Evaluator(Network(name="one", layers=(layer,)), BASE, load_predictor("gf22"))
    cycles = [
        evaluator.row(
            dataclasses.replace(point(Coupling.TIGHT, 4), coverage=coverage)
        ).model_cycles
        for coverage in (1.0, 0.5, 0.25)
    ]
    assert cycles == sorted(cycles) and cycles[2] > 1.5 * cycles[0]


def test_chart_shows_the_fastest_coverage_of_each_tile_budget():
    points, _ = make_points(sweep(coverages=(0.2, 0.6, 1.0)), BASE)
    evaluator = Evaluator(network(), BASE, Counting())
    rows = [evaluator.row(p) for p in points]
    for line in lines_of(rows, 4):
        assert len(line.rows) == len({row.tiles for row in line.rows})
        for row in line.rows:
            rivals = [r for r in rows if (r.coupling, r.tiles) == (row.coupling, row.tiles)]
            assert row.model_cycles == min(rival.model_cycles for rival in rivals)
