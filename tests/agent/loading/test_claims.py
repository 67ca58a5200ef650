"""What is not free although the readings say so."""

from hypothesis import given
from hypothesis import strategies as st

from agent.loading.claims import Claim, Use, came_back, left, not_taken_yet
from tests.agent.models.test_placement import GIB, card

A, B = "GPU-0", "GPU-1"
CLAIM = Claim({A: 10, B: 4}, 6)


def test_what_is_there_is_no_longer_to_come() -> None:
    assert not_taken_yet(CLAIM, Use({}), loaded=False) == CLAIM
    assert not_taken_yet(CLAIM, Use({A: 7}, 5), loaded=False) == Claim({A: 3, B: 4}, 1)
    assert not_taken_yet(CLAIM, Use({A: 70, B: 4}, 50), loaded=True) == Claim({A: 0, B: 0}, 0)


def test_where_no_driver_tells_of_processes_it_is_all_there_once_it_is_loaded() -> None:
    assert not_taken_yet(CLAIM, Use(None, 6), loaded=False) == Claim({A: 10, B: 4}, 0)
    assert not_taken_yet(CLAIM, Use(None, 6), loaded=True) == Claim({}, 0)


def test_claims_are_taken_from_the_readings() -> None:
    cards, host = left(
        [card(0, 24), card(1, 24, 1)], 8 * GIB, [Claim({A: 4 * GIB}, GIB), Claim({B: 2 * GIB})]
    )
    assert [each.free_bytes for each in cards] == [20 * GIB, 0]
    assert host == 7 * GIB


sizes = st.integers(0, 2**40)


@given(sizes, st.lists(st.tuples(sizes, sizes, st.booleans(), st.booleans()), max_size=5), sizes)
def test_together_they_never_promise_more_than_there_is(
    host: int, loads: list[tuple[int, int, bool, bool]], more: int
) -> None:
    """Readings already lack what is in use: the rest of each claim is what may still come."""
    rests = [not_taken_yet(Claim({}, size), Use({}, use), loaded=done) for size, use, done, _ in loads]
    _, free = left([], host, rests)
    assert 0 <= free <= host
    _, fewer = left([], host, [*rests, Claim({}, more)])
    assert fewer == max(0, free - more)


def test_memory_has_come_back() -> None:
    before = {A: 100}
    assert came_back(before, {A: 100}, [], 0)
    assert came_back(before, {A: 95}, [], 5)
    assert not came_back(before, {A: 60}, [], 5)
    assert came_back(before, {A: 60}, [Claim({A: 40})], 0)
    assert came_back({}, {A: 0}, [], 0)
    assert not came_back(before, {}, [], 0)
