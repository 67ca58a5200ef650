"""A caller's body: read within bounds, its head decoded, single fields replaced. The rest stays as it came."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from coordinator.dialects.content_coding import MOST_GAIN, unpacked
from coordinator.dialects.surrogates import without_half_pairs
from coordinator.requests import CallerRequest
from shared.errors import CallerFault
from shared.names import MODEL_NAME_LIMIT, ModelName, normalise

Head = TypeVar("Head")

ABSENT = msgspec.Raw()
"""A field that the caller left out: msgspec cannot say `Raw | None`."""

CHARACTERS_A_TOKEN = 4
TOKENS_A_MESSAGE = 4
TOKENS_AN_IMAGE = 150
MOST_CONTEXT = 2**24
"""Tokens; more than any model has."""

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


async def read_body(request: CallerRequest, counted: Callable[[int], None] = lambda _bytes: None) -> bytes:
    """All of it, unpacked. Raises BodyTooLarge, CallerFault and what `counted` raises, which is told the bytes that it
    takes as soon as they are known.
    """
    body = await request.body(counted)
    if (coding := request.headers.get("Content-Encoding")) is not None:
        counted(min(request.body_limit, MOST_GAIN * len(body)))
        body = await asyncio.to_thread(unpacked, body, coding, request.body_limit)
    if not body or body.isspace():
        raise CallerFault("missing request body")
    return body


def decode_head(body: bytes, kind: type[Head]) -> Head:
    """The fields that routing needs. Raises CallerFault with the path of the fault."""
    try:
        return _decoded(body, kind)
    except _DECODE_ERRORS as error:
        raise CallerFault(_why(error)) from error


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Top-level fields, each with its bytes as sent: numbers keep their spelling, strings their escapes."""
    return decode_head(body, dict[str, msgspec.Raw])


def check_spelling(body: bytes, names: Collection[str]) -> None:
    """Raises CallerFault where one of these fields is written in another case: an Ollama takes `Model` for `model`, and
    the last one counts, so that it would work on another than was judged here.
    """
    for field in decode_fields(body):
        if field not in names and (meant := field.casefold()) in names:
            raise CallerFault(f'"{meant}" has to be written so, in small letters')


def decode_any(body: bytes) -> Any:
    """Plain Python values. Raises CallerFault."""
    try:
        return _decoded(body, object)
    except _DECODE_ERRORS as error:
        raise CallerFault(_why(error)) from error


def _decoded(body: bytes, kind: type[Head]) -> Head:
    """msgspec refuses half a surrogate pair (what is left of an emoji in text cut by length); engines do not."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        mended = without_half_pairs(body)
        if mended == body:
            raise
        return msgspec.json.decode(mended, type=kind)


def replaced(body: bytes, values: Mapping[str, object], drop: tuple[str, ...] = ()) -> bytes:
    """The body with those top-level fields set or dropped, and every other byte's meaning kept."""
    fields: dict[str, object] = dict(decode_fields(body))
    for name in drop:
        fields.pop(name, None)
    return msgspec.json.encode(fields | dict(values))


def model_name(name: str | None) -> tuple[str, ModelName]:
    """The caller's spelling and ours. Raises CallerFault where it is missing or absurd."""
    if not name or not name.strip():
        raise CallerFault("model is required")
    if len(name) > MODEL_NAME_LIMIT:
        raise CallerFault(
            f"the model name has {len(name)} characters; at most {MODEL_NAME_LIMIT} are allowed"
        )
    if not name.isprintable() or "\ufffd" in name:
        raise CallerFault("the model name has characters that cannot be printed")
    return name, normalise(name)


def fallback_names(names: list[str] | None) -> tuple[ModelName, ...]:
    """The caller's `fallback_models`. Raises CallerFault for an absurd one."""
    if not names:
        return ()
    if len(names) > 16:
        raise CallerFault(f"fallback_models has {len(names)} names; at most 16 are allowed")
    return tuple(dict.fromkeys(_fallback(at, name) for at, name in enumerate(names)))


def _fallback(at: int, name: str) -> ModelName:
    try:
        return model_name(name)[1]
    except CallerFault as error:
        raise CallerFault(f"fallback_models[{at}]: {error}") from error


def given(raw: msgspec.Raw) -> bool:
    """Whether the field was there, and not null."""
    return len(memoryview(raw)) > len(b"null") or bytes(raw) not in (b"", b"null")


def tokens_of(texts: list[msgspec.Raw], images: int) -> int:
    """An estimate from the length of the texts, as JSON: four characters a token, 150 tokens an image."""
    lengths = [len(memoryview(text)) for text in texts if given(text)]
    return sum(lengths) // CHARACTERS_A_TOKEN + TOKENS_A_MESSAGE * len(lengths) + TOKENS_AN_IMAGE * images


def characters_of(texts: Iterable[msgspec.Raw]) -> int:
    """Of texts as JSON, at the least: an escape of six bytes is one character, one of two as well."""
    raw = [bytes(text) for text in texts if given(text)]
    return sum(len(text) - 4 * text.count(b"\\u") - text.count(b"\\") for text in raw)


def context_asked(num_ctx: int | None) -> int | None:
    """`num_ctx` of a call. Raises CallerFault where no context can have that length."""
    if num_ctx is None or 1 <= num_ctx <= MOST_CONTEXT:
        return num_ctx
    raise CallerFault(f"options.num_ctx: {num_ctx} is no length of a context: 1 to {MOST_CONTEXT} tokens")


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the request body is not UTF-8"
    if isinstance(error, RecursionError):
        return "the request body is nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return f"invalid request: {error}"
    return f"the request body is not JSON: {error}"
