"""Which call a body is."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from coordinator.explain.asked import dialect_of, operation_of
from shared.errors import CallerFault

NAMES = ["ollama", "openai"]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]


def raw(fields: dict[str, Any]) -> dict[str, Raw]:
    """As they come in a body."""
    return {name: Raw(msgspec.json.encode(value)) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("fields", "operation"),
    [
        ({"messages": []}, "chat"),
        ({"messages": [], "prompt": "x"}, "chat"),
        ({"prompt": ""}, "generate"),
        ({"input": ["x"]}, "embed"),
    ],
)
def test_the_operation_by_its_fields(fields: dict[str, Any], operation: str) -> None:
    assert operation_of(fields) == operation


def test_what_is_named_wins() -> None:
    assert operation_of({"prompt": "x"}, "embed") == "embed"
    assert dialect_of(raw({"options": {}}), NAMES, "openai") == "openai"


def test_what_is_no_call_is_said() -> None:
    with pytest.raises(CallerFault, match="messages make it a chat"):
        operation_of({"model": "m"})
    with pytest.raises(CallerFault, match="operation is one of chat"):
        operation_of({"messages": []}, "sing")
    with pytest.raises(CallerFault, match="dialect is one of ollama, openai"):
        dialect_of({}, NAMES, "latin")


@pytest.mark.parametrize(
    ("fields", "dialect"),
    [
        ({"messages": [{"content": "hello"}]}, "ollama"),
        ({"options": {"num_ctx": 4096}, "stop": "x"}, "ollama"),
        ({"messages": [], "max_tokens": 9}, "openai"),
        ({"messages": PARTS}, "openai"),
        ({"messages": PARTS, "keep_alive": 0}, "ollama"),
        ({"messages": "no list"}, "ollama"),
        ({"messages": [1, None]}, "ollama"),
        ({"messages": [{"content": None}]}, "ollama"),
    ],
)
def test_the_dialect_by_its_fields(fields: dict[str, Any], dialect: str) -> None:
    assert dialect_of(raw(fields), NAMES) == dialect
