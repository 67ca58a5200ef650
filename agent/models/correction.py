"""By how much estimates of a model's memory are off on this node, learned from what was measured after loads. Pure.

A model's factor is the weighted median of its newest measurements (measured / estimated), so that one taken while
another program moved memory changes little; each counts less than the one after it, and half after a month, since
engines and drivers change. Beside them stands the estimate itself, as a measurement of 1 that counts little.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

KEPT = 8
"""Measurements of a model."""
MODELS_MOST = 256
"""The model that was measured longest ago is forgotten first."""
FADING = 0.8
"""Weight of a measurement beside the one after it."""
HALF_LIFE_S = 30 * 86_400.0
ESTIMATE_WEIGHT = 0.25
"""What the estimate counts beside measurements: the first one moves the factor by four fifths."""
LEAST, MOST = 0.25, 4.0
"""A measurement outside was of something else."""


class Measured(Struct, array_like=True, forbid_unknown_fields=True):
    """One load; seconds since the epoch."""

    ratio: Annotated[float, Meta(ge=LEAST, le=MOST)]
    at: Annotated[float, Meta(ge=-1e12, le=1e12)]


class Corrections(Struct, frozen=True):
    """What was learned; also the content of the file. By model: whoever asks decides what one is."""

    models: dict[str, Annotated[list[Measured], Meta(min_length=1, max_length=KEPT)]] = {}
    """Each oldest first."""
    version: int = 1


def learned(
    before: Corrections, model: str, estimated_bytes: int, measured_bytes: int, now: float
) -> Corrections:
    """With one load more. A measurement that cannot be of this load is left out. `now`: seconds since the epoch."""
    ratio = measured_bytes / estimated_bytes if estimated_bytes > 0 else 0.0
    if not LEAST <= ratio <= MOST:
        return before
    newest = [*before.models.get(model, []), Measured(round(ratio, 4), now)][-KEPT:]
    return Corrections(_bounded({**before.models, model: newest}))


def factor(known: Corrections, model: str, now: float) -> float:
    """What an estimate of this model is to be multiplied with; 1 where nothing was measured."""
    samples = known.models.get(model, [])
    weights = [
        FADING**behind * 0.5 ** (max(0.0, now - each.at) / HALF_LIFE_S)
        for behind, each in zip(range(len(samples) - 1, -1, -1), samples, strict=True)
    ]
    total = sum(weights)
    if not total:
        return 1.0
    median = _median([each.ratio for each in samples], weights)
    return math.exp(math.log(median) * total / (total + ESTIMATE_WEIGHT))


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    left = sum(weights) / 2
    for value, weight in sorted(zip(values, weights, strict=True)):
        left -= weight
        if left <= 0:
            return value
    return max(values)


def _bounded(models: Mapping[str, list[Measured]]) -> dict[str, list[Measured]]:
    newest_first = sorted(models.items(), key=lambda each: -each[1][-1].at)
    return dict(newest_first[:MODELS_MOST])
