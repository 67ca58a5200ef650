"""How often a model is asked for."""

import pytest

from coordinator.core.demand import FADES_S, MODELS, Demand
from shared.names import normalise
from tests.fakes.builders import MODEL

NAME = normalise(MODEL)


def test_a_steady_stream_is_told_as_its_rate() -> None:
    demand = Demand()
    for number in range(4_000):
        demand.asked(NAME, number / 2)
    assert demand.per_s(NAME, 2_000.0) == pytest.approx(2.0, rel=0.02)
    assert demand.per_s(NAME, 2_000.0 + FADES_S) == pytest.approx(2.0 / 2.718, rel=0.03)


def test_the_models_longest_unused_are_forgotten() -> None:
    demand = Demand()
    for number in range(MODELS + 1):
        demand.asked(normalise(f"m{number}"), 0.0)
    assert demand.per_s(normalise("m0"), 0.0) == 0.0
    assert demand.per_s(normalise("m1"), 0.0) > 0.0
