"""How long to wait before a process that ended is started again."""

import pytest

from agent.backoff import (
    FORGOTTEN_AFTER_S,
    LONGEST_S,
    MOST_EXITS,
    QUARANTINE_S,
    Restarts,
    wait_before_start,
)


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


def after(exits_at: list[float], lived_s: float = 0.0) -> Restarts:
    restarts = Restarts()
    for at in exits_at:
        restarts = restarts.after_exit(lived_s, at)
    return restarts


def test_five_exits_in_five_minutes_are_quarantine() -> None:
    assert not after([0.0, 70.0, 140.0, 210.0]).quarantined
    assert after([0.0, 70.0, 140.0, 210.0, 280.0]).quarantined
    assert not after([0.0, 80.0, 160.0, 240.0, 320.0]).quarantined
    assert after([0.0] * MOST_EXITS).wait_s(0.0) == QUARANTINE_S


def test_one_that_is_quarantined_stays_so_until_it_has_lived_for_a_while() -> None:
    restarts = after([0.0] * MOST_EXITS)
    again = restarts.after_exit(5.0, 1000.0)
    assert again.quarantined
    assert again.wait_s(1000.0) == QUARANTINE_S
    assert not again.after_exit(FORGOTTEN_AFTER_S, 2000.0).quarantined


def test_a_hopeless_one_is_quarantined_by_its_first_exit() -> None:
    restarts = Restarts().after_exit(0.1, 5.0, hopeless=True)
    assert restarts.wait_s(5.0, 60.0) == 60.0
    assert Restarts().after_exit(0.1, 5.0).wait_s(5.0) == 0.0
