"""The engine's own counts of tokens, read from the end of its answer. Nothing is estimated here."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from coordinator.core.call import Tokens
from shared.frames import data_of

MOST = 2**53
"""Beyond it a count is nonsense, and no database takes it."""


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Timings(Struct):
    """llama.cpp's, in the last chunk of a stream whose caller did not ask for the usage."""

    prompt_n: int | None = None
    cache_n: int | None = None
    predicted_n: int | None = None


class _Ending(Struct):
    """The end of an answer in any dialect."""

    prompt_eval_count: int | None = None
    eval_count: int | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None


def tokens_of(frames: Iterable[bytes]) -> Tokens:
    """Of the first of these lines, events or whole answers that tells."""
    for frame in frames:
        ending = _decoded(frame)
        if ending.usage is not None:
            return _tokens(ending.usage.prompt_tokens, ending.usage.completion_tokens)
        if ending.eval_count is not None or ending.prompt_eval_count is not None:
            return _tokens(ending.prompt_eval_count, ending.eval_count)
        if (timed := ending.timings) is not None and timed.prompt_n is not None:
            return _tokens(timed.prompt_n + (timed.cache_n or 0), timed.predicted_n)
    return Tokens()


def _tokens(prompt: int | None, completion: int | None) -> Tokens:
    return Tokens(_count(prompt), _count(completion))


def _count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < MOST else None


def _decoded(frame: bytes) -> _Ending:
    text = frame if frame.lstrip().startswith(b"{") else data_of(frame)
    try:
        return msgspec.json.decode(text, type=_Ending)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Ending()
