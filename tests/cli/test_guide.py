"""The guide does what it says: its examples are run, its pages link to what is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import guide_examples
import pytest
import typer
from guide_examples import Example, ExampleError, File, fill, normalised, read_page, run_page
from guide_reference import UnknownTableError, commands, fields, profile_numbers
from guide_reference import fill as fill_tables
from tightrope.hw.config import ClusterConfig
from tightrope.hw.regs import HartCounter
from tightrope.sim.cli import app
from tightrope.sim.energy.profiles import NUMBERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([DOCS / "index.md", *(DOCS / "guide").glob("*.md")])
SIMULATOR = os.environ.get("TIGHTROPE_GUIDE_SIMULATOR", "") not in ("", "0")
REFRESH = "run: python docs/tools/guide_examples.py --simulator docs/guide/*.md"

PAGE = """Text.

<!-- file: two.txt -->
```text
one
two
```

<!-- example: first 1 lines -->
```console
$ cat two.txt
one
```

<!-- example: status 2 -->
```console
$ python -c "raise SystemExit(2)"
```

<!-- example: not run -->
```console
$ no-such-program
```

<!-- example: simulator, last 1 lines -->
```console
$ cat two.txt
two
```
"""


def examples_of(page):
    parts = read_page(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
    return [part for part in parts if isinstance(part, Example)]


ALL_EXAMPLES = [example for page in PAGES for example in examples_of(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_print_what_the_page_says(page, tmp_path):
    parts = read_page(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
    for example, printed in run_page(parts, tmp_path, simulator=SIMULATOR).items():
        assert normalised(example.output) == normalised(printed), f"{example.where}: {REFRESH}"


def test_tutorial_explores_and_runs_a_layer_and_a_network_on_rtl():
    tutorial = examples_of(DOCS / "guide" / "tutorial.md")
    simulated = [example.arguments for example in tutorial if example.simulator]
    explored = [example.arguments for example in tutorial if example.arguments[1] == "explore"]
    assert explored and not any(example.not_run for example in tutorial if example.simulator)
    assert any(":" in arguments[2] for arguments in simulated)
    assert any(":" not in arguments[2] for arguments in simulated)


@pytest.mark.parametrize(
    "example",
    [example for example in ALL_EXAMPLES if example.arguments[0] == "tightrope"],
    ids=lambda example: example.where,
)
def test_options_of_every_example_exist(example):
    group = typer.main.get_command(app)
    name, *arguments = example.arguments[1:]
    group.commands[name].make_context(name, arguments)


def test_page_is_read_and_its_examples_run_in_order(tmp_path):
    first, cat, fails, missing, simulated = read_page(PAGE, "page.md")
    assert first == File(name="two.txt", text="one\ntwo\n")
    assert (cat.command, cat.output, cat.first, cat.where) == (
        *("cat two.txt", ("one",), 1),
        "page.md:11",
    )
    assert fails.status == 2 and missing.not_run and simulated.simulator and simulated.last == 1
    parts = [first, cat, fails, missing, simulated]
    assert run_page(parts, tmp_path, simulator=False) == {cat: ("one",), fails: ()}
    assert run_page(parts, tmp_path, simulator=True)[simulated] == ("two",)


def test_fill_replaces_outputs_and_nothing_else():
    examples = [part for part in read_page(PAGE, "page.md") if isinstance(part, Example)]
    assert fill(PAGE, {example: example.output for example in examples}) == PAGE
    longer = fill(PAGE, {examples[0]: ("1", "2"), examples[3]: ()})
    assert longer == PAGE.replace("txt\none\n", "txt\n1\n2\n").replace("txt\ntwo\n", "txt\n")


def test_numbers_may_change_and_words_may_not():
    shown = ("│ rtl cycles │ 384,969 │", "speed-up 3.00x, -7.8 %")
    assert normalised(shown) == normalised(("│ rtl cycles   │ 7 │", "speed-up 12x, +0.1 %"))
    assert normalised(shown) != normalised(("│ rtl cycles │ 384,969 │", "slow-down 3.00x, -7.8 %"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```console\ntightrope run\n```", "must begin with"),
        ("```console\n```", "must begin with"),
        ("```console\n$ tightrope run", "has no end"),
        ("<!-- example: simulater -->\n```console\n$ x\n```", "'simulater' is not what"),
    ],
)
def test_page_that_makes_no_sense_is_refused(text, said):
    with pytest.raises(ExampleError, match=r"^page\.md:\d+: .*" + said):
        read_page(text, "page.md")


def test_example_with_another_status_is_an_error_with_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ python -c 'raise SystemExit(\"oh no\")'\n```\n")
    with pytest.raises(ExampleError, match=r"page\.md:2: .* status 1, not 0: oh no$"):
        run_page(read_page(page.read_text(), str(page)), tmp_path, simulator=False)


def test_command_writes_outputs_into_the_page(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ python -c 'print(6 * 7)'\nold\n```\n")
    monkeypatch.setattr("sys.argv", ["guide_examples", str(page)])
    assert guide_examples.main() == 0
    assert page.read_text() == "```console\n$ python -c 'print(6 * 7)'\n42\n```\n"
    monkeypatch.setattr("sys.argv", ["guide_examples", str(tmp_path / "none.md")])
    assert guide_examples.main() == 2 and "none.md" in capsys.readouterr().err


def test_reference_has_every_command_with_its_options():
    text = commands()
    for name, command in typer.main.get_command(app).commands.items():
        section = text.partition(f"## tightrope {name}\n")[2].partition("\n## ")[0]
        for option in command.params:
            assert option.param_type_name == "argument" or option.opts[0] in section, option.opts


def test_tables_of_fields_have_every_one_with_what_the_code_says():
    machine = fields("tightrope.hw.config.ClusterConfig")
    for name in ClusterConfig().to_dict():
        assert f"| `{name}` |" in machine
    assert "| `harts` | VexRiscv cores, 1 to 8. | `8` |" in machine
    assert "| `tiles` | The budget. |\n" in fields("tightrope.sim.explore.rows.Row")
    counters = fields("tightrope.hw.regs.HartCounter")
    assert all(f"| `{one.name.lower()}` |" in counters for one in HartCounter)
    assert all(f"| `{name}` |" in profile_numbers() for name in NUMBERS)


@pytest.mark.parametrize("name", ["tightrope.hw.config.Nothing", "no_such_module.Thing", "Thing"])
def test_table_of_nothing_is_refused(name):
    with pytest.raises(UnknownTableError, match=f"there is no '{name}'"):
        fill_tables(f"<!-- fields: {name} -->")


def test_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("mkdocs", reason="MkDocs is not installed (extra docs)")
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    assert {page.relative_to(DOCS).with_suffix(".html").as_posix() for page in PAGES} <= set(pages)
    for name, text in pages.items():
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", text)
        assert loaded and not [url for url in loaded if re.match(r"(https?:)?//", url)], name
        assert "<!-- fields" not in text and "<!-- commands" not in text
    assert "--coverage" in pages["guide/commands.html"]
    assert "<code>make_net.py</code>:" in pages["guide/network.html"]
    assert not list(site.rglob("*.py"))
