"""Reports are sound HTML and, where Chromium is installed, open in it without a complaint."""

import re
from html.parser import HTMLParser

import pytest
from browser import NAMES, find_browser, open_page
from nets import save_net
from test_network_commands import WAYS, rtl  # noqa: F401 (a fixture)

in_browser = pytest.mark.skipif(
    find_browser() is None, reason=f"no browser is installed: {', '.join(NAMES)}"
)
VOID = {"meta", "img", "br", "hr", "input", "link", "path", "circle", "rect"}
SAYS_WHAT_IT_LOADS = re.compile(r"""(?i)\b(src|href|action|data-src)\s*=\s*["'](?!#)""")
CHOOSE_ONE_HART = """
<script>
window.addEventListener("load", () => {
  const chooser = document.getElementById("harts");
  chooser.value = "1";
  chooser.dispatchEvent(new Event("change"));
});
</script>
"""


class Elements(HTMLParser):
    """Keeps what is open; complains of what is closed in the wrong order, and of double ids."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.names = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing, at {self.getpos()}"
            assert tag == self.open.pop(), f"</{tag}> at {self.getpos()}"


@pytest.fixture
def explored(tightrope, net, tmp_path):
    """The report of an exploration."""
    out = tmp_path / "explored"
    result = tightrope(
        "explore", net, "--harts", "1,2", "--tiles", "1,2,4", "--no-live", "--out", out
    )
    assert result.exit_code == 0, result.output
    return out / "report.html"


@pytest.fixture
def swept(tightrope, rtl, net, tmp_path):  # noqa: F811 (the fixture)
    """The report of a sweep."""
    result = tightrope("sweep", net, *WAYS, "--out", tmp_path / "swept")
    assert result.exit_code == 0, result.output
    return tmp_path / "swept" / "report.html"


@pytest.fixture
def layered(tightrope, net, tmp_path):
    """The report of single layers."""
    out = tmp_path / "layered"
    result = tightrope("layers", net, "--harts", "1,2", "--tile-sizes", "64,128", "--out", out)
    assert result.exit_code == 0, result.output
    return out / "report.html"


@pytest.fixture(params=["explored", "swept", "layered"])
def report(request):
    """Each."""
    return request.getfixturevalue(request.param)


def without_plotly(text):
    return re.sub(r"<script>\s*/\*\*\s*\* plotly\.js.*?</script>", "<script></script>", text,
                  flags=re.DOTALL)  # fmt: skip


def drawn(dom, name):
    """The part of the page that a plot fills."""
    return dom.partition(f'<div id="{name}"')[2].partition("<h2>")[0]


def test_elements_are_closed_and_ids_are_unique(report):
    elements = Elements()
    elements.feed(without_plotly(report.read_text(encoding="utf-8")))
    elements.close()
    assert elements.open == []
    assert len(set(elements.ids)) == len(elements.ids) > 0
    assert elements.names.count("h1") == 1


def test_nothing_is_loaded_and_the_browser_is_told_so(report):
    text = without_plotly(report.read_text(encoding="utf-8"))
    assert not SAYS_WHAT_IT_LOADS.search(text)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy and "http" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style")


def test_verdict_then_plots_then_tables_then_method(explored):
    text = without_plotly(explored.read_text(encoding="utf-8"))
    order = ('class="answer"', "<table", 'id="speedup"', 'id="front"', 'id="joules"',
             'id="layers-0"', "<h2>Nothing else is", "<h2>Live check", "<summary>All ",
             "<h2>Method and error", "<summary>Where each number")  # fmt: skip
    places = [text.index(mark) for mark in order]
    assert places == sorted(places)


@in_browser
@pytest.mark.parametrize("width", [420, 1200])
def test_exploration_opens_without_a_complaint_and_draws_everything(explored, tmp_path, width):
    opened = open_page(explored, tmp_path, width=width)
    assert opened.console == ()
    for name in ("speedup", "energy", "front", "joules", "layers-0", "layers-3"):
        assert 'class="main-svg"' in drawn(opened.dom, name), name
    assert "speed-up, 2 harts" in opened.dom


@in_browser
def test_sweep_opens_without_a_complaint_and_draws_everything(swept, tmp_path):
    opened = open_page(swept, tmp_path)
    assert opened.console == ()
    for name in ("tight", "loose"):
        assert 'class="main-svg"' in drawn(opened.dom, name), name


@in_browser
def test_layers_open_without_a_complaint_and_draw_both_figures(layered, tmp_path):
    opened = open_page(layered, tmp_path)
    assert opened.console == ()
    for name in ("harts", "sizes"):
        assert 'class="main-svg"' in drawn(opened.dom, name), name


@in_browser
def test_choice_of_harts_draws_other_figures(explored, tmp_path):
    text = explored.read_text(encoding="utf-8")
    explored.write_text(text.replace("</body>", CHOOSE_ONE_HART + "</body>"), encoding="utf-8")
    opened = open_page(explored, tmp_path)
    assert opened.console == ()
    plots = without_plotly(opened.dom).partition('type="application/json"')[0]
    assert "speed-up, 1 hart<" in plots and "speed-up, 2 harts<" not in plots


@in_browser
def test_name_that_is_html_stays_text(tightrope, tmp_path):
    evil = "<img src=x onerror=alert(1)></script><script>throw 1</script>"
    net = save_net(tmp_path / "net.onnx", names=(evil, "b&b", "last"))
    out = tmp_path / "o"
    tightrope("explore", net, "--harts", "1", "--tiles", "1,2", "--no-live", "--out", out)
    opened = open_page(out / "report.html", tmp_path)
    assert opened.console == () and 'class="main-svg"' in drawn(opened.dom, "layers-0")


@in_browser
@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("<script>nothing.at.all</script>", "ReferenceError"),
        ('<img src="https://example.org/x.png" alt="">', "Content Security Policy"),
        ('<script src="https://example.org/x.js"></script>', "Content Security Policy"),
    ],
)
def test_report_with_a_fault_is_noticed(explored, tmp_path, added, said):
    text = explored.read_text(encoding="utf-8")
    explored.write_text(text.replace("</body>", added + "</body>"), encoding="utf-8")
    console = open_page(explored, tmp_path).console
    assert len(console) >= 1 and any(said in line for line in console)
