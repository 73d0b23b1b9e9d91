"""What if the assumed numbers are wrong: profiles in which each is up to twice or half as large."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from .components import COMPONENTS
from .profiles import NUMBERS, RATIO_GROUPS, EnergyError, Profile

__all__ = ["SPREAD", "SampledProfile", "energy_factors", "sweep_assumed"]

SPREAD = 2.0
"""An assumed number is multiplied with 1 / SPREAD to SPREAD."""

_NEVER = ("clock_mhz", "mvm_latency_ns")
"""Choices of an operating point: cycles depend on them, which no sample computes again."""
_SWEPT = tuple(name for name in NUMBERS if name not in _NEVER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledProfile(Profile):
    """A profile whose energies and areas are arrays of shape (samples,), clock and latency not."""

    nominal: Profile
    """The one that was sampled."""
    samples: int


def sweep_assumed(profile: Profile, rng: np.random.Generator, samples: int) -> SampledProfile:
    """Profiles that differ in what nobody published, all in one.

    Each assumed number is multiplied with a factor of its own for each sample, its logarithm
    uniform between those of 1/2 and 2. Published numbers stay, and so do clock and latency of an
    MVM. The ratios of a group still add up to 1: the assumed ones are sampled like the others, then
    scaled together, so that a single one may move by more than a factor of two. A number that was
    assumed to be 0 stays 0.

    What the generator gives goes to the numbers in the order of ``NUMBERS``, assumed or not: equal
    seeds give the same factor to the same number in every profile, and publishing one number
    changes no other's samples. Compare two machines with one and the same result.

    Raises
    ------
    EnergyError: not at least one sample, or a profile that is sampled already.
    """
    if type(samples) is not int or samples < 1:
        raise EnergyError(f"samples must be an integer from 1, not {samples!r}")
    if isinstance(profile, SampledProfile):
        raise EnergyError(f"the profile {profile.name!r} is sampled already")
    drawn = dict(zip(_SWEPT, rng.uniform(-1, 1, (len(_SWEPT), samples)), strict=True))
    assumed = set(profile.assumed)
    values = {}
    for name in _SWEPT:
        value = np.full(samples, getattr(profile, name))
        values[name] = value * SPREAD ** drawn[name] if name in assumed else value
    for group in RATIO_GROUPS:
        _keep_sum(values, profile, [name for name in group if name in assumed])
    plain = {field.name: getattr(profile, field.name) for field in dataclasses.fields(Profile)}
    return SampledProfile(**(plain | values), nominal=profile, samples=samples)


def _keep_sum(values: dict[str, np.ndarray], profile: Profile, names: Sequence[str]) -> None:
    """Scale some numbers so that in each sample their sum is that of the profile."""
    wanted = sum(getattr(profile, name) for name in names)
    if wanted > 0:
        scale = wanted / sum(values[name] for name in names)
        for name in names:
            values[name] = values[name] * scale


def energy_factors(sampled: SampledProfile) -> dict[str, np.ndarray]:
    """(samples,) for each component of an EnergyBreakdown: what it is times the nominal one."""
    factors = {}
    for component in COMPONENTS:
        nominal = component.pj_of(sampled.nominal)
        # A component that costs nothing costs nothing in any sample.
        ones = np.ones(sampled.samples)
        factors[component.name] = component.pj_of(sampled) / nominal if nominal else ones
    return factors
