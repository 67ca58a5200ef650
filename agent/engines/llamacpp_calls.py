"""How a call is carried to llama.cpp so that it can be cancelled.

Its server does not notice that a caller has gone before it has something to write (llama.cpp#24496; ran: xllamacpp
2026.10.11549): a whole answer runs to its end, and the reading of a long prompt too. So every generation is asked for
as a stream with `return_progress`, whose extra events are dropped here, and a caller who wants a whole answer gets the
stream's pieces put together again.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from agent.engines.engine import GENERATIONS, Carriage, EngineError, decoded
from agent.engines.openai_streams import FRAME_LIMIT, EventsDropped
from shared.frames import data_of, events, split_events

CALLERS_FAULTS = (
    b"is too large to process",
    b"is not supported",
    b"Failed to parse tools",
    b"Failed to parse messages",
)
"""Texts of 500 answers that mean the call, not the engine."""

PROGRESS = "prompt_progress"
"""In the events that `return_progress` adds."""

ANSWER_LIMIT = 256 * 2**20
"""Bytes of the stream that is put together to one answer."""

_GROWING = frozenset({"content", "reasoning_content", "refusal", "arguments", "text"})
"""Strings that come in pieces; any other is sent once or repeated."""


def carriage(path: str, body: bytes) -> Carriage | None:
    """None where the call can go as it is, as one that llama.cpp shall find fault with itself."""
    if path not in GENERATIONS:
        return None
    try:
        fields = msgspec.json.decode(body, type=dict[str, Raw])
        streams = msgspec.json.decode(fields.get("stream", Raw(b"null")), type=bool | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if "return_progress" in fields:
        return None
    fields["return_progress"] = Raw(b"true")
    if streams:
        return EventsDropped(msgspec.json.encode(fields), PROGRESS)
    fields |= {"stream": Raw(b"true"), "stream_options": Raw(b'{"include_usage":true}')}
    return PutTogether(msgspec.json.encode(fields), chat=path.startswith("/v1/chat"))


def true_fault(status: int, body: bytes) -> tuple[int, bytes]:
    """llama.cpp answers 500 to some calls that are wrong themselves, and leaves `param` out of its errors.

    In the body `type` and `code` (to llama.cpp the status again) say what the status says; every other field is kept.
    """
    error = _error_in(body)
    if status == 500 and any(text in body for text in CALLERS_FAULTS):
        status, error = 400, error | {"type": "invalid_request_error"}
    if "message" not in error:
        return status, body
    kind = "server_error" if status >= 500 else "invalid_request_error"
    whole = {"message": None, "type": kind, "param": None} | error | {"code": status}
    return status, msgspec.json.encode({"error": whole})


def _error_in(body: bytes) -> dict[str, Any]:
    """Empty where the body has none that can be read."""
    try:
        error = msgspec.json.decode(body, type=dict[str, Any]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


class PutTogether:
    """A stream's pieces as the one answer that llama.cpp gives without streaming."""

    content_type: str | None = "application/json; charset=utf-8"

    def __init__(self, body: bytes, *, chat: bool) -> None:
        self.body = body
        self._chat = chat
        self._bytes = 0
        self._frames = events(FRAME_LIMIT)
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet. Raises EngineError where the answer grows past all reason."""
        self._bytes += len(chunk)
        if self._bytes > ANSWER_LIMIT:
            raise EngineError(f"the answer's stream is longer than {ANSWER_LIMIT} bytes")
        for data in _data(split_events(self._frames.feed(chunk))):
            self._add(data)
        return b""

    def finish(self) -> bytes:
        """The answer. Raises EngineError where the stream ended before every choice had."""
        if not self._choices or not all(choice.get("finish_reason") for choice in self._choices.values()):
            raise EngineError("the engine ended its answer before it was complete")
        choices = [self._finished(choice) for _, choice in sorted(self._choices.items())]
        kind = "chat.completion" if self._chat else "text_completion"
        return msgspec.json.encode({"choices": choices} | self._answer | {"object": kind})

    def _add(self, data: dict[str, Any]) -> None:
        if "error" in data:
            raise EngineError(str(data["error"]))
        for piece in data.pop("choices", []):
            merge(self._choices.setdefault(piece.get("index", 0), {}), piece)
        data.pop(PROGRESS, None)
        self._answer |= {name: value for name, value in data.items() if value is not None}

    def _finished(self, choice: dict[str, Any]) -> dict[str, Any]:
        message = choice.pop("delta", None)
        if not self._chat or message is None:
            return choice
        message["content"] = message.get("content") or ""
        for call in message.get("tool_calls", []):
            call.pop("index", None)
        return {**choice, "message": message}


def merge(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Adds a piece: growing strings are appended, lists joined (by `index` where their items have one)."""
    for name, value in piece.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, dict):
            if known is None:
                known = whole[name] = {}
            merge(known, value)
        elif isinstance(value, list):
            whole[name] = _joined(known or [], value)
        elif isinstance(value, str) and isinstance(known, str) and name in _GROWING:
            whole[name] = known + value
        else:
            whole[name] = value


def _joined(known: list[Any], more: list[Any]) -> list[Any]:
    for item in more:
        index = item.get("index") if isinstance(item, dict) else None
        same = next((each for each in known if index is not None and each.get("index") == index), None)
        if same is None:
            known.append(item)
        else:
            merge(same, item)
    return known


def _data(events_of: list[bytes]) -> Iterator[dict[str, Any]]:
    for event in events_of:
        text = data_of(event)
        if text and text != b"[DONE]":
            yield decoded(text, dict[str, Any], "the engine's stream")
