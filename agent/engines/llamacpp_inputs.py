"""Inputs of embeddings that llama.cpp would find too long, shortened as Ollama does it.

llama.cpp knows no field `truncate`, but takes tokens in place of a text (ran: xllamacpp 2026.10.11549): POST /tokenize
{content, add_special, parse_special} -> {tokens}.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Raw

PATH = "/v1/embeddings"
LARGEST_BATCH = 2048
"""Tokens in one physical batch, as the worker sets it: an embedding's input must fit into it."""
SPECIAL_TOKENS = 8
"""At most so many are put around a text, which else has no more tokens than bytes."""

Tokenize = Callable[[str, bool], Awaitable[list[int]]]
"""A text's tokens, with or without the special ones around it."""


class _Asked(msgspec.Struct):
    truncate: bool | None = None
    input: Any = None


def largest_input(context_length: int, slots: int) -> int:
    """Tokens of one input. `context_length`: of each slot."""
    return min(context_length, LARGEST_BATCH // slots * slots)


async def fitted(body: bytes, limit: int, tokenize: Tokenize) -> bytes:
    """The body with every text of more than `limit` tokens cut to them, where it says `truncate: true`."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # llama.cpp shall find fault with it itself
    texts = asked.input if isinstance(asked.input, list) else [asked.input]
    if not asked.truncate or not any(_may_be_longer(text, limit) for text in texts):
        return body
    inputs = [await _cut(text, limit, tokenize) if _may_be_longer(text, limit) else text for text in texts]
    if inputs == texts:
        return body
    fields: dict[str, Any] = dict(msgspec.json.decode(body, type=dict[str, Raw]))
    return msgspec.json.encode(fields | {"input": inputs})


def _may_be_longer(text: Any, limit: int) -> bool:
    return isinstance(text, str) and len(text.encode("utf-8", "replace")) + SPECIAL_TOKENS > limit


async def _cut(text: str, limit: int, tokenize: Tokenize) -> str | list[int]:
    whole = await tokenize(text, True)
    return text if len(whole) <= limit else without_middle(whole, await tokenize(text, False), limit)


def without_middle(whole: list[int], plain: list[int], limit: int) -> list[int]:
    """The first `limit` tokens, special ones counted and kept. `whole`: `plain` with them around it."""
    around = len(whole) - len(plain)
    before = next((n for n in range(around + 1) if whole[n : n + len(plain)] == plain), around)
    after = whole[before + len(plain) :]
    kept = max(0, limit - before - len(after))
    return whole[:before] + plain[:kept] + after
