"""Streams of servers that nearly speak OpenAI's dialect, put right on the way."""

import re
from typing import Any

import msgspec
from msgspec import Raw

from agent.engines.engine import EngineError, ErrorAnswer, decoded
from shared.frames import data_of, events, split_events

FRAME_LIMIT = 2**20
"""Bytes of one event."""
ANSWER_LIMIT = 64 * 2**20
"""Bytes of an answer that is only passed on when it is complete."""
DONE = b"data: [DONE]\n\n"
SSE = "text/event-stream; charset=utf-8"
JSON = "application/json; charset=utf-8"

_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
"""A caller's words cannot look like it: inside a JSON string the quotes are escaped."""


class _Asked(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None


def streams(body: bytes) -> bool:
    """Whether the call asks for a stream. False for one that the engine shall find fault with itself."""
    return bool(_asked(body).stream)


def model_asked(body: bytes) -> str:
    """The model that a call names; empty where it names none, or is nonsense."""
    return _asked(body).model


def _asked(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Asked()


class DoneAdded:
    """A stream that ends without `[DONE]` gets one, but only where the answer had come to its end."""

    content_type: str | None = None

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._frames = events(FRAME_LIMIT)
        self._finished = self._ended = False

    def feed(self, chunk: bytes) -> bytes:
        """The events as they came."""
        whole = self._frames.feed(chunk)
        self._finished = self._finished or bool(_FINISHED.search(whole))
        return whole

    def finish(self) -> bytes:
        """What is missing, the first time; then nothing. Raises EngineError where the answer stopped before its end."""
        if self._ended:
            return b""
        self._ended = True
        rest = self._frames.rest()
        if rest.strip() and not rest.endswith(b"\n\n"):
            rest = rest.rstrip(b"\r\n") + b"\n\n"
        last = data_of(rest) if rest.strip() else data_of(self._frames.last)
        if last == b"[DONE]":
            return rest
        if not self._finished and not _FINISHED.search(rest):
            raise EngineError("the engine ended its stream before the answer was complete")
        return rest + DONE


class EventsDropped:
    """A stream without the events that have a field which no other server sends."""

    content_type: str | None = None

    def __init__(self, body: bytes, field: str) -> None:
        self.body = body
        self._field = field
        self._quoted = f'"{field}"'.encode()
        self._frames = events(FRAME_LIMIT)

    def feed(self, chunk: bytes) -> bytes:
        """The others."""
        whole = self._frames.feed(chunk)
        if self._quoted not in whole:
            return whole
        return b"".join(event + b"\n\n" for event in split_events(whole) if not self._is_extra(event))

    def finish(self) -> bytes:
        """What came without an end."""
        return self._frames.rest()

    def _is_extra(self, event: bytes) -> bool:
        # The field is searched for first, since nearly no event has it; prose would have its quotes escaped.
        text = data_of(event)
        if self._quoted not in event or not text or text == b"[DONE]":
            return False
        return self._field in decoded(text, dict[str, Any], "the engine's stream")


class Whole:
    """For a server that never streams: its whole answer, told as a stream where the caller asked for one.

    An error under status 200 is told as an error.
    """

    def __init__(self, body: bytes) -> None:
        asked = _asked(body)
        self._streams = bool(asked.stream)
        self._with_usage = bool((asked.stream_options or {}).get("include_usage"))
        self.body = _without(body, "stream", "stream_options") if self._streams else body
        self.content_type: str | None = SSE if self._streams else JSON
        self._answer = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet. Raises EngineError where the answer grows past all reason."""
        self._answer += chunk
        if len(self._answer) > ANSWER_LIMIT:
            raise EngineError(f"the engine's answer is longer than {ANSWER_LIMIT} bytes")
        return b""

    def finish(self) -> bytes:
        """The answer. Raises ErrorAnswer, and EngineError where it is none."""
        answer = decoded(bytes(self._answer), dict[str, Any], "the engine")
        if answer.get("error") is not None:
            raise ErrorAnswer(*said_as_error(answer["error"]))
        return as_stream(answer, with_usage=self._with_usage) if self._streams else bytes(self._answer)


def _without(body: bytes, *names: str) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, Raw])
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in names})


def said_as_error(error: object, status: int = 503) -> tuple[int, bytes]:
    """What a server said in `error`, in OpenAI's shape, under `status` where it tells none of its own."""
    told = error if isinstance(error, dict) else {"message": str(error)}
    code = told.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        status = code
    kind = "server_error" if status >= 500 else "invalid_request_error"
    whole = {"message": "the engine refused", "type": kind, "param": None, "code": None} | told
    return status, msgspec.json.encode({"error": whole})


def as_stream(answer: dict[str, Any], *, with_usage: bool) -> bytes:
    """A whole answer as the events of one: what was said, the ends, the usage where it is asked for, `[DONE]`."""
    chat = answer.get("object") != "text_completion"
    head = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk" if chat else "text_completion"
    chunks = [
        head | {"choices": [piece]} for choice in answer.get("choices", []) for piece in _pieces(choice, chat)
    ]
    if with_usage:
        chunks.append(head | {"choices": [], "usage": answer.get("usage")})
    return b"".join(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks) + DONE


def _pieces(choice: dict[str, Any], chat: bool) -> list[dict[str, Any]]:
    """What was said, and the end."""
    index, why = choice.get("index", 0), choice.get("finish_reason") or "stop"
    said = {name: value for name, value in choice.items() if name not in ("message", "finish_reason")}
    said |= {"index": index, "finish_reason": None}
    end: dict[str, Any] = {"index": index, "finish_reason": why}
    if not chat:
        return [said, end | {"text": ""}]
    message = dict(choice.get("message") or {})
    calls = message.get("tool_calls")
    if calls:
        message["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    return [said | {"delta": message}, end | {"delta": {}}]
