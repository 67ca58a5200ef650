"""Which conversation a call belongs to, and which long beginning it shares with others: as hashes, never in clear."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

from msgspec import Raw

from coordinator.core.call import Operation
from coordinator.dialects.body import ABSENT, CHARACTERS_A_TOKEN, given

HEADER = "X-Session-Id"
TAG = "session:"
"""A tag that begins so names the conversation."""
LONG_TOKENS = 2_000
"""Estimated, of system prompt and tools: from here on they are worth going where they are cached."""
HEAD_BYTES = LONG_TOKENS * CHARACTERS_A_TOKEN
"""Of system prompt and tools, what is looked at: who shares that much shares enough."""
FIRST_BYTES = 2_048
"""Likewise of the first words of a conversation."""
DIGEST_BYTES = 16

_SYSTEM = (b'"system"', b'"developer"')


class Said(Protocol):
    """A message as far as it is needed here, each field as it was sent."""

    role: Raw
    content: Raw


class Opening(NamedTuple):
    """What a call begins with."""

    head: tuple[Raw, ...] = ()
    """Tools and system prompt."""
    first: Raw = ABSENT
    """The first words after that: they stay the same while the conversation grows."""
    continues: bool = False
    """Whether more was said since."""


NO_OPENING = Opening()


class Names(NamedTuple):
    """For Call's fields of the same names."""

    session: str = ""
    prefix: str = ""
    continues: bool = False


def opening_of(
    operation: Operation,
    messages: Sequence[Said] | None,
    tools: Iterable[Raw] | None,
    prompt: Raw | str | None,
    system: str | None = None,
) -> Opening:
    """Of a call; an embedding begins nothing."""
    if operation == "chat":
        return opening_of_chat(messages or (), tools)
    return opening_of_prompt(prompt, system) if operation == "generate" else NO_OPENING


def opening_of_chat(messages: Sequence[Said], tools: Iterable[Raw] | None) -> Opening:
    """Of a chat: tools, the messages before the first that is no system prompt, and that one."""
    head = list(tools or ())
    for index, message in enumerate(messages):
        if bytes(message.role) not in _SYSTEM:
            return Opening(tuple(head), message.content, continues=index + 1 < len(messages))
        head.append(message.content)
    return Opening(tuple(head))


def opening_of_prompt(prompt: Raw | str | None, system: str | None = None) -> Opening:
    """Of a prompt, which has no turns: what grows at its end keeps its beginning."""
    head = (Raw(system.encode()),) if system else ()
    return Opening(
        head, Raw((prompt or "").encode()) if prompt is None or isinstance(prompt, str) else prompt
    )


def names_of(opening: Opening, model: str, client: str, named: str = "", shared: Raw = ABSENT) -> Names:
    """`named`: the conversation in the caller's own words. Else a conversation is its client's, so that two who begin
    alike do not draw each other away. `shared`: what the caller calls the beginning, OpenAI's `prompt_cache_key`.
    """
    prefix = b""
    if opening.head and sum(map(_size, opening.head)) >= HEAD_BYTES:
        prefix = _digest(model, _cut(opening.head, HEAD_BYTES))
    head = (Raw(prefix),) if prefix else opening.head
    if _size(shared) > len('""') and given(shared):
        prefix = _digest(f"{model}\0key", _cut((shared,), HEAD_BYTES))
    if named:
        session = _digest(f"{model}\0{named}", ())
    elif given(opening.first):
        session = _digest(f"{model}\0{client}", (*head, *_cut((opening.first,), FIRST_BYTES)))
    else:
        session = b""
    return Names(session.hex(), prefix.hex(), opening.continues or bool(named))


def session_named(header: str | None, tags: Iterable[str]) -> str:
    """By X-Session-Id, or by a tag `session:NAME`; empty: the caller gave it no name."""
    if header and header.strip():
        return TAG + header.strip()
    return next((tag for tag in tags if tag.startswith(TAG) and tag != TAG), "")


def _size(part: Raw) -> int:
    return len(memoryview(part))


def _cut(parts: Iterable[Raw], limit: int) -> Iterable[memoryview]:
    """Their first bytes, `limit` in all, without a copy."""
    for part in parts:
        view = memoryview(part)[:limit]
        limit -= len(view)
        yield view
        if not limit:
            return


def _digest(name: str, parts: Iterable[bytes | memoryview]) -> bytes:
    text = b"\0".join((name.encode("utf-8", "surrogatepass"), *parts))
    return blake2b(text, digest_size=DIGEST_BYTES).digest()
