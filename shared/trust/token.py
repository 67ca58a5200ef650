"""Tokens by which an agent joins: they name the coordinator's authority, so that the secret goes to nobody else.

`herd1-AUTHORITY-ID-SECRET`: the first 16 bytes of the SHA-256 of the authority's public key, six characters by which
people name the token, and 128 bits that only the coordinator and whoever was given it know.
"""

import base64
import hashlib
import hmac
import re
import secrets

from msgspec import Struct

AUTHORITY_BYTES = 16
SECRET_BYTES = 16
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_TEXT = re.compile(r"herd1-([a-z2-7]{26})-([a-z2-7]{6})-([a-z2-7]{26})")


class BadToken(ValueError):
    """The text is none; what it says never repeats it."""


class Token(Struct, frozen=True):
    """`authority`: the first AUTHORITY_BYTES of the hash."""

    authority: bytes
    id: str
    secret: str

    @property
    def text(self) -> str:
        """As people hand it on."""
        return f"herd1-{_written(self.authority)}-{self.id}-{self.secret}"

    def __repr__(self) -> str:
        """Without the secret: it may come into a log."""
        return f"Token({self.id})"

    def names(self, spki: bytes) -> bool:
        """Whether it was made by the authority whose public key has this SHA-256."""
        return hmac.compare_digest(self.authority, spki[:AUTHORITY_BYTES])


def new(spki: bytes) -> Token:
    """A token of the authority whose public key has this SHA-256."""
    name = "".join(secrets.choice(_LETTERS) for _ in range(6))
    return Token(spki[:AUTHORITY_BYTES], name, _written(secrets.token_bytes(SECRET_BYTES)))


def parse(text: str) -> Token:
    """What `text` gave, in whatever case, with white space around it. Raises BadToken."""
    match = _TEXT.fullmatch(text.strip().lower())
    if match is None:
        raise BadToken("that is no token: it looks like herd1-...-...-..., as `herd token create` prints it")
    authority, name, secret = match.groups()
    return Token(_read(authority), name, secret)


def hashed(secret: str) -> str:
    """What is kept of a secret: 64 hexadecimal digits. 128 random bits need no slow hash."""
    return hashlib.sha256(b"herd token\0" + secret.encode("utf-8", "surrogatepass")).hexdigest()


def _written(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _read(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
