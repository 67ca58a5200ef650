"""A caller's head as the Call that the Dispatcher places."""

from aiohttp import web

from coordinator.core.call import Call, Operation
from coordinator.dialects.body import fallback_names, model_name
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
) -> Call:
    """Raises CallerFault where a model's name is missing or absurd."""
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
        num_ctx=num_ctx,
        estimated_tokens=estimated_tokens,
    )
