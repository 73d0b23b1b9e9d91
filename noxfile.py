"""Sessions: one for each question that somebody who works on or with Tightrope asks."""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests"]
nox.options.reuse_existing_virtualenvs = True

def install(session, *extras):
    """Install the project as a user would, editable, with what the session needs."""
    session.log("installing the project and its tools from the package index")
    session.install("-q", "-e", f".[{','.join(extras)}]" if extras else ".")


@nox.session
def explore(session):
    """The main job on ResNet-50 and SqueezeNet, 8 harts: tables, reports, a live check on RTL."""
    install(session)
    for network in ("resnet50", "squeezenet"):
        session.run(
            "tightrope", "explore", network, "--harts", "8",
            "--out", f"build/explore/{network}", *session.posargs,
        )


@nox.session
def sweep(session):
    """Six full-size networks over coverage, tiles, coupling, balancing and harts, predicted; and
    their layers one by one over coupling, tile sizes and harts."""
    install(session)
    session.run("python", "-m", "tightrope.sim.sweeps", *session.posargs)
    session.run("tightrope", "layers", "--out", "build/sweep/layers")


@nox.session
def networks(session):
    """Whole networks on RTL: ResNet-8 over coverage, coupling and balancing, then the list."""
    install(session)
    session.run(
        "tightrope", "sweep", "resnet8", "--balance", "static,weighted,steal",
        "--out", "build/networks/resnet8",
    )
    # Eight inputs on their way take as long as eight runs.
    session.run(
        "tightrope", "sweep", "resnet8", "--balance", "pipeline", "--coverage", "0,0.5,1",
        "--out", "build/networks/resnet8-pipeline",
    )
    session.run("python", "-m", "tightrope.sim.network", *session.posargs)


@nox.session
def tests(session):
    """All tests: unit, formal, model, command, then cosimulation."""
    install(session, "test", "docs", "fpga", "litex")
    # A file at a time for each processor, in the order of the folders: fast ones first. More than
    # four would build more simulators at once than 24 GB of memory hold.
    session.run(
        "python", "-m", "pytest", "--numprocesses", "auto", "--maxprocesses", "4",
        "--dist", "loadfile", "--no-loadscope-reorder", *session.posargs,
    )


@nox.session
def bench(session):
    """Speed of simulator, kernels and model, with bars and limits; writes build/bench.json."""
    install(session)
    session.run("python", "-m", "tightrope.sim.bench", *session.posargs)


@nox.session
def validate(session):
    """The model against RTL on cases its fit never saw."""
    install(session)
    session.run("tightrope", "validate", *session.posargs)


@nox.session
def calibrate(session):
    """Measure the microbenchmarks on RTL again and refit the model."""
    install(session)
    session.run("tightrope", "calibrate", *session.posargs)


@nox.session
def fpga(session):
    """A board end to end: two harts with tight tiles as a bitstream for a ULX3S."""
    install(session, "fpga")
    session.run(
        "tightrope", "fpga", "ulx3s-85f", "--preset", "small", "--seeds", "2",
        "--json", "build/fpga.json", *session.posargs,
    )


@nox.session
def docs(session):
    """The guide as a site, build/site/index.html; a broken link is an error."""
    install(session, "docs")
    session.run("python", "-m", "mkdocs", "build", "--strict", *session.posargs)


@nox.session
def guide(session):
    """Every example of the guide, those on RTL as well, against what its pages say they print."""
    install(session, "test", "docs")
    session.run(
        "python", "-m", "pytest", "tests/cli/test_guide.py", *session.posargs,
        env={"TIGHTROPE_GUIDE_SIMULATOR": "1"},
    )


@nox.session
def lint(session):
    """Style and likely bugs."""
    install(session, "dev")
    session.run("ruff", "check", "hw", "sim", "fpga", "tests", "docs", "noxfile.py")
