"""One spelling of a model name, near names, and request ids that may travel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.names import acceptable_call_id, near, normalise


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("llama3.2:3b", "llama3.2:3b"),
        (" llama3.2 ", "llama3.2:latest"),
        ("library/llama3.2", "library/llama3.2:latest"),
        ("hf.co/user/model:Q4_K_M", "hf.co/user/model:Q4_K_M"),
        ("registry:5000/model", "registry:5000/model:latest"),
        ("registry:5000/model:1b", "registry:5000/model:1b"),
        ("Llama3.2", "Llama3.2:latest"),
    ],
)
def test_normalise(name: str, expected: str) -> None:
    assert normalise(name) == expected


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise(name)
    assert normalise(once) == once
    assert ":" in once


def test_near_names_come_best_first() -> None:
    known = ["llama3.1:latest", "llama3.2:latest", "qwen3:8b", "llama3.2:1b"]
    assert near("llama3.2:latst", known)[0] == "llama3.2:latest"
    assert near("llama3.2:latst", known, most=1) == ["llama3.2:latest"]
    assert near("something-else-entirely", known) == []
    assert near("x", []) == []


@pytest.mark.parametrize("text", ["a", "A-1_b.c", "x" * 128])
def test_a_request_id_of_the_caller_is_kept(text: str) -> None:
    assert acceptable_call_id(text) == text


@pytest.mark.parametrize("text", [None, "", "x" * 129, "a b", "a\n", "a\r\nX: y", "ä", 'a"'])
def test_a_request_id_that_could_do_harm_is_not(text: str | None) -> None:
    assert acceptable_call_id(text) is None


def test_what_is_too_long_for_a_name_is_near_to_none() -> None:
    assert near("x" * 10_000_000, ["x"]) == []
