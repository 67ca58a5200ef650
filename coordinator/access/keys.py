"""A caller's key: how it is made, what is kept of it, and how a shown one is compared. Nothing here knows a clock or a
disk.
"""

import hashlib
import hmac
import re
import secrets
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from coordinator.access.principal import Principal, Scope
from coordinator.core.call import Priority

KeyScope = Literal["infer", "read", "operate", "admin"]
PREFIX = "sk-herd-"
ID_CHARACTERS = 8
SECRET_BYTES = 32
"""43 characters of base64."""
NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
"""Of a key: it stands in traces, logs and tables."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID = re.compile(rf"[{_ALPHABET}]{{{ID_CHARACTERS}}}")
Limit = Annotated[int, Meta(ge=1)]
"""None is too much for a bucket: who may do nothing needs no key."""
_SHAPE = re.compile(rf"{PREFIX}({ID.pattern})-[A-Za-z0-9_-]{{43}}")


class Key(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is kept of one. Times in seconds of Unix time; limits of None: none."""

    id: str
    name: str
    sha256: str
    """Of the whole key, in small hexadecimal digits."""
    scopes: tuple[KeyScope, ...] = ("infer",)
    models: tuple[str, ...] | None = None
    """Names or patterns; None: all."""
    requests_per_minute: Limit | None = None
    tokens_per_minute: Limit | None = None
    parallel: Limit | None = None
    priority: Priority | None = None
    created: float = 0.0
    expires: float | None = None

    def principal(self) -> Principal:
        """Who shows it."""
        scopes: frozenset[Scope] = frozenset(self.scopes)
        return Principal("key", self.name, scopes, self.models, self.id, self.priority)

    def has_expired(self, now: float) -> bool:
        """At that Unix time."""
        return self.expires is not None and now >= self.expires


class Made(NamedTuple):
    """A new one: `text` is shown once and kept nowhere."""

    id: str
    text: str
    sha256: str


def made() -> Made:
    """256 bits that nobody else has."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(ID_CHARACTERS))
    text = f"{PREFIX}{key_id}-{secrets.token_urlsafe(SECRET_BYTES)}"
    return Made(key_id, text, sha256_of(text).hex())


def sha256_of(text: str) -> bytes:
    """As it is kept and compared."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


def id_in(text: str) -> str:
    """Of what looks like a key of ours; empty: it does not."""
    found = _SHAPE.fullmatch(text)
    return found[1] if found else ""


def same(kept: bytes, shown: bytes) -> bool:
    """Two hashes, compared in a time that tells nothing of either."""
    return hmac.compare_digest(kept, shown)
