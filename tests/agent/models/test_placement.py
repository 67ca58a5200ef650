"""Where a model goes: tables of cards, and what holds whatever the cards are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.estimate import CONTEXT_BYTES, Need
from agent.models.placement import (
    Card,
    Placement,
    Refusal,
    Ways,
    cards_of,
    place,
    place_evenly,
    place_part,
    room,
)
from shared.wire import Gpu

GIB = 2**30
EITHER, CARDS_ONLY, ONE_ONLY = Ways(), Ways(host=False), Ways(several=False, host=False)


def need(gib: float, layers: int = 30) -> Need:
    """So much on one GPU, of which one GiB is overhead; an input of one GiB."""
    each = int((gib - 1) * GIB / layers)
    return Need((each,) * layers, 0, GIB, GIB)


def card(index: int, total: float, free: float | None = None, **told: object) -> Card:
    size = int(total * GIB)
    there = size if free is None else int(free * GIB)
    return Card(index, f"GPU-{index}", size, there, **told)  # type: ignore[arg-type]


def placed(wanted: Need, *cards: Card, ways: Ways = EITHER, host: float = 64, cap: float = 0.8) -> Placement:
    found = place(wanted, cards, int(host * GIB), ways, cap)
    assert isinstance(found, Placement), found
    return found


def refused(wanted: Need, *cards: Card, ways: Ways = EITHER, host: float = 64) -> str:
    found = place(wanted, cards, int(host * GIB), ways)
    assert isinstance(found, Refusal), found
    return found.reason


@pytest.mark.parametrize(
    ("given_card", "gib"),
    [
        (card(0, 24), 19.2),
        (card(0, 24, 14), 9.2),
        (card(0, 24, 4), 0),
        (card(0, 24, quarantined=True), 0),
    ],
)
def test_room_under_the_cap(given_card: Card, gib: float) -> None:
    assert room(given_card, 0.8) == int(gib * GIB)


def test_it_goes_where_least_is_left() -> None:
    found = placed(need(10), card(0, 80), card(1, 24), card(2, 16), card(3, 24, 15))
    assert [each.index for each in found.cards] == [3]
    assert (found.gpu_layers, found.whole, found.split, found.host_bytes) == (31, True, (), GIB)
    assert sum(found.gpu_bytes) == need(10).on_one_gpu


def test_of_equals_it_is_the_first() -> None:
    assert placed(need(10), card(1, 24), card(0, 24)).cards[0].index == 0


def test_a_quarantined_card_takes_nothing() -> None:
    found = placed(need(10), card(0, 24, quarantined=True), card(1, 80))
    assert [each.index for each in found.cards] == [1]


def test_several_cards_share_by_their_room() -> None:
    found = placed(need(31), card(0, 24), card(1, 48, 34), card(2, 8))
    assert [each.index for each in found.cards] == [1, 0]
    assert (found.gpu_layers, found.whole) == (31, True)
    big, small = found.split
    assert big / small == pytest.approx((24.4 - 1) / (19.2 - 1), rel=1e-6)
    assert sum(found.gpu_bytes) == need(31).on_one_gpu + GIB


def test_as_few_cards_as_do() -> None:
    cards = [card(index, 24) for index in range(8)]
    assert len(placed(need(30), *cards).cards) == 2
    assert len(placed(need(50), *cards).cards) == 3


def test_makers_never_work_together() -> None:
    mixed = [card(0, 24), card(0, 24, maker="amd")]
    found = placed(need(30), *mixed, card(1, 24, maker="amd"))
    assert [(each.maker, each.index) for each in found.cards] == [("amd", 0), ("amd", 1)]
    assert "needs 30.0 GiB" in refused(need(30), *mixed, ways=CARDS_ONLY)


def test_what_is_too_large_goes_in_part() -> None:
    found = placed(need(31), card(0, 24), ways=Ways(several=False))
    # 0.8 x 24 - 2 GiB = 17.2 GiB, a layer is one
    assert (found.gpu_layers, found.whole) == (17, False)
    assert found.gpu_bytes == (18 * GIB,)
    assert found.host_bytes == (13 + 1) * GIB


def test_on_no_card_at_all() -> None:
    for cards in ((), (card(0, 2),), (card(0, 80, quarantined=True),)):
        found = placed(need(10), *cards)
        assert (found.cards, found.gpu_layers) == ((), 0)
        assert found.host_bytes == need(10).on_one_gpu + GIB - CONTEXT_BYTES  # no driver takes any there
        assert found.environment() == {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}


def test_a_refusal_names_the_nearest_miss() -> None:
    cards = [card(0, 24, quarantined=True), card(1, 20, 18), card(2, 8)]
    told = "needs 18.2 GiB, best free 14.0 GiB on GPU 1"
    assert refused(need(18.2), *cards[1:], ways=ONE_ONLY) == told
    assert refused(need(18.2), *cards, ways=ONE_ONLY) == f"{told}; GPU 0 is quarantined"
    assert (
        refused(need(18.2), *cards[1:], ways=Ways(several=False), host=4)
        == f"{told}; needs 6.7 GiB of the host's memory, free 3.2 GiB"
    )
    assert refused(need(18.2), host=4) == "needs 18.8 GiB of the host's memory, free 3.2 GiB"


def test_environment() -> None:
    assert placed(need(30), card(0, 24), card(1, 24)).environment() == {
        "CUDA_VISIBLE_DEVICES": "GPU-0,GPU-1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    unnamed = Card(3, "", 24 * GIB, 24 * GIB)
    assert placed(need(10), unnamed).environment()["CUDA_VISIBLE_DEVICES"] == "3"
    amd = Card(2, "f0a1", 24 * GIB, 24 * GIB, "amd")
    assert placed(need(10), amd).environment() == {"HIP_VISIBLE_DEVICES": "2"}


def test_cards_of_a_reading() -> None:
    gpus = [
        Gpu(index=0, uuid="GPU-a", name="NVIDIA X", vram_total_bytes=9, vram_free_bytes=8),
        Gpu(index=1, name="NVIDIA X", vram_total_bytes=9, vram_free_bytes=8),
        Gpu(index=0, uuid="f0a1", name="Radeon", vram_total_bytes=9, vram_free_bytes=8),
        Gpu(index=1, uuid="0000:03", name="AMD APU"),
    ]
    assert cards_of(gpus, {"f0a1"}) == (
        Card(0, "GPU-a", 9, 8),
        Card(1, "", 9, 8),
        Card(0, "f0a1", 9, 8, "amd", quarantined=True),
    )


cards_strategy = st.lists(
    st.builds(
        lambda index, total, part, maker, bad: card(index, total, total * part, maker=maker, quarantined=bad),
        st.integers(0, 7),
        st.floats(1, 192),
        st.floats(0, 1),
        st.sampled_from(["nvidia", "amd"]),
        st.booleans(),
    ),
    max_size=6,
)
needs = st.builds(
    Need,
    st.lists(st.integers(1, 4 * GIB), min_size=1, max_size=80).map(tuple),
    st.integers(0, 2 * GIB),
    st.integers(0, 2 * GIB),
    st.integers(0, 3 * GIB),
)


@settings(max_examples=300, deadline=None)
@given(
    needs,
    cards_strategy,
    st.integers(0, 256),
    st.builds(Ways, st.booleans(), st.booleans()),
    st.floats(0.1, 1),
)
def test_whatever_is_placed_fits(wanted: Need, cards: list[Card], host: int, ways: Ways, cap: float) -> None:
    found = place(wanted, cards, host * GIB, ways, cap)
    if isinstance(found, Refusal):
        assert "needs" in found.reason
        return
    it_fits(found, wanted, host, cap)
    assert len(found.cards) <= 1 or ways.several
    assert found.whole or ways.host or not cards


@settings(max_examples=300, deadline=None)
@given(
    needs,
    cards_strategy,
    st.integers(0, 256),
    st.builds(Ways, st.booleans()),
    st.floats(0.1, 1),
    st.integers(0, 12),
)
def test_whatever_is_placed_otherwise_fits_too(
    wanted: Need, cards: list[Card], host: int, ways: Ways, cap: float, heads: int
) -> None:
    part = place_part(wanted, cards, host * GIB, ways, cap)
    if isinstance(part, Placement):
        it_fits(part, wanted, host, cap)
        assert part.gpu_layers < max(2, len(wanted.layer_bytes))
        assert len(part.cards) <= 1 or ways.several
    even = place_evenly(wanted, cards, host * GIB, heads, cap)
    if isinstance(even, Placement):
        it_fits(even, wanted, host, cap)
        assert even.whole
        assert len(set(even.gpu_bytes)) == 1
        assert len(even.cards) == 1 or heads % len(even.cards) == 0


def it_fits(found: Placement, wanted: Need, host: int, cap: float) -> None:
    assert len({each.maker for each in found.cards}) <= 1
    assert found.host_bytes <= host * GIB * cap
    for each, size in zip(found.cards, found.gpu_bytes, strict=True):
        assert not each.quarantined
        assert size <= room(each, cap)
    everything = sum(wanted.layer_bytes) + wanted.output_bytes + wanted.input_bytes
    assert sum(found.gpu_bytes) + found.host_bytes >= everything
