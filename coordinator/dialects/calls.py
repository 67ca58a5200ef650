"""A caller's head as the Call that the Dispatcher places."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from coordinator.core.call import Call, Operation, Origin
from coordinator.dialects.body import (
    ABSENT,
    characters_of,
    context_asked,
    fallback_names,
    model_name,
)
from coordinator.dialects.tags import HEADER, tags_of
from coordinator.requests import identify


def call_of(
    request: web.Request,
    dialect: str,
    operation: Operation,
    *,
    model: str | None,
    stream: bool,
    fallback_models: list[str] | None,
    abilities: frozenset[str],
    estimated_tokens: int,
    num_ctx: int | None = None,
    texts: Sequence[msgspec.Raw] = (),
    prompt_bytes: int = 0,
    truncate: msgspec.Raw = ABSENT,
    metadata: msgspec.Raw = ABSENT,
    user: msgspec.Raw = ABSENT,
) -> Call:
    """`texts`: the prompt, as it came; `prompt_bytes`: of the body, images left out where they can be.

    Raises CallerFault where a model's name is missing or absurd, or num_ctx is."""
    asked, name = model_name(model)
    return Call(
        id=identify(request),
        model=name,
        asked_name=asked,
        operation=operation,
        dialect=dialect,
        stream=stream,
        fallbacks=tuple(each for each in fallback_names(fallback_models) if each != name),
        abilities=abilities,
        num_ctx=context_asked(num_ctx),
        estimated_tokens=estimated_tokens,
        may_cut=bytes(truncate) == b"true",
        prompt_chars=characters_of(texts),
        prompt_bytes=prompt_bytes,
        origin=Origin(
            request.path, request.remote or "", tags_of(request.headers.get(HEADER, ""), metadata, user)
        ),
    )
