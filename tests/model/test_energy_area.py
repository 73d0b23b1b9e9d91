import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig, ScratchpadConfig, TileConfig
from tightrope.sim.energy.area import AreaBreakdown, area_of, interconnect_ports
from tightrope.sim.energy.profiles import PROFILE_NAMES, load_profile

MACHINE = ClusterConfig(
    harts=4,
    tight_tiles_per_hart=3,
    tight_harts=2,
    loose_tiles=5,
    tile=TileConfig(rows=128, cols=64, post_lanes=2),
    scratchpad=ScratchpadConfig(size_bytes=64 << 10),
    stream_ports=2,
    stream_bytes_per_cycle=8,
    dma_bytes_per_cycle=16,
)


def test_area_is_what_one_computes_by_hand():
    # 2 x 3 tight and 5 loose tiles, each half the rows and a quarter of the columns of 256 x 256;
    # ports: 4 x 2 of harts, 5 of tiles, 2 x 2 words of streams, 4 of the DMA engine.
    found = area_of(MACHINE, load_profile("gf22"))
    assert found.to_dict() == pytest.approx(
        {
            "harts_mm2": 4 * 0.06,
            "tile_cells_mm2": 11 * 0.83 * 0.2 / 8,
            "tile_rows_mm2": 11 * 0.83 * 0.2 / 2,
            "tile_cols_mm2": 11 * 0.83 * 0.6 / 4,
            "tile_post_mm2": 11 * 2 * 0.004,
            "streamers_mm2": 5 * 0.02,
            "scratchpad_mm2": 64 * 0.0016,
            "interconnect_mm2": (8 + 5 + 4 + 4) * 0.008,
            "dma_mm2": 4 * 0.004,
        }
    )


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_area_adds_up(name):
    found = area_of(MACHINE, load_profile(name))
    parts = found.to_dict()
    assert list(parts) == [field.name for field in dataclasses.fields(AreaBreakdown)]
    assert found.total_mm2 == pytest.approx(sum(parts.values()))
    tiles = sum(mm2 for part, mm2 in parts.items() if part.startswith(("tile_", "streamers")))
    assert found.tiles_mm2 == pytest.approx(tiles)


def test_what_a_machine_lacks_has_no_area():
    bare = area_of(ClusterConfig(harts=1, tight_tiles_per_hart=0), load_profile("gf22"))
    with_area = {part for part, mm2 in bare.to_dict().items() if mm2}
    assert with_area == {"harts_mm2", "interconnect_mm2"}


def test_a_tile_of_the_reference_size_has_the_profile_s_area():
    profile = load_profile("alpine-hp")
    one = ClusterConfig(harts=1, tight_tiles_per_hart=1)
    assert area_of(one, profile).tiles_mm2 == pytest.approx(profile.tile_area_mm2)


def test_loose_tiles_that_do_not_stream_have_no_streamer_and_no_wide_port():
    plain = ClusterConfig(harts=1, tight_tiles_per_hart=0, loose_tiles=3)
    assert area_of(plain, load_profile("gf22")).streamers_mm2 == 0
    assert interconnect_ports(plain) == 2 + 3


def test_garofalo_cluster_is_in_reach():
    # Not a fit: eight harts, 512 KiB, one streaming tile, a DMA engine. Theirs has a depth-wise
    # accelerator besides, so ours should be smaller, and not by much.
    profile = load_profile("gf22")
    machine = ClusterConfig(
        harts=8,
        tight_tiles_per_hart=0,
        loose_tiles=1,
        scratchpad=ScratchpadConfig(size_bytes=512 << 10, banks=32),
        stream_ports=1,
        dma_bytes_per_cycle=16,
    )
    paper_mm2 = profile.published["cluster_area"].value
    assert 0.85 * paper_mm2 < area_of(machine, profile).total_mm2 < paper_mm2
