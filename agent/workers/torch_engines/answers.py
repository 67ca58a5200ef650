"""OpenAI's answers, whole and as events. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

DONE = b"data: [DONE]\n\n"


class Head(NamedTuple):
    """What all parts of one answer have in common. `created` in seconds since the epoch."""

    chat: bool
    key: str
    created: int
    model: str


class Usage(NamedTuple):
    """Tokens."""

    prompt: int
    completion: int


def whole(head: Head, text: str, why: str, usage: Usage) -> dict[str, Any]:
    """The answer in one piece. `why` it ended: stop, length."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": why, "logprobs": None}
    choice |= {"message": {"role": "assistant", "content": text}} if head.chat else {"text": text}
    kind = "chat.completion" if head.chat else "text_completion"
    return {**_head(head, kind), "choices": [choice], "usage": _usage(usage)}


def piece(head: Head, text: str, *, first: bool) -> bytes:
    """One event of a stream. The first of a chat tells the role."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": None}
    if head.chat:
        choice["delta"] = {"role": "assistant", "content": text} if first else {"content": text}
    else:
        choice["text"] = text
    return _event(head, [choice])


def last(head: Head, why: str, usage: Usage | None) -> bytes:
    """The events that end a stream; with `usage`, where the caller asked for it."""
    nothing: dict[str, Any] = {"delta": {}} if head.chat else {"text": ""}
    ended = {"index": 0, "finish_reason": why, **nothing}
    counted = b"" if usage is None else _event(head, [], _usage(usage))
    return _event(head, [ended]) + counted + DONE


def error(text: str, status: int, code: str | None = None) -> dict[str, Any]:
    """An error's body."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}


def models(name: str, context: int, abilities: list[str], owner: str) -> dict[str, Any]:
    """The list of the one model; `max_model_len` as vLLM tells it."""
    one = {"id": name, "object": "model", "created": 0, "owned_by": owner}
    return {"object": "list", "data": [one | {"max_model_len": context, "abilities": abilities}]}


def _head(head: Head, kind: str) -> dict[str, Any]:
    return {"id": head.key, "object": kind, "created": head.created, "model": head.model}


def _usage(usage: Usage) -> dict[str, int]:
    total = usage.prompt + usage.completion
    counts = {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion}
    return counts | {"total_tokens": total}


def _event(head: Head, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
    kind = "chat.completion.chunk" if head.chat else "text_completion"
    told = {**_head(head, kind), "choices": choices}
    if usage is not None:
        told["usage"] = usage
    return b"data: " + json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"
