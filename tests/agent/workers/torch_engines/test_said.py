"""Text of tokens that come one by one: bytes stand in for tokens here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.workers.torch_engines.said import MOST_HELD, Said


def decode(tokens: list[int]) -> str:
    return bytes(tokens).decode("utf-8", "replace")


def told(data: bytes, *stops: str) -> list[str]:
    said = Said(decode, stops)
    parts = []
    for byte in data:
        parts.append(said.add(byte))
        if said.stopped:
            return parts
    return [*parts, said.rest()]


def test_only_whole_characters_are_passed_on() -> None:
    assert told("aé€".encode()) == ["a", "", "é", "", "", "€", ""]


@given(st.text(max_size=40))
def test_all_of_a_text_comes_and_nothing_else(text: str) -> None:
    assert "".join(told(text.encode())) == text


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=4))
def test_it_ends_before_the_first_stop(text: str, stops: list[str]) -> None:
    """That which is complete first; what came with its last letter is looked through from the left."""
    ends = [at + len(stop) for stop in stops if (at := text.find(stop)) >= 0]
    expected = text
    if ends:
        seen = text[: min(ends)]
        expected = seen[: min(at for stop in stops if (at := seen.find(stop)) >= 0)]
    assert "".join(told(text.encode(), *stops)) == expected


def test_what_may_be_a_stop_is_held_until_it_is_none() -> None:
    assert told(b"xENx", "END") == ["x", "", "", "ENx", ""]
    assert told(b"xEND", "END") == ["x", "", "", ""]


def test_what_is_no_character_does_not_hold_the_rest_back_for_ever() -> None:
    parts = told(b"\x80" * 20)
    assert "".join(parts) == "\ufffd" * 20
    assert parts[MOST_HELD - 1] != ""


@pytest.mark.parametrize("space", ["", " "])
def test_what_stands_before_decides_how_a_token_is_written(space: str) -> None:
    """As with words that are joined by spaces."""
    said = Said(lambda tokens: space.join(f"w{each}" for each in tokens))
    assert "".join(said.add(number) for number in range(20)) == space.join(f"w{each}" for each in range(20))
