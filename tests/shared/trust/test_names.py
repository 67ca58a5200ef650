"""Names in certificates: there and back, in one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.trust.names import coordinator_name, coordinator_of, node_name, node_of

IDS = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() and text.strip() == text)


@given(IDS)
def test_a_name_says_the_id_it_was_made_of(spoken: str) -> None:
    assert node_of(node_name(spoken)) == spoken
    assert coordinator_of(coordinator_name(spoken)) == spoken
    assert node_name(spoken).isascii()


@given(IDS)
def test_a_node_is_no_coordinator(spoken: str) -> None:
    assert coordinator_of(node_name(spoken)) is None
    assert node_of(coordinator_name(spoken)) is None


@given(st.text(max_size=40))
def test_any_text_is_one_spelling_or_none(text: str) -> None:
    for prefix in ("herd-node:", "herd:", ""):
        found = node_of(prefix + text)
        assert found is None or node_name(found) == prefix + text


ODD = ["", " mini", "mini ", "mi\nni", "mi\x00ni", "m" * 256, "\N{PILE OF POO}" * 100]


@pytest.mark.parametrize("odd", ODD, ids=[str(at) for at in range(len(ODD))])
def test_an_odd_id_has_no_name(odd: str) -> None:
    with pytest.raises(ValueError, match="id"):
        node_name(odd)


@pytest.mark.parametrize(
    "odd",
    ["herd-node:%6dini", "herd-node:%ff", "herd-node:", "HERD-NODE:mini", "herd-node:a/b", "herd-node:%2"],
)
def test_another_spelling_is_nobodys(odd: str) -> None:
    assert node_of(odd) is None
