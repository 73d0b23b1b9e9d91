"""Profiles against what was published, and how files are read."""

import json
import math

import pytest
from tightrope.sim.energy.components import COMPONENTS
from tightrope.sim.energy.energy import EnergyBreakdown
from tightrope.sim.energy.profiles import (
    NUMBERS,
    PROFILE_NAMES,
    PUBLISHED_COMPONENTS,
    EnergyError,
    load_profile,
)

# ALPINE (IEEE TC 2023), Table I: low-power, high-power, unit.
ALPINE_TABLE_I = {
    "frequency_ghz": (0.8, 2.3, "GHz"),
    "vdd_v": (0.75, 1.3, "V"),
    "cores": (8, 8, "1"),
    "l1_instruction_size": (32, 64, "kB"),
    "l1_data_size": (32, 64, "kB"),
    "llc_size": (512, 1024, "kB"),
    "memory_size": (8, 8, "GB"),
    "memory_rate": (2400, 2400, "MHz"),
    "memory_bus_frontend_latency": (3, 3, "cycles"),
    "memory_bus_latency": (4, 4, "cycles"),
    "idle_core": (10.72, 126.03, "pJ/cycle"),
    "wfm_core": (46.04, 638.99, "pJ/cycle"),
    "active_core": (60.92, 845.39, "pJ/cycle"),
    "memory_controller_and_io": (3.03, 5.82, "W"),
    "llc_leakage_per_256kb": (271.62, 874.08, "mW"),
    "llc_read": (1.81, 5.60, "pJ/byte"),
    "llc_write": (1.63, 5.02, "pJ/byte"),
    "dram_access": (120.0, 120.0, "pJ/access"),
    "mvm_latency": (100, 100, "ns"),
    "tile_io_throughput": (4, 4, "GB/s"),
    "tile_efficiency": (12.8, 12.8, "TOp/s/W"),
    "power_scaling_14_to_28_nm": (2.0, 5.3, "1"),
    "converter_bits": (8, 8, "bit"),
    "analog_supply_low": (0.8, 0.8, "V"),
    "analog_supply_high": (1.2, 1.2, "V"),
    "digital_supply": (0.8, 0.8, "V"),
}
# What else was published: value, unit, node.
PUBLISHED = {
    "hermes_efficiency": (10.5, "TOPS/W", 14),
    "hermes_throughput": (1.008, "TOPS", 14),
    "hermes_density": (1.59, "TOPS/mm2", 14),
    "lionheart_tile_efficiency": (20, "TOp/s/W", None),
    "lionheart_simd_efficiency": (22.8, "GOp/s/W", None),
    "bruschi_efficiency": (6.5, "TOPS/W", None),
    "bruschi_density": (42, "GOPS/mm2", None),
    "www_sram_256k_read": (124.695, "pJ", 45),
    "www_sram_256k_write": (118.033, "pJ", 45),
    "www_register_file_4k_read": (11.388, "pJ", 45),
    "www_register_file_4k_write": (11.467, "pJ", 45),
    "www_local_register_read": (0.0190, "pJ", 45),
    "www_local_register_write": (0.0205, "pJ", 45),
    "www_mac_int8": (0.2625, "pJ", 45),
    "www_lpddr4_access": (512, "pJ", None),
    "www_analog6t_mac": (0.15, "pJ", 45),
    "www_analog8t_mac": (0.09, "pJ", 45),
    "www_digital6t_mac": (0.34, "pJ", 45),
    "www_digital8t_mac": (0.84, "pJ", 45),
    "www_analog6t_write": (1.9, "pJ/byte", 45),
    "www_analog8t_write": (3.0, "pJ/byte", 45),
    "www_digital6t_write": (3.2, "pJ/byte", 45),
    "www_digital8t_write": (1.7, "pJ/byte", 45),
    "set_dram": (60, "pJ/byte", None),
    "set_noc_hop": (5.6, "pJ/byte", None),
    "set_buffer_read": (1.05, "pJ/byte", None),
    "set_buffer_write": (1.87, "pJ/byte", None),
    "set_mac": (0.018, "pJ", None),
    "scar_dram": (14.8, "pJ/bit", 28),
    "scar_package_link": (2.04, "pJ/bit", 28),
    "gemini_noc_hop": (0.4, "pJ/bit", 12),
    "gemini_gddr6x": (10.5, "pJ/bit", None),
    "gemini_hbm": (5.5, "pJ/bit", None),
    "aladdin_adder_32b": (0.21, "pJ", 40),
    "aladdin_adder_32b_area": (278, "um2", 40),
    "aladdin_multiplier_32b": (12.68, "pJ", 40),
    "aladdin_multiplier_32b_area": (6350, "um2", 40),
    "isaac_adc_8b": (1.666666667, "pJ", 32),
    "isaac_adc_8b_area": (1200, "um2", 32),
    "isaac_edram_access": (20.45, "pJ", 32),
    "isaac_adc_power": (16, "mW", 32),
    "isaac_dac_power": (4, "mW", 32),
    "isaac_dac_area": (170, "um2", 32),
    "cacti_22nm_128b_read": (0.0739625, "pJ", 22),
    "cacti_22nm_128b_write": (0.0996867, "pJ", 22),
    "cacti_22nm_128b_area": (0.000309137, "mm2", 22),
    "cacti_22nm_2m_read": (134.898, "pJ", 22),
    "cacti_22nm_2m_write": (139.563, "pJ", 22),
    "cacti_22nm_2m_area": (3.66505, "mm2", 22),
    "cacti_32nm_512b_read": (0.428052, "pJ", 32),
    "cacti_32nm_512b_write": (0.871989, "pJ", 32),
    "cacti_32nm_512b_leakage": (0.160019, "mW", 32),
    "cacti_32nm_512b_area": (0.00105729, "mm2", 32),
    "adc_survey_best_fom": (180.14159078904734, "dB", None),
    "adc_survey_fom_slope": (-6.460790934271676, "dB", None),
    "adc_survey_fom_intercept": (302.7387019052544, "dB", None),
}
GAROFALO_AND_VEGA = {
    "mvm_latency": (130, "ns"),
    "peak_efficiency": (6.39, "TOPS/W"),
    "peak_throughput": (958, "GOPS"),
    "mobilenet_v2_energy": (482, "uJ"),
    "mobilenet_v2_latency": (10.1, "ms"),
    "cluster_area": (2.5, "mm2"),
    "ima_area": (0.83, "mm2"),
    "scratchpad_size": (512, "kB"),
    "vega_power": (49.4, "mW"),
    "vega_throughput": (32.2, "GOPS"),
    "vega_efficiency_int8": (615, "GOPS/W"),
}


@pytest.mark.parametrize("column, name", [(0, "alpine-lp"), (1, "alpine-hp")])
def test_alpine_is_its_table_one(column, name):
    published = load_profile(name).published
    for key, row in ALPINE_TABLE_I.items():
        assert (published[key].value, published[key].unit) == (row[column], row[2]), key
        assert not published[key].assumed, key
    # Printed as 16b; that bytes are meant is a reading.
    rest = {"memory_bus_width"} | set(PUBLISHED_COMPONENTS)
    assert set(published) - set(ALPINE_TABLE_I) <= rest
    assert published["memory_bus_width"].value == 16 and published["memory_bus_width"].assumed


def test_published_components_are_what_was_published():
    found = {
        name: (number.value, number.unit, number.node_nm)
        for name, number in PUBLISHED_COMPONENTS.items()
    }
    assert found == PUBLISHED
    assert not any(number.assumed for number in PUBLISHED_COMPONENTS.values())


def test_gf22_holds_what_its_papers_say():
    published = load_profile("gf22").published
    found = {name: (published[name].value, published[name].unit) for name in GAROFALO_AND_VEGA}
    assert found == GAROFALO_AND_VEGA
    assert set(published) - set(GAROFALO_AND_VEGA) <= set(PUBLISHED_COMPONENTS)


@pytest.mark.parametrize("name, vdd", [("alpine-lp", 0.75), ("alpine-hp", 1.3)])
def test_alpine_numbers_follow_from_its_table(name, vdd):
    profile = load_profile(name)
    raw = {key: number.value for key, number in profile.published.items()}
    assert profile.clock_mhz == 1000 * raw["frequency_ghz"]
    assert profile.mvm_latency_ns == raw["mvm_latency"]
    assert profile.hart_asleep_pj_per_cycle == raw["idle_core"]
    assert profile.hart_waiting_pj_per_cycle == raw["wfm_core"]
    assert profile.hart_active_pj_per_cycle == raw["active_core"]
    assert profile.icache_fill_pj == profile.dcache_fill_pj == pytest.approx(32 * raw["llc_read"])
    assert profile.store_pj == pytest.approx(4 * raw["llc_write"])
    assert profile.shared_access_pj == pytest.approx(4 * raw["llc_read"])
    assert profile.memory_pj_per_byte == raw["dram_access"] / 64
    mvm_pj = 2 * 256 * 256 / raw["tile_efficiency"] * raw["power_scaling_14_to_28_nm"]
    assert profile.mvm_pj == pytest.approx(mvm_pj)
    leakage_mw = raw["llc_size"] / 256 * raw["llc_leakage_per_256kb"]
    static_mw = 1000 * raw["memory_controller_and_io"] + leakage_mw
    assert profile.static_power_mw == pytest.approx(static_mw)
    assert profile.numbers["hart_active_pj_per_cycle"].voltage_v == raw["vdd_v"] == vdd


def test_gf22_numbers_follow_from_what_they_are_based_on():
    profile = load_profile("gf22")
    raw = {key: number.value for key, number in profile.published.items()}
    assert profile.mvm_latency_ns == raw["mvm_latency"]
    assert profile.tile_area_mm2 == raw["ima_area"]
    mhz = 1000 * raw["vega_throughput"] / (9 * 4 * 2)
    assert profile.hart_active_pj_per_cycle == pytest.approx(
        1000 * raw["vega_power"] / (9 * mhz), rel=0.01
    )
    assert profile.mvm_pj == pytest.approx(2 * 65536 / raw["hermes_efficiency"] * 22 / 14)
    to_22_nm = 22 / 45 * 0.8**2
    read, write = (raw[f"www_sram_256k_{kind}"] / 32 * to_22_nm for kind in ("read", "write"))
    assert profile.memory_pj_per_byte == pytest.approx(read, rel=0.02)
    assert profile.scratchpad_pj_per_byte == pytest.approx((read + write) / 2, rel=0.02)
    third_mm2 = raw["cluster_area"] / 3
    assert profile.scratchpad_area_mm2_per_kib == pytest.approx(
        third_mm2 / raw["scratchpad_size"], rel=0.02
    )
    lane_mm2 = 2e-6 * raw["aladdin_multiplier_32b_area"] * (22 / 40) ** 2
    assert profile.tile_post_area_mm2_per_lane == pytest.approx(lane_mm2, rel=0.05)


def test_guesses_lie_within_a_factor_of_two_of_cacti():
    profile = load_profile("gf22")
    raw = {key: number.value for key, number in PUBLISHED_COMPONENTS.items()}
    byte_pj = raw["cacti_22nm_128b_read"] + raw["cacti_22nm_128b_write"]
    assert 0.5 < profile.tile_in_pj_per_byte / byte_pj < 2
    per_kib_mm2 = raw["cacti_22nm_2m_area"] / 2048
    assert 0.5 < profile.scratchpad_area_mm2_per_kib / per_kib_mm2 < 2


def test_assumed_numbers_are_listed():
    areas = {name for name in NUMBERS if "area" in name}
    ratios = {"mvm_cell_ratio", "mvm_row_ratio", "mvm_col_ratio"}
    alpine = areas | ratios
    alpine |= {"memory_pj_per_byte", "scratchpad_pj_per_byte", "dma_pj_per_byte"}
    alpine |= {
        "shared_access_pj",
        "program_write_pj",
        "tile_in_pj_per_byte",
        "tile_out_pj_per_byte",
    }
    for name in ("alpine-lp", "alpine-hp"):
        assert set(load_profile(name).assumed) == alpine
    gf22, fpga = load_profile("gf22"), load_profile("fpga")
    assert set(gf22.numbers) - set(gf22.assumed) == {"mvm_latency_ns", "tile_area_mm2"}
    assert set(fpga.assumed) == set(fpga.numbers) == set(NUMBERS)


def test_latencies_in_cycles_are_those_of_the_clock():
    cycles = {name: load_profile(name).mvm_latency_cycles for name in PROFILE_NAMES}
    assert cycles == {"alpine-lp": 80, "alpine-hp": 230, "gf22": 65, "fpga": 256}


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_every_number_says_for_which_technology_it_holds(name):
    # Only ratios, what is programmed and ALPINE's DRAM have no node.
    without = {field for field, number in load_profile(name).numbers.items() if not number.node_nm}
    free = {field for field in NUMBERS if field.endswith("_ratio")} | {"program_write_pj"}
    assert without <= free | {"memory_pj_per_byte", "scratchpad_pj_per_byte", "dma_pj_per_byte"}


def test_components_are_the_breakdown_and_use_every_energy():
    assert [one.name for one in COMPONENTS] == list(EnergyBreakdown().to_dict())
    used = {factor for one in COMPONENTS for factor in one.factors}
    energies = {
        name
        for name in NUMBERS
        if "area" not in name and name not in ("clock_mhz", "mvm_latency_ns")
    }
    assert used - {"static_pj_per_cycle"} == energies - {"static_power_mw"}
    profile = load_profile("gf22")
    per_cycle = {one.name: one.pj_of(profile) for one in COMPONENTS}["static_pj"]
    assert per_cycle == 1000 * profile.static_power_mw / profile.clock_mhz


def one_profile(change):
    """A file with gf22 under another name, changed."""
    numbers = {name: number.to_dict() for name, number in load_profile("gf22").numbers.items()}
    data = {"version": 2, "profiles": {"mine": {"title": "mine", "numbers": numbers}}}
    data["profiles"]["mine"]["published"] = {
        name: number.to_dict() for name, number in load_profile("gf22").published.items()
    }
    change(data, numbers)
    return data


def test_own_profile_is_read(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(one_profile(lambda d, n: n["store_pj"].update(value=5))))
    profile = load_profile(path)
    assert (profile.name, profile.store_pj, profile.clock_mhz) == ("mine", 5, 500)
    assert profile.numbers["mvm_pj"] == load_profile("gf22").numbers["mvm_pj"]


def test_own_profile_may_bring_its_own_components(tmp_path):
    number = load_profile("gf22").numbers["store_pj"].to_dict()

    def change(data, numbers):
        data["components"] = {"my_sram": number}
        numbers["store_pj"]["based_on"] = ["my_sram", "set_dram"]

    path = tmp_path / "mine.json"
    path.write_text(json.dumps(one_profile(change)))
    published = load_profile(path).published
    assert published["my_sram"].value == number["value"]
    assert published["set_dram"] == PUBLISHED_COMPONENTS["set_dram"]


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda d, n: d.update(version=1), "version 2"),
        (lambda d, n: d.update(profile={}), "unknown field 'profile'"),
        (lambda d, n: d.update(components=[]), "components must be a table"),
        (lambda d, n: d.update(components={"a": {"value": 1}}), r"components: a\.unit is missing"),
        (lambda d, n: d["profiles"].update(other={}), "2 profiles; one is needed"),
        (lambda d, n: d["profiles"]["mine"].update(title=3), "title must be a text, not 3"),
        (lambda d, n: d["profiles"]["mine"].update(published=[]), "published must be a table"),
        (lambda d, n: n.update(luck=n["store_pj"]), "unknown field 'luck'"),
        (lambda d, n: n.pop("mvm_pj"), "lacks the number 'mvm_pj'"),
        (lambda d, n: n.pop("hart_area_mm2"), "lacks the number 'hart_area_mm2'"),
        (lambda d, n: n["mvm_pj"].update(unit="nJ"), "mvm_pj must be in pJ, not 'nJ'"),
        (lambda d, n: n["tile_area_mm2"].update(unit="um2"), "must be in mm2, not 'um2'"),
        (lambda d, n: n["clock_mhz"].update(value=0), "clock_mhz must be from 1 to 10000 MHz"),
        (lambda d, n: n["hart_area_mm2"].update(value=0), "hart_area_mm2 must be from"),
        (lambda d, n: n["store_pj"].update(value=-1), "store_pj must be from 0"),
        (lambda d, n: n["store_pj"].update(value=float("nan")), "must be finite"),
        (lambda d, n: n["store_pj"].update(value=10**400), "must be finite"),
        (lambda d, n: n["store_pj"].update(value=True), "store_pj.value is missing or"),
        (lambda d, n: n["store_pj"].update(source=" "), "must say where"),
        (lambda d, n: n["store_pj"].pop("assumed"), "store_pj.assumed is missing"),
        (lambda d, n: n["store_pj"].pop("node_nm"), "store_pj.node_nm is missing; null says"),
        (lambda d, n: n["store_pj"].pop("voltage_v"), "store_pj.voltage_v is missing; null says"),
        (lambda d, n: n["store_pj"].update(node_nm=0), "node_nm must be null or from 1 to 1000"),
        (lambda d, n: n["store_pj"].update(node_nm=True), "node_nm must be null or from"),
        (lambda d, n: n["store_pj"].update(voltage_v=float("nan")), "voltage_v must be null or"),
        (lambda d, n: n["store_pj"].update(colour="red"), "unknown field 'colour'"),
        (lambda d, n: n["store_pj"].update(based_on="all"), "based_on must be a list of names"),
        (lambda d, n: n["store_pj"].update(based_on=["hearsay"]), "based on 'hearsay', which is"),
        (lambda d, n: n["mvm_cell_ratio"].update(value=0.3), "must add up to 1"),
        (lambda d, n: n["tile_area_row_ratio"].update(value=0.3), "must add up to 1"),
    ],
)
def test_profile_that_breaks_a_rule_is_refused(tmp_path, change, what):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(one_profile(change)))
    with pytest.raises(EnergyError, match=what):
        load_profile(path)


def test_profile_that_is_no_profile_is_refused(tmp_path):
    with pytest.raises(EnergyError, match="alpine-lp"):
        load_profile("alpine")
    path = tmp_path / "mine.json"
    for text in ("", "\x00", "9" * 9999):
        path.write_text(text)
        with pytest.raises(EnergyError, match="not JSON"):
            load_profile(path)
    path.write_text("[1]")
    with pytest.raises(EnergyError, match="version 2"):
        load_profile(path)


def test_adc_survey_bound_is_in_joules():
    # docs/energy.md: 256 conversions of 8 bits at the survey's best figure of merit.
    sndr_db = 8 * 20 * math.log10(2) + 10 * math.log10(1.5)
    best_db = PUBLISHED_COMPONENTS["adc_survey_best_fom"].value
    assert 256 * 1e12 / (2 * 10 ** ((best_db - sndr_db) / 10)) == pytest.approx(12, abs=0.5)
