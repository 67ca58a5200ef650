"""A caller's head as the Call that the Dispatcher places."""

import msgspec
from aiohttp import web

from coordinator.core.call import Call, Operation, Origin
from coordinator.dialects.body import ABSENT, fallback_names, model_name
from coordinator.dialects.conversation import HEADER as SESSION
from coordinator.dialects.conversation import NO_OPENING, Opening, names_of, session_named
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
    metadata: msgspec.Raw = ABSENT,
    user: msgspec.Raw = ABSENT,
    opening: Opening = NO_OPENING,
    prompt_cache_key: msgspec.Raw = ABSENT,
) -> Call:
    """Raises CallerFault where a model's name is missing or absurd."""
    asked, name = model_name(model)
    client, tags = request.remote or "", tags_of(request.headers.get(HEADER, ""), metadata, user)
    named = session_named(request.headers.get(SESSION), tags) if operation != "embed" else ""
    session, prefix, continues = names_of(opening, name, client, named, prompt_cache_key)
    return Call(
        id=identify(request),
        model=name,
        asked_name=asked,
        operation=operation,
        dialect=dialect,
        stream=stream,
        fallbacks=tuple(each for each in fallback_names(fallback_models) if each != name),
        abilities=abilities,
        num_ctx=num_ctx,
        estimated_tokens=estimated_tokens,
        session=session,
        prefix=prefix,
        continues=continues,
        origin=Origin(request.path, client, tags),
    )
