import json

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.energy.area import area_of
from tightrope.sim.energy.profiles import (
    NUMBERS,
    PROFILE_NAMES,
    PUBLISHED_COMPONENTS,
    load_profile,
)


def test_profiles_are_listed(tightrope):
    result = tightrope("profiles")
    assert result.exit_code == 0, result.output
    for name in PROFILE_NAMES:
        assert name in result.stdout and load_profile(name).title in result.stdout


def test_list_as_json(tightrope):
    content = json.loads(tightrope("profiles", "--json", "-").stdout)
    assert [one["name"] for one in content["profiles"]] == list(PROFILE_NAMES)
    gf22 = content["profiles"][PROFILE_NAMES.index("gf22")]
    assert gf22["clock_mhz"] == 500 and gf22["mvm_latency_ns"] == 130
    assert gf22["numbers"] == len(NUMBERS) and gf22["assumed"] == len(load_profile("gf22").assumed)
    assert {one["name"] for one in content["components"]} == set(PUBLISHED_COMPONENTS)


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_one_profile_shows_every_number_with_its_source(tightrope, tmp_path, name):
    file = tmp_path / "p.json"
    result = tightrope("profiles", name, "--json", file)
    assert result.exit_code == 0, result.output
    profile = load_profile(name)
    for field in (*NUMBERS, *profile.published):
        assert field in result.stdout
    content = json.loads(file.read_text())
    assert {one.pop("name"): one for one in content["values"]} == {
        field: number.to_dict() for field, number in profile.numbers.items()
    }
    assert {one["name"] for one in content["published"]} == set(profile.published)


def test_area_is_that_of_the_machine_asked_for(tightrope, tmp_path):
    machine = ClusterConfig(harts=2, tight_tiles_per_hart=0, loose_tiles=3)
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(machine.to_dict()))
    result = tightrope("profiles", "gf22", "--machine", file, "--json", "-")
    content = json.loads(result.stdout)
    expected = area_of(machine, load_profile("gf22"))
    assert content["area_mm2"].pop("total_mm2") == pytest.approx(expected.total_mm2)
    assert content["area_mm2"] == pytest.approx(expected.to_dict())
    assert content["machine"] == machine.to_dict()


def test_own_file_is_shown(tightrope, tmp_path):
    file = tmp_path / "mine.json"
    numbers = {name: one.to_dict() for name, one in load_profile("fpga").numbers.items()}
    file.write_text(json.dumps({"version": 2, "profiles": {"board": {"numbers": numbers}}}))
    result = tightrope("profiles", file)
    assert result.exit_code == 0, result.output
    assert "board" in result.stdout and "30 of its numbers are assumed" in result.stdout


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("gf23",), "gf23 is neither a file nor one of the profiles"),
        (("--machine", "m.json"), "--machine needs the NAME of a profile"),
        (("gf22", "--machine", "missing.json"), "missing.json"),
        (("gf22", "--json", "/nowhere/p.json"), "/nowhere"),
    ],
)
def test_bad_input_is_one_sentence(tightrope, arguments, said):
    result = tightrope("profiles", *arguments)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("tightrope: ")]
    assert len(lines) == 1 and said in lines[0]
    assert "Traceback" not in result.stderr


def test_file_that_is_no_profile_is_named(tightrope, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('{"version": 1, "profiles": {}}')
    result = tightrope("profiles", file)
    assert result.exit_code == 2 and "mine.json must be a table with version 2" in result.stderr
