"""Samples in order of their size, the oldest gone: the same as sorting them anew."""

import random

from coordinator.core.newest import Newest

MOST = 7


def test_they_are_the_newest_in_order() -> None:
    chance = random.Random(1)
    samples = [float(chance.randrange(20)) for _ in range(500)]
    newest = Newest(MOST)
    for at, sample in enumerate(samples, start=1):
        newest.add(sample)
        assert newest.ordered == sorted(samples[max(0, at - MOST) : at])
        assert len(newest) == min(at, MOST)
