"""How to read ``reproduce alpine``, and what absolute times follow from what was printed."""

from collections.abc import Iterable, Iterator

from .alpine_model import Model
from .loose import MVMS
from .published import load_published
from .variation import FACTOR

__all__ = ["remarks"]

CNN_INFERENCES = 3
"""Of each of their runs of CNNs."""


def remarks(base: Model) -> Iterator[str]:
    """Sentences to print below the rows."""
    yield (
        "A pipeline's time is that from one inference to the next; cores that are not used cost no "
        "energy."
    )
    yield (
        "No assumption was fitted to a published gain. Range: least and greatest of ours if one of "
        f"them is multiplied or divided by {FACTOR:g}."
    )
    yield _inferred_times(base)
    for system in base.systems:
        end_s = load_published()[f"cnn.{system}.axis_s"].value
        ours_s = max(
            CNN_INFERENCES * base.run(net, system, 8, on_tiles=False).time_ns / 1e9
            for net in ("cnn_f", "cnn_m", "cnn_s")
        )
        yield (
            f"The axis of their figure for CNNs on {base.systems[system].title} cores ends at "
            f"{end_s:g} s for {CNN_INFERENCES} inferences; our slowest takes {ours_s:.1f} s."
        )


def _inferred_times(base: Model) -> str:
    """Absolute times of the MLP, if its MVMs are the share of the run time that was printed."""
    published = load_published()
    mvms_us = MVMS * base.systems["hp"].profile.mvm_latency_ns / 1000
    one_core_us = mvms_us / published["mlp.process_share"].value
    slower = {1: 1.0, **{n: published[f"mlp.tiles.{n}_over_1"].value for n in (2, 4)}}
    tiles = {n: one_core_us * factor for n, factor in slower.items()}
    digital = {n: time_us * published[f"mlp.hp.{n}.time"].value for n, time_us in tiles.items()}
    ours = [
        [base.run("mlp", "hp", n, on_tiles=on_tiles).time_ns / 1000 for n in slower]
        for on_tiles in (True, False)
    ]
    return (
        f"Inferred from the printed share of the MLP's MVMs ({MVMS} take {mvms_us:g} us), "
        f"high-power, {_listed(slower)} cores: theirs takes {_listed(tiles.values())} us with "
        f"tiles and {_listed(digital.values())} us without, ours {_listed(ours[0])} us and "
        f"{_listed(ours[1])} us."
    )


def _listed(values: Iterable[float]) -> str:
    """``1, 2, 4``."""
    return ", ".join(f"{value:.0f}" for value in values)
