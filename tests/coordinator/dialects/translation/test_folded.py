"""Which fields of an OpenAI call are set or dropped where Ollama's are folded into it."""

from typing import Any

import msgspec
import pytest

from coordinator.dialects.body import decode_any, replaced
from coordinator.dialects.translation.folded_fields import folded

CHAT = "/v1/chat/completions"
MESSAGES = '"messages": [{"role": "user", "content": "caf\\u00e9"}]'


def test_nothing_else_is_touched() -> None:
    """Numbers keep their spelling, strings their escapes, fields their order."""
    body = f'{{"seed": 1e0, {MESSAGES}, "options": {{"top_k": 4, "seed": 1}}, "x": 1.50, "keep_alive": "5m"}}'
    values, drop = folded(CHAT, decode_any(body.encode()))
    assert (values, drop) == ({"top_k": 4}, ("keep_alive", "options"))
    made = replaced(body.encode(), values, drop)
    fields = msgspec.json.decode(made, type=dict[str, msgspec.Raw])
    assert list(fields) == ["seed", "messages", "x", "top_k"]
    assert (bytes(fields["seed"]), bytes(fields["x"])) == (b"1e0", b"1.50")
    assert b"caf\\u00e9" in made


@pytest.mark.parametrize(
    ("body", "values", "drop"),
    [
        ({"keep_alive": 0}, {}, ("keep_alive",)),
        ({"options": {}, "fallback_models": ["x"]}, {}, ("fallback_models", "options")),
        ({"max_tokens": None, "options": {"num_predict": 5}}, {"max_tokens": 5}, ("options",)),
        (
            {"max_completion_tokens": 5, "keep_alive": 1},
            {"max_tokens": 5},
            ("keep_alive", "max_completion_tokens"),
        ),
    ],
)
def test_what_is_set_and_dropped(body: dict[str, Any], values: dict[str, Any], drop: tuple[str, ...]) -> None:
    assert folded(CHAT, body) == (values, drop)


def test_objects_are_joined_however_deep() -> None:
    body = {"deep": {"a": {"x": 1}}, "options": {"deep": {"a": {"y": 2}}}}
    values, drop = folded(CHAT, body)
    assert (values, drop) == ({"deep": {"a": {"x": 1, "y": 2}}}, ("options",))
    assert body["deep"] == {"a": {"x": 1}}, "the caller's own is never changed"


def test_an_embedding_has_no_use_for_most_options() -> None:
    body = {"input": "a", "options": {"seed": 1, "num_ctx": 64}, "keep_alive": "1h"}
    assert folded("/v1/embeddings", body, 4096) == ({}, ("keep_alive", "options"))
