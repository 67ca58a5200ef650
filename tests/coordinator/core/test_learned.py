"""A figure learns a change within few samples, and shrugs at an outlier."""

import math
import random

import pytest

from coordinator.core.learned import FADING, KEPT, RECALLED, Figure


def figure(*samples: float) -> Figure:
    made = Figure()
    for sample in samples:
        made.add(sample)
    return made


def test_before_the_first_sample_the_prior_is_all_there_is() -> None:
    assert (figure().value, figure().count, figure().beside(3.0)) == (0.0, 0, 3.0)


def test_the_prior_counts_as_one_sample() -> None:
    assert figure(4.0).beside(1.0) == pytest.approx(2.0)
    assert figure(*[4.0] * KEPT).beside(1.0) == pytest.approx(4.0 ** (KEPT / (KEPT + 1)))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_what_is_no_positive_number_is_left_out(bad: float) -> None:
    assert figure(2.0, bad).kept() == (2.0, 1)


def test_what_was_kept_is_believed_less_than_what_is_measured_now() -> None:
    again = Figure.recalled(figure(*[3.00004] * KEPT).kept())
    assert (again.value, again.count) == (3.0, RECALLED)
    for _ in range(RECALLED):
        again.add(6.0)
    assert again.value == 6.0


def test_outliers_move_it_little() -> None:
    chance = random.Random(1)
    noisy = [chance.uniform(0.9, 1.1) for _ in range(12)]
    assert figure(*noisy, 1000.0, 0.001, 500.0).value == pytest.approx(1.0, abs=0.1)


def test_a_figure_that_doubles_is_found_out_within_seven_samples() -> None:
    made = figure(*[1.0] * 100)
    needed = 0
    while made.value < 2.0:
        made.add(2.0)
        needed += 1
    assert 3 <= needed <= 7


def by_definition(samples: list[float]) -> float:
    """The smallest with which half of the weight is reached; a sample weighs FADING of the one after it."""
    weighed = sorted((sample, FADING**age) for age, sample in enumerate(reversed(samples[-KEPT:])))
    half = sum(weight for _, weight in weighed) / 2
    reached = 0.0
    for sample, weight in weighed:
        reached += weight
        if reached >= half:
            return sample
    raise AssertionError(weighed)


@pytest.mark.parametrize("seed", range(5))
def test_one_more_sample_gives_what_sorting_all_of_them_gives(seed: int) -> None:
    chance, figure, samples = random.Random(seed), Figure(), list[float]()
    for _ in range(2_000):
        if samples and chance.random() < 0.1:
            figure.fade()
            samples = samples[-KEPT:][1:]
        else:
            samples.append(chance.choice([chance.lognormvariate(0, 1), float(chance.randrange(1, 4))]))
            figure.add(samples[-1])
        assert figure.count == min(len(samples), KEPT)
        assert figure.value == (by_definition(samples) if samples else 0.0)
