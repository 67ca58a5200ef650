"""Bodies that are nearly right: an answer or the caller's fault, never a fault of ours."""

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from coordinator.dialects.translation import ollama_request, openai_request
from shared.errors import CallerFault
from tests.coordinator.dialects.translation import ollama_cases, openai_cases

MAKE: dict[str, Any] = {
    "/api/chat": ollama_request.chat,
    "/api/generate": ollama_request.generate,
    "/api/embed": ollama_request.embed,
    "/api/embeddings": ollama_request.embeddings,
    "/v1/chat/completions": openai_request.chat,
    "/v1/completions": openai_request.completions,
    "/v1/embeddings": openai_request.embeddings,
}
BODIES = [
    (cases.WHOLE[table].path, cases.WHOLE[table].body(case.given))
    for cases in (ollama_cases, openai_cases)
    for table, fields in cases.CASES.items()
    for case in (each for all_of in fields.values() for each in all_of)
]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 10**30, 1e300, "", "x", "\ufffd", [], [None], [[]], ["x", 1]),
    *({}, {"type": "text"}, {"function": None}, {"": {"": []}}),
]
"""None of them has a meaning everywhere."""


def _spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from _spots(inner, (*path, key))


def _with(body: Any, spot: tuple[Any, ...], value: Any) -> Any:
    changed = msgspec.json.decode(msgspec.json.encode(body))
    container = changed
    for key in spot[:-1]:
        container = container[key]
    container[spot[-1]] = value
    return changed


@pytest.mark.parametrize("path", MAKE)
def test_one_odd_value_anywhere(path: str) -> None:
    refused, made = set(), 0
    for body in [body for of, body in BODIES if of == path]:
        for spot, value in itertools.product(_spots(body), ODD):
            try:
                where, request = MAKE[path](_with(body, spot, value), "m")
            except CallerFault as fault:
                refused.add(str(fault))
                continue
            assert where.startswith("/v1/" if path.startswith("/api/") else "/api/")
            assert request["model"] == "m"
            assert msgspec.json.encode(request)
            made += 1
    assert made > 100
    assert len(refused) > 1
    assert all(refused), "a refusal without a word"
