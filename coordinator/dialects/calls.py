"""A caller's head as the Call that the Dispatcher places."""

import msgspec
from aiohttp import web

from coordinator.core.call import Call, Operation, Origin
from coordinator.dialects.body import ABSENT, fallback_names, model_name
from coordinator.dialects.callers import Callers
from coordinator.dialects.tags import HEADER, tags_of
from coordinator.requests import identify


def call_of(
    request: web.Request,
    callers: Callers,
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
) -> Call:
    """Raises CallerFault where a model's name is missing or absurd, or the class is not one."""
    asked, name = model_name(model)
    client, priority = callers.of(request)
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
        priority=priority,
        client=client,
        origin=Origin(
            request.path, request.remote or "", tags_of(request.headers.get(HEADER, ""), metadata, user)
        ),
    )
