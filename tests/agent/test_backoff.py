"""How long to wait before a process that ended is started again."""

import pytest

from agent.backoff import FORGOTTEN_AFTER_S, LONGEST_S, wait_before_start


@pytest.mark.parametrize(
    ("exits", "expected"),
    [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 32), (8, 60), (9, 60), (1_000, 60)],
)
def test_each_exit_doubles_the_wait_up_to_the_longest(exits: int, expected: float) -> None:
    assert wait_before_start([100.0] * exits, 100.0) == expected


def test_an_exit_long_ago_says_nothing() -> None:
    assert wait_before_start([0.0, 0.0, 0.0, 500.0], 500.0) == 0.0
    assert wait_before_start([0.0, FORGOTTEN_AFTER_S - 0.1], FORGOTTEN_AFTER_S - 0.1) == 1.0
    assert wait_before_start([0.0, FORGOTTEN_AFTER_S], FORGOTTEN_AFTER_S) == 0.0


def waits_of_a_process_that_ends_after(lives_s: float, starts: int) -> list[float]:
    """What a supervisor does with one that never lives longer."""
    now, exits, waits = 0.0, list[float](), list[float]()
    for _ in range(starts):
        now += lives_s
        exits = [*exits, now][-16:]  # as many as a supervisor remembers
        waits.append(wait_before_start(exits, now))
        now += waits[-1]
    return waits


@pytest.mark.parametrize("lives_s", [0.0, 1.0, 60.0])
def test_while_exits_keep_coming_the_wait_never_falls_back(lives_s: float) -> None:
    """60 s: an engine that ends just before it would be ready."""
    waits = waits_of_a_process_that_ends_after(lives_s, starts=30)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
