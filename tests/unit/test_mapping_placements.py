import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping import placements
from tightrope.sim.mapping.allocate import allocate
from tightrope.sim.mapping.placements import Placements
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.onnx_import import load_network

COVERAGES = (0.3, 1.0, 0.1, 0.5, 0.3, 0.9)
MACHINES = [
    ClusterConfig(harts=harts, tight_tiles_per_hart=tiles, loose_tiles=tiles * harts)
    for harts, tiles in ((1, 1), (4, 2), (8, 1), (2, 8))
]


@pytest.fixture(scope="module", params=["resnet8", "squeezenet"])
def network(request):
    return load_network(request.param)


@pytest.mark.parametrize("policy", ["macs_per_weight", "in_order", "columns"])
@pytest.mark.parametrize(
    ("coupling", "split"), [("loose", TightSplit.REPLICATE), *(("tight", s) for s in TightSplit)]
)
def test_what_was_placed_before_changes_nothing(network, coupling, split, policy):
    if policy == "columns" and network.name == "squeezenet":
        pytest.skip("takes long and shows nothing new")
    known = Placements()
    for machine in (*MACHINES, MACHINES[0]):
        for coverage in COVERAGES:
            ask = (network, machine, coupling, policy, split, coverage)
            assert allocate(*ask, placements=known) == allocate(*ask)


def test_layers_before_another_coverage_are_placed_once(network, monkeypatch):
    calls = []
    place = placements.place_layer

    def counted(*asked, **how):
        calls.append(asked[0])
        return place(*asked, **how)

    monkeypatch.setattr(placements, "place_layer", counted)
    known = Placements()
    allocate(network, MACHINES[3], "loose", placements=known)
    whole = len(calls)
    for coverage in COVERAGES:
        allocate(network, MACHINES[3], "loose", coverage=coverage, placements=known)
    # Of each coverage the part of its last layer is new.
    assert whole <= len(calls) <= whole + len(set(COVERAGES))


def test_machines_of_long_ago_are_forgotten(network):
    known = Placements()
    for tiles in range(1, placements.MACHINES + 3):
        machine = dataclasses.replace(MACHINES[0], loose_tiles=tiles)
        allocate(network, machine, "loose", coverage=0.1, placements=known)
    assert len(known._first) == placements.MACHINES
