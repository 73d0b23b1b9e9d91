"""Coverage in fine steps: what is asked for, what is held, and by which policy."""

import itertools

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.allocate import allocate
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp, Network
from tightrope.sim.workload.onnx_import import load_network

ROOMY = ClusterConfig(harts=4, tight_tiles_per_hart=16, loose_tiles=64)
STEPS = [step / 50 for step in range(51)]
POLICIES = ("macs_per_weight", "in_order", "columns")
WAYS = [
    ("loose", TightSplit.REPLICATE),
    ("tight", TightSplit.REPLICATE),
    ("tight", TightSplit.CHANNELS),
]


@pytest.fixture(scope="module")
def resnet8():
    return load_network("resnet8")


def conv(name, size, in_c, out_c):
    return Layer(name=name, op=LayerOp.CONV, source_op="Conv", in_shape=(size, size, in_c),
                 out_shape=(size, size, out_c))  # fmt: skip


def held_channels(groups):
    return max((group.channel_begin + group.channel_count for group in groups or ()), default=0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("coupling", "split"), WAYS)
def test_coverage_follows_what_is_asked_for_in_fine_steps(resnet8, coupling, split, policy):
    found = [allocate(resnet8, ROOMY, coupling, policy, split, step) for step in STEPS]
    # Four channels of the largest patch are the smallest step there is; of all layers, by columns.
    tiled = [layer for layer in resnet8.layers if layer.fits_tiles]
    steps = [4 * layer.patch for layer in tiled]
    slack = (sum(steps) / 2 if policy == "columns" else max(steps)) / resnet8.params
    for asked, allocation in zip(STEPS, found, strict=True):
        assert allocation.coverage >= asked - slack
        assert allocation.coverage <= asked + (slack if policy == "columns" else 1e-4)
    for before, after in itertools.pairwise(found):
        assert after.coverage >= before.coverage
        assert after.mac_coverage >= before.mac_coverage
    assert found[0].coverage == 0 and found[0].used_tiles == 0
    assert found[-1].coverage == found[-1].mac_coverage == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_reported_coverage_is_that_of_the_groups(resnet8, policy):
    allocation = allocate(resnet8, ROOMY, "loose", policy, coverage=0.37)
    params = macs = 0
    for layer, groups in zip(resnet8.layers, allocation.groups, strict=True):
        channels = held_channels(groups)
        params += channels * layer.patch
        macs += channels * layer.patch * layer.pixels if groups else 0
    assert allocation.coverage == pytest.approx(params / resnet8.params)
    assert allocation.mac_coverage == pytest.approx(macs / resnet8.macs)


def test_policies_choose_different_layers():
    often, seldom = conv("often", 16, 16, 16), conv("seldom", 2, 16, 16)
    network = Network(name="two", layers=(seldom, often))

    def channels(policy):
        return [
            held_channels(groups)
            for groups in allocate(network, ROOMY, "loose", policy, coverage=0.5).groups
        ]

    assert channels("macs_per_weight") == [0, 16]
    assert channels("in_order") == [16, 0]
    assert channels("columns") == [8, 8]


@pytest.mark.parametrize("coverage", [-0.1, 1.01, float("nan")])
def test_coverage_outside_of_0_to_1_is_refused(resnet8, coverage):
    with pytest.raises(MappingError, match="coverage must be 0 to 1"):
        allocate(resnet8, ROOMY, "loose", coverage=coverage)
