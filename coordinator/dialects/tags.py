"""Labels that a caller gives its call, for traces: body `metadata.tags` and `user`, header X-Herd-Tags."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from coordinator.dialects.body import given

HEADER = "X-Herd-Tags"
MOST = 32
LONGEST = 128
"""Characters of one tag."""


def tags_of(header: str, metadata: msgspec.Raw, user: msgspec.Raw) -> tuple[str, ...]:
    """`header`: the value of X-Herd-Tags. Never raises: what is no tag is left out, what is too long is cut."""
    if not (header or bytes(metadata) or bytes(user)):
        return ()
    tags = (*_listed(metadata), *header.split(","), *_user(user))
    return tuple(dict.fromkeys(_clean(tags)))[:MOST]


def _listed(metadata: msgspec.Raw) -> Iterator[str]:
    value = _plain(metadata)
    tags = value.get("tags") if isinstance(value, dict) else None
    if isinstance(tags, list):
        yield from (tag for tag in tags if isinstance(tag, str))


def _user(user: msgspec.Raw) -> Iterator[str]:
    value = _plain(user)
    if isinstance(value, str) and value.strip():
        yield f"user:{value.strip()}"


def _clean(tags: Iterable[str]) -> Iterator[str]:
    for tag in tags:
        # A header may hold bytes that are no UTF-8, which Python carries as half pairs.
        text = tag.strip()[:LONGEST].encode("utf-8", "replace").decode()
        if text:
            yield text


def _plain(raw: msgspec.Raw) -> Any:
    if not given(raw):
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
