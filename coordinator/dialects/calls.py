"""A caller's head as the Call that the Dispatcher places."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from coordinator.access.models import check_models
from coordinator.core.call import Call, Operation, Origin
from coordinator.dialects.allowances import ALLOW, allows, asks_thinking, may_substitute
from coordinator.dialects.allowances import HEADER as NO_FALLBACK
from coordinator.dialects.body import (
    ABSENT,
    Head,
    characters_of,
    check_spelling,
    context_asked,
    decode_head,
    fallback_names,
    model_name,
)
from coordinator.dialects.callers import Callers
from coordinator.dialects.conversation import HEADER as SESSION
from coordinator.dialects.conversation import NO_OPENING, Opening, names_of, session_named
from coordinator.dialects.tags import HEADER, tags_of
from coordinator.requests import CallerRequest

NAMING = ("model", "name")
"""The fields by which engines are told a model."""


class CommonHead(msgspec.Struct):
    """What both APIs have. Every field `T | None`: an explicit null is the caller's way of leaving a field out.

    Of the fields that are ours it is known whether they were there at all: a null, too, is no engine's to read.
    """

    model: str | None = None
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    fallback_models: list[str] | UnsetType | None = UNSET
    fallback: bool | UnsetType | None = UNSET
    allow_restricted: bool | UnsetType | None = UNSET
    metadata: msgspec.Raw = ABSENT
    user: msgspec.Raw = ABSENT
    keep_alive: msgspec.Raw = ABSENT
    think: msgspec.Raw = ABSENT
    truncate: msgspec.Raw = ABSENT

    @property
    def has_ours(self) -> bool:
        """Whether it has fields that are ours, and no engine's."""
        return not (self.fallback_models is self.fallback is self.allow_restricted is UNSET)

    @property
    def allows_restricted(self) -> bool | None:
        """`allow_restricted`, None where the caller leaves it open."""
        return None if self.allow_restricted is UNSET else self.allow_restricted

    @property
    def allows_fallback(self) -> bool | None:
        """`fallback`, None where the caller leaves it open."""
        return None if self.fallback is UNSET else self.fallback


def head_of(request: CallerRequest, body: bytes, kind: type[Head]) -> Head:
    """Raises CallerFault, also where a key for some models writes a model's name so that only an engine reads it."""
    if request.principal.models is not None:
        check_spelling(body, NAMING)
    return decode_head(body, kind)


def call_of(
    request: CallerRequest,
    callers: Callers,
    dialect: str,
    operation: Operation,
    *,
    head: CommonHead,
    stream: bool,
    abilities: frozenset[str],
    estimated_tokens: int,
    num_ctx: int | None = None,
    texts: Sequence[msgspec.Raw] = (),
    prompt_bytes: int = 0,
    opening: Opening = NO_OPENING,
    prompt_cache_key: msgspec.Raw = ABSENT,
    effort: msgspec.Raw = ABSENT,
) -> Call:
    """`texts`: the prompt, as it came; `prompt_bytes`: of the body, images left out where they can be.

    Raises CallerFault where a model's name is missing or absurd, num_ctx is, or the class is not one; Forbidden for a
    model that is not the caller's to ask for.
    """
    asked, name = model_name(head.model)
    principal = request.principal
    fallbacks = tuple([each for each in fallback_names(head.fallback_models or None) if each != name])
    check_models(principal, name, *fallbacks)
    client, priority = callers.of(request)
    restrictions = allows(
        head.allows_restricted,
        request.headers.get(ALLOW),
        priority,
        by_fleet=callers.allow_restricted,
    )
    tags = tags_of(request.headers.get(HEADER) or "", head.metadata, head.user)
    named = session_named(request.headers.get(SESSION), tags) if operation != "embed" else ""
    session, prefix, continues = names_of(opening, name, client, named, prompt_cache_key)
    return Call(
        id=request.id,
        model=name,
        asked_name=asked,
        operation=operation,
        dialect=dialect,
        stream=stream,
        fallbacks=fallbacks,
        abilities=abilities,
        num_ctx=context_asked(num_ctx),
        estimated_tokens=estimated_tokens,
        priority=priority,
        may_cut=bytes(head.truncate) == b"true",
        prompt_chars=characters_of(texts),
        prompt_bytes=prompt_bytes,
        client=client,
        session=session,
        prefix=prefix,
        continues=continues,
        may_substitute=_substitutes(request, head),
        allows=restrictions,
        asks_thinking=asks_thinking(head.think, effort),
        origin=Origin(request.path, request.remote, tags, principal.name if principal.kind == "key" else ""),
    )


def _substitutes(request: CallerRequest, head: CommonHead) -> bool | None:
    """A key for some models only names those that may answer: the fleet chooses none for it."""
    allowed = may_substitute(head.allows_fallback, request.headers.get(NO_FALLBACK))
    return allowed if request.principal.models is None else False
