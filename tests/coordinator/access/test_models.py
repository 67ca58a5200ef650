"""Which models a key may ask for."""

import pytest

from coordinator.access.models import askable, check_models, may_ask
from coordinator.access.principal import Principal
from shared.errors import Forbidden
from shared.names import normalise


def key(*models: str) -> Principal:
    return Principal("key", "guest", frozenset({"infer"}), models)


@pytest.mark.parametrize(
    ("allowed", "asked", "may"),
    [
        ("llama3.2", "llama3.2", True),
        ("llama3.2", "llama3.2:latest", True),
        ("llama3.2:latest", "llama3.2", True),
        ("llama3.2", "llama3.2:1b", False),
        ("qwen3*", "qwen3:8b", True),
        ("qwen3*", "qwen3-coder", True),
        ("qwen3*", "hf.co/qwen3", False),
        ("hf.co/*", "hf.co/u/m:Q4", True),
        ("*", "anything", True),
        ("llama", "LLAMA", False),
    ],
)
def test_by_name_or_pattern(allowed: str, asked: str, may: bool) -> None:
    assert may_ask(key("other", allowed), asked) is may


def test_a_key_for_no_models_has_none_and_one_without_a_list_has_all() -> None:
    assert not may_ask(key(), "m")
    assert may_ask(Principal("key", "k", frozenset()), "m")


def test_a_fallback_has_to_be_allowed_too() -> None:
    check_models(key("a", "b"), "a", "b")
    with pytest.raises(Forbidden, match='the key "guest" may not ask for model "c"'):
        check_models(key("a", "b"), "a", "c")


def test_a_list_holds_what_may_be_asked_for() -> None:
    entries = {normalise(name): name for name in ("a", "b", "c")}
    assert askable(key("a", "c"), entries) == ["a", "c"]
