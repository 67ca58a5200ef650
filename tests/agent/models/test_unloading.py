"""Who goes, so that another has its place."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.placement import Card, Refusal, Ways
from agent.models.unloading import HALF_LIFE_S, Loaded, Plan, plan, value
from tests.agent.models.test_placement import CARDS_ONLY, GIB, card, need

NOW = 10_000.0


def loaded(
    name: str, gib: Mapping[int, float], idle_s: float = 0.0, load_s: float = 10.0, **told: bool
) -> Loaded:
    sizes = {f"GPU-{index}": int(size * GIB) for index, size in gib.items()}
    return Loaded(name, sizes, 0, NOW - idle_s, load_s, **told)


def planned(gib: float, cards: list[Card], *there: Loaded, ways: Ways = CARDS_ONLY) -> Plan:
    found = plan(need(gib), cards, 64 * GIB, there, NOW, ways)
    assert isinstance(found, Plan), found
    return found


@pytest.mark.parametrize(
    ("idle_s", "load_s", "expected"),
    [(0, 10, 10), (HALF_LIFE_S, 10, 5), (-50, 10, 10), (10 * HALF_LIFE_S, 10_240, 10), (1e9, 10, 0)],
)
def test_value(idle_s: float, load_s: float, expected: float) -> None:
    assert value(loaded("m", {}, idle_s, load_s), NOW) == pytest.approx(expected)


def test_nobody_goes_where_there_is_room() -> None:
    assert planned(5, [card(0, 24, 14)], loaded("a", {0: 10}, 9_000)).unload == ()


def test_the_least_valuable_goes() -> None:
    full = [card(0, 24, 4)]
    there = loaded("recent", {0: 10}, 10), loaded("old", {0: 10}, 5_000)
    assert planned(8, full, *there).unload == ("old",)
    dear = loaded("dear", {0: 10}, 600, load_s=100), loaded("cheap", {0: 10}, 10, load_s=2)
    assert planned(8, full, *dear).unload == ("cheap",)


def test_pinned_and_busy_models_stay() -> None:
    full = [card(0, 24, 4)]
    there = (
        loaded("pinned", {0: 10}, 9_000, pinned=True),
        loaded("busy", {0: 10}, 9_000, busy=True),
    )
    found = plan(need(8), full, 64 * GIB, there, NOW, CARDS_ONLY)
    assert found == Refusal("needs 8.0 GiB, best free 0 MiB on GPU 0", need(8).on_one_gpu)


def test_who_is_not_in_the_way_stays() -> None:
    """The least valuable is on a card that is too small anyway."""
    cards = [card(0, 8, 0), card(1, 24, 4)]
    there = loaded("small", {0: 8}, 9_000), loaded("large", {1: 20}, 100)
    assert planned(15, cards, *there).unload == ("large",)


def test_nobody_goes_in_vain() -> None:
    found = plan(need(40), [card(0, 24, 4)], 64 * GIB, [loaded("a", {0: 20})], NOW, CARDS_ONLY)
    assert isinstance(found, Refusal)


def test_a_model_in_part_is_worse_than_one_that_is_unloaded() -> None:
    found = planned(15, [card(0, 24, 14)], loaded("a", {0: 10}, 100), ways=Ways())
    assert (found.unload, found.placement.whole) == (("a",), True)


def test_the_hosts_memory_is_freed_too() -> None:
    there = Loaded("a", {}, 40 * GIB, NOW, 1)
    found = plan(need(30), [], 10 * GIB, [there], NOW, Ways())
    assert isinstance(found, Plan)
    assert found.unload == ("a",)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.5, 20), st.floats(0, 5_000), st.floats(0, 100), st.booleans()), max_size=6
    ),
    st.floats(2, 60),
)
def test_each_that_goes_had_to(sizes: list[tuple[float, float, float, bool]], gib: float) -> None:
    there = [
        loaded(str(index), {0: size}, idle, load_s, pinned=pinned)
        for index, (size, idle, load_s, pinned) in enumerate(sizes)
    ]
    cards = [card(0, 80, max(0.0, 80 - sum(size for size, *_ in sizes)))]
    found = plan(need(gib), cards, 64 * GIB, there, NOW, CARDS_ONLY)
    if isinstance(found, Refusal):
        return
    assert not [each for each in there if each.pinned and each.name in found.unload]
    for spared in found.unload:
        stay = [msg for msg in there if msg.name == spared or msg.name not in found.unload]
        less = plan(need(gib), cards, 64 * GIB, [each for each in there if each not in stay], NOW, CARDS_ONLY)
        assert isinstance(less, Refusal)
