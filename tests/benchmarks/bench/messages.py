"""The bytes that load and engine exchange, in both dialects, and the little of HTTP that they need. Pure."""

import re
from typing import Literal

from msgspec import Struct

Dialect = Literal["ollama", "openai"]

MODEL = "bench:latest"
PATHS: dict[Dialect, str] = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}
MARK = b"~"
"""Once in each token of a stream and nowhere else: it is counted whatever a proxy does to the frames around it."""
QUESTION = "Why does a herd of unlike machines graze on one meadow without a fence between them? " * 6
WHOLE_WORDS = "Since the grass grows for all of them and none is so fast that it must wait for another. " * 3
HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"\r\n0\r\n\r\n"
"""How a chunked answer without trailers ends, whose last chunk is not empty."""
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_TOKENS = re.compile(rb'"(?:num_predict|max_tokens|max_completion_tokens)"\s*:\s*(\d+)')
_STREAM = re.compile(rb'"stream"\s*:\s*(true|false)')
_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


class Head(Struct, frozen=True):
    """Of an answer. `length`: bytes of its body; None: chunked, or until the connection ends."""

    status: int
    size: int
    """Its own bytes, with the empty line."""
    length: int | None
    chunked: bool


def answer_head(data: bytes) -> Head | None:
    """None: it is not complete yet. Raises ValueError for what is no answer in HTTP/1."""
    end = data.find(HEAD_END)
    if end < 0:
        return None
    if not data.startswith(b"HTTP/1."):
        raise ValueError("no answer in HTTP/1")
    told = _LENGTH.search(data, 0, end)
    chunked = told is None and b"chunked" in data[:end].lower()
    return Head(int(data[9:12]), end + len(HEAD_END), int(told[1]) if told else None, chunked)


def request(
    dialect: Dialect, host: str, *, tokens: int | None, prefix: str = "", headers: tuple[str, ...] = ()
) -> bytes:
    """A chat call: whole where `tokens` is None, else a stream of so many. `prefix` goes before the path."""
    stream = "false" if tokens is None else "true"
    limit = 0 if tokens is None else tokens
    options = (
        f'"options":{{"num_predict":{limit}}}' if dialect == "ollama" else f'"max_tokens":{max(1, limit)}'
    )
    body = f'{{"model":"{MODEL}","stream":{stream},"messages":[{{"role":"user","content":"{QUESTION}"}}],{options}}}'
    lines = [
        f"POST {prefix}{PATHS[dialect]} HTTP/1.1",
        f"Host: {host}",
        "Accept: */*",
        "User-Agent: herd-bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def wants_stream(body: bytes, *, otherwise: bool) -> bool:
    """What the body of a call says; `otherwise` where it says nothing."""
    told = _STREAM.search(body)
    return otherwise if told is None else told[1] == b"true"


def wanted_tokens(body: bytes, *, otherwise: int) -> int:
    """Tokens of a stream, at least one."""
    told = _TOKENS.search(body)
    return max(1, otherwise if told is None else int(told[1]))


def json_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A whole answer."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\nDate: {_DATE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def stream_head(dialect: Dialect) -> bytes:
    """Of a stream's answer."""
    kind = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nDate: {_DATE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode()


def chunk(data: bytes) -> bytes:
    """As HTTP frames it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


_CREATED = '"created_at":"2026-01-01T00:00:00.000000Z"'
_COUNTS = (
    '"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":130,'
    '"prompt_eval_duration":1000,"eval_count":200,"eval_duration":1000'
)
_USAGE = '"usage":{"prompt_tokens":130,"completion_tokens":200,"total_tokens":330}'


def whole_answer(dialect: Dialect) -> bytes:
    """The body of a whole answer."""
    if dialect == "ollama":
        text = (
            f'{{"model":"{MODEL}",{_CREATED},"message":{{"role":"assistant","content":"{WHOLE_WORDS}"}},'
            f'"done":true,{_COUNTS}}}'
        )
    else:
        text = (
            f'{{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"{MODEL}","choices":'
            f'[{{"index":0,"message":{{"role":"assistant","content":"{WHOLE_WORDS}"}},"finish_reason":"stop"}}],'
            f"{_USAGE}}}"
        )
    return text.encode()


def token(dialect: Dialect, number: int) -> bytes:
    """That token of a stream, without HTTP's frame. Two follow each other by turns, as LiteLLM breaks a stream off that
    says the same a hundred times; they are of one length.
    """
    word = (" grass~", " herds~")[number % 2]
    if dialect == "ollama":
        text = f'{{"model":"{MODEL}",{_CREATED},"message":{{"role":"assistant","content":"{word}"}},"done":false}}\n'
    else:
        text = _event(f'[{{"index":0,"delta":{{"content":"{word}"}},"finish_reason":null}}]')
    return text.encode()


def stream_end(dialect: Dialect) -> bytes:
    """What follows the last token, without HTTP's frame."""
    if dialect == "ollama":
        text = f'{{"model":"{MODEL}",{_CREATED},"message":{{"role":"assistant","content":""}},"done":true,{_COUNTS}}}\n'
    else:
        text = _event('[{"index":0,"delta":{},"finish_reason":"stop"}]', f",{_USAGE}") + "data: [DONE]\n\n"
    return text.encode()


def _event(choices: str, more: str = "") -> str:
    return (
        f'data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"{MODEL}",'
        f'"choices":{choices}{more}}}\n\n'
    )
