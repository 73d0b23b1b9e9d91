import dataclasses
from pathlib import Path

import pytest
from tightrope.sim.reproduce.alpine import reproduce_alpine
from tightrope.sim.reproduce.alpine_model import Model
from tightrope.sim.reproduce.core import Work, load_assumptions, load_systems
from tightrope.sim.reproduce.errors import ReproduceError
from tightrope.sim.reproduce.inference import run_inference
from tightrope.sim.reproduce.layer_work import layer_work
from tightrope.sim.reproduce.loose import loose_time_ns
from tightrope.sim.reproduce.published import load_published
from tightrope.sim.reproduce.shared_layers import run_shared, tile_shares
from tightrope.sim.reproduce.staged import StagedNetwork, load_networks
from tightrope.sim.reproduce.tables import value_text
from tightrope.sim.reproduce.variation import spread_of, variations
from tightrope.sim.workload.layers import Layer, LayerOp, Network

# As the papers print them, said once more.
PRINTED = {
    "coupling.speedup": 5.9,
    "coupling.energy_gain": 5.6,
    "coupling.coverage": 0.41,
    "mlp.loose.speedup": 4.1,
    "mlp.loose.slower": 3.1,
    "mlp.digital_mvm_share": 0.96,
    "mlp.process_share": 0.007,
    "lstm256.least": 1.0,
    "lstm256.most": 1.5,
    "lstm256.params": 377_300,
    "lstm512.params": 1.28e6,
    "lstm750.params": 2.6e6,
    "cnn_f.tile_params": 1.7e6,
    "cnn_m.tile_params": 5.6e6,
    "cnn_s.tile_params": 5.5e6,
    "mlp.tiles.2_over_1": 1.2,
    "mlp.tiles.4_over_1": 1.3,
    "cnn.hp.axis_s": 30,
    "cnn.lp.axis_s": 60,
}
GAINS = {
    ("mlp", (1, 2, 4)): {
        "hp.time": (12.8, 5.1, 3.1),
        "lp.time": (8.3, 3.5, 2.2),
        "hp.energy": (12.5, 5.4, 3.5),
        "lp.energy": (8.4, 4.0, 2.7),
    },
    ("lstm750", (1, 2, 5)): {
        "hp.time": (9.4, 5.0, 2.5),
        "lp.time": (6.1, 3.4, 1.9),
        "hp.energy": (9.3, 5.0, 2.9),
        "lp.energy": (6.4, 3.7, 2.4),
    },
    ("cnn_f", (8,)): {
        "hp.time": (7.3,), "lp.time": (8.8,), "hp.energy": (7.4,), "lp.energy": (8.9,),
    },
    ("cnn_m", (8,)): {
        "hp.time": (12.4,), "lp.time": (11.2,), "hp.energy": (12.4,), "lp.energy": (11.5,),
    },
    ("cnn_s", (8,)): {
        "hp.time": (20.5,), "lp.time": (17.6,), "hp.energy": (20.8,), "lp.energy": (18.4,),
    },
}  # fmt: skip

DENSE = Layer(
    name="d", op=LayerOp.DENSE, source_op="Gemm", in_shape=(1, 1, 1024), out_shape=(1, 1, 512)
)
ASSUMED = load_assumptions()
SYSTEMS = load_systems()
HP, LP = SYSTEMS["hp"], SYSTEMS["lp"]


@pytest.fixture(scope="module")
def found():
    return reproduce_alpine()


def printed_numbers():
    numbers = dict(PRINTED)
    for (net, cores), table in GAINS.items():
        for key, values in table.items():
            system, kind = key.split(".")
            for count, value in zip(cores, values, strict=True):
                numbers[f"{net}.{system}.{count}.{kind}"] = value
    return numbers


def test_published_numbers_are_the_papers():
    assert {name: one.value for name, one in load_published().items()} == printed_numbers()
    assert all(one.where and "Klein" in one.source for one in load_published().values())


def test_systems_are_table_1():
    assert (HP.profile.clock_mhz, LP.profile.clock_mhz) == (2300, 800)
    assert (HP.l1_bytes, LP.l1_bytes) == (64 << 10, 32 << 10)
    assert (HP.llc_bytes, LP.llc_bytes) == (1 << 20, 512 << 10)
    assert HP.port_gb_per_s == LP.port_gb_per_s == 4
    assert HP.profile.mvm_latency_ns == LP.profile.mvm_latency_ns == 100


def test_rows_are_complete_and_ratios_are_ours_by_paper(found):
    for row in found.to_dict()["rows"]:
        assert row["source"] == "model"
        assert row["what"] and row["note"] and row["configuration"] and row["paper_source"]
        assert row["ratio"] == pytest.approx(row["ours"] / row["paper"])
        if row["low"] is not None:
            assert row["low"] <= row["ours"] <= row["high"]
    assert len(found.rows) == len(PRINTED) + 36 - 5  # coverage, axes and the two of coupling


def test_what_is_not_published_and_what_is_assumed_is_said(found):
    assert any("IPC" in what for what in found.not_published)
    assumed = [name for name, _, why in found.assumptions if why.startswith("assumed: ")]
    assert assumed == [field.name for field in dataclasses.fields(ASSUMED)]
    others = {name: (value, why) for name, value, why in found.assumptions if name not in assumed}
    assert others["alpine-hp"][0] == "2.3 GHz" and "LLC 1024 kB" in others["alpine-hp"][1]
    assert others["port_gb_per_s"][0] == "4 GB/s" and "Table I" in others["port_gb_per_s"][1]
    assert "not stated" in others["l1_mshrs"][1]


def test_networks_have_the_weights_that_follow_from_their_papers():
    nets = load_networks()
    assert [nets[f"lstm{n}"].network.params for n in (256, 512, 750)] == [
        4 * n * (n + 100) + 50 * n for n in (256, 512, 750)
    ]
    assert nets["mlp"].network.params == 2 * 1024 * 1024
    # Convolutions of Chatfield et al., by hand.
    assert nets["cnn_f"].tile_params == 64 * 363 + 256 * 64 * 25 + 3 * 256 * 256 * 9
    deep = 96 * 147 + 256 * 96 * 25 + 512 * 256 * 9 + 2 * 512 * 512 * 9
    assert nets["cnn_m"].tile_params == nets["cnn_s"].tile_params == deep


def test_networks_have_the_sizes_of_the_released_models():
    def heights(name):
        return [stage[0].in_shape[0] for stage in load_networks()[name].stages[:5]]

    assert heights("cnn_f") == [224, 27, 13, 13, 13]
    assert heights("cnn_m") == [224, 54, 13, 13, 13]
    assert heights("cnn_s") == [224, 37, 18, 18, 18]
    for name, inputs in (("cnn_f", 9216), ("cnn_m", 18432), ("cnn_s", 18432)):
        assert load_networks()[name].stages[5][0].in_shape == (1, 1, inputs)


def test_cycles_of_work_by_hand():
    work = Work(instructions=800, llc_bytes=640, dram_bytes=64, port_bytes=40, mvms=2)
    cycles = work.cycles(HP, ASSUMED)
    assert cycles.active == pytest.approx(800 / 0.8 + 10 * 2.3)  # ten words of 1 ns
    assert cycles.weights == pytest.approx(10 * 20 / 4 + 60 / 4 * 2.3)  # four fills at once
    assert cycles.mvm == pytest.approx(2 * 230)
    # At 0.8 GHz a word takes a whole cycle, not 0.8.
    assert work.cycles(LP, ASSUMED).active == pytest.approx(1000 + 10)


def test_memory_is_never_faster_than_its_bandwidth():
    slow = dataclasses.replace(ASSUMED, dram_gb_per_s=1.0)
    assert Work(dram_bytes=64).cycles(HP, slow).weights == pytest.approx(64 * 2.3)


def test_dense_layer_by_hand():
    digital = layer_work(DENSE, HP, ASSUMED, on_tile=False)
    assert digital.instructions == pytest.approx(1024 * 512 * 0.34 + 512 * 3)
    assert (digital.dram_bytes, digital.llc_bytes) == (1024 * 512, 0)
    tile = layer_work(DENSE, HP, ASSUMED, on_tile=True, cores=2)
    assert tile.instructions == pytest.approx(1024 * 7 + 256 * 5)
    assert (tile.port_bytes, tile.mvms, tile.mvm_cells) == (1024 + 256, 1, 1024 * 256)
    assert tile.dram_bytes == 0


@pytest.mark.parametrize("channels, reads", [(64, 1), (1024, 25)])
def test_convolution_reads_weights_that_l1_holds_once(channels, reads):
    layer = Layer(
        name="c", op=LayerOp.CONV, source_op="Conv", in_shape=(5, 5, 128),
        out_shape=(5, 5, channels),
    )  # fmt: skip
    work = layer_work(layer, HP, ASSUMED, on_tile=False, llc_holds_weights=True)
    assert work.llc_bytes == reads * 128 * channels
    gathered = 25 * 128 * 0.5
    products = 25 * 128 * channels * 0.34
    assert work.instructions == pytest.approx(products + 25 * channels * 3 + gathered)


def test_an_operator_of_which_nothing_is_assumed_is_refused():
    odd = dataclasses.replace(DENSE, op=LayerOp.ELEMENTWISE, source_op="Erf")
    with pytest.raises(ReproduceError, match="layer d: nothing is assumed of Erf"):
        layer_work(odd, HP, ASSUMED, on_tile=False)


def one_layer_net(cases):
    return StagedNetwork(
        network=Network(name="n", layers=(DENSE,)),
        stages=((DENSE,),),
        on_tiles=frozenset({"d"}),
        input_elements=1024,
        cases=cases,
    )


def test_inference_of_one_layer_by_hand():
    run = run_inference(one_layer_net({1: None}), HP, ASSUMED, cores=1, on_tiles=True)
    instructions = 1024 * 7 + 512 * 5 + 1024 * 6 + 512 * 4
    active = instructions / 0.8 + (1024 + 512) / 4 * 2.3
    waits = 64 * 15 * 2.3  # 4 KiB of fp32, 64 lines of 15 ns
    assert run.time_ns == pytest.approx((active + waits + 230) / 2.3)
    profile = HP.profile
    energy = active * 845.39 + (waits + 230) * 638.99
    energy += 4096 * 5.6 + 4096 * profile.memory_pj_per_byte
    mvm = 0.2 * 8 + 0.2 * 4 + 0.6 * 2  # cells, rows, columns of 256 x 256
    energy += mvm * profile.mvm_pj + 1536 * profile.tile_in_pj_per_byte
    energy += run.time_ns * 9316.32  # mW and ns are pJ
    assert run.energy_pj == pytest.approx(energy)


def test_stages_on_several_cores_pay_a_hand_over():
    digital = run_inference(one_layer_net({2: (2,)}), HP, ASSUMED, cores=2, on_tiles=False)
    free = dataclasses.replace(ASSUMED, handover_ns=0.0)
    without = run_inference(one_layer_net({2: (2,)}), HP, free, cores=2, on_tiles=False)
    assert digital.time_ns - without.time_ns == pytest.approx(5000)
    assert len(digital.core_cycles) == 2


def test_a_pipeline_is_bound_by_the_memory_if_that_is_slowest():
    slow = dataclasses.replace(ASSUMED, dram_gb_per_s=0.5, handover_ns=0.0)
    net = one_layer_net({8: (8,)})
    big = dataclasses.replace(DENSE, in_shape=(1, 1, 4096))
    net = dataclasses.replace(net, network=Network(name="n", layers=(big,)), stages=((big,),))
    run = run_inference(net, HP, slow, cores=8, on_tiles=False)
    assert run.dram_bound
    # All weights, and 1024 inputs of four bytes.
    assert run.time_ns == pytest.approx((4096 * 512 + 1024 * 4) / 0.5)


def test_loose_accesses_by_hand():
    time_ns = loose_time_ns(load_networks()["mlp"], HP, ASSUMED)
    core_ns = 1024 * (6 + 7 + 5 + 4) / 0.8 / 2.3
    assert time_ns == pytest.approx(core_ns + 2047 * 101 + 100 + 200 + 1024)


def test_ten_times_the_latency_hardly_slows_the_mlp():
    slow = dataclasses.replace(HP, profile=dataclasses.replace(HP.profile, mvm_latency_ns=1000))
    net = load_networks()["mlp"]
    fast, slower = (
        run_inference(net, system, ASSUMED, cores=1, on_tiles=True) for system in (HP, slow)
    )
    # They say that the effect is minimal.
    assert 1.0 < slower.time_ns / fast.time_ns < 1.1


def test_energy_follows_time_as_in_all_published_gains():
    model = Model(ASSUMED)
    for net, cores in (("mlp", 1), ("lstm750", 1), ("cnn_s", 8)):
        time, energy = (model.gain(net, "hp", cores, kind) for kind in ("time", "energy"))
        assert energy == pytest.approx(time, rel=0.1)


def test_spread_by_hand():
    varied = variations(ASSUMED, lambda assumed: assumed)
    spread = spread_of(lambda one: one.ipc + one.handover_ns / 1e6, ASSUMED, varied)
    assert (spread.low, spread.high) == pytest.approx((0.405, 1.605))
    assert spread.most == "ipc" and spread.value == pytest.approx(0.805)
    assert spread_of(lambda one: 1.0, ASSUMED, varied).is_fixed


def test_tile_shares_take_what_is_used_most_and_a_part_of_the_next():
    conv = Layer(
        name="c", op=LayerOp.CONV, source_op="Conv", in_shape=(4, 4, 64), out_shape=(4, 4, 64)
    )
    grouped = dataclasses.replace(conv, name="g", groups=2)
    net = Network(name="n", layers=(grouped, DENSE, conv))
    params = 64 * 32 + 1024 * 512 + 64 * 64
    assert tile_shares(net, 0.0) == {}
    assert tile_shares(net, 2048 / params) == {"c": pytest.approx(0.5)}
    half = tile_shares(net, 0.5)
    assert half == {"c": 1.0, "d": pytest.approx((0.5 * params - 4096) / (1024 * 512))}
    run = run_shared(net, HP, ASSUMED, half)
    macs = 16 * 4096 + half["d"] * 1024 * 512
    assert run.mac_coverage == pytest.approx(macs / net.macs)


def test_shared_dense_layer_by_hand():
    run = run_shared(Network(name="n", layers=(DENSE,)), HP, ASSUMED, {"d": 1.0})
    active = (1024 * 7 + 64 * 5) / 0.8 + (1024 + 64) / 4 * 2.3
    assert run.time_ns == pytest.approx((active + 230) / 2.3 + 5000)


def test_the_table_in_the_docs_is_what_the_command_prints(found):
    text = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if "| alpine-" in line]
    assert len(lines) == 9
    for net, configuration, published, ours, ratio in lines:
        (row,) = [
            row
            for row in found.rows
            if row.what == f"{net}: speed-up" and row.configuration == f"{configuration}, tight"
        ]
        shown = [value_text(row.paper, row.unit), value_text(row.ours, row.unit)]
        assert [published, ours, ratio] == [*shown, f"{row.ratio:.2f}"]
