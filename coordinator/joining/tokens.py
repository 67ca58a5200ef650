"""Tokens that were handed out, by hash: made, spent, taken back, run out. Pure; times in seconds since the epoch."""

import hmac

from msgspec import Struct

from shared.errors import CallerFault, RouteNotFound
from shared.trust import token
from shared.trust.token import Token

UNKNOWN = token.hashed("")
"""Compared where there is nothing to compare: a name that nobody has costs the same."""


class Handed(Struct, frozen=True):
    """A token as it is kept."""

    id: str
    hash: str
    created_at: float
    expires_at: float
    reusable: bool = False
    used: int = 0
    """Nodes that joined by it."""


class TokensFull(CallerFault):
    """There are as many as may be."""


class Tokens:
    """`most`: at once; what has run out does not count."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._handed: dict[str, Handed] = {}

    def restore(self, handed: list[Handed]) -> None:
        """Those of before the start."""
        self._handed = {each.id: each for each in handed}

    def all(self, now: float) -> list[Handed]:
        """Those that may still be used, oldest first."""
        self._drop(now)
        return sorted(self._handed.values(), key=lambda each: (each.created_at, each.id))

    def create(self, spki: bytes, now: float, ttl_s: float, *, reusable: bool = False) -> Token:
        """Its text is had here only. Raises TokensFull."""
        self._drop(now)
        if len(self._handed) >= self._most:
            raise TokensFull(
                f"{self._most} tokens are handed out already (FLEET_TOKENS); `herd token revoke ID` takes one back"
            )
        made = token.new(spki)
        while made.id in self._handed:
            made = token.new(spki)
        self._handed[made.id] = Handed(made.id, token.hashed(made.secret), now, now + ttl_s, reusable)
        return made

    def revoke(self, token_id: str) -> Handed:
        """It lets nobody in any more. Raises RouteNotFound."""
        if (gone := self._handed.pop(token_id, None)) is None:
            raise RouteNotFound("no token has that id; `herd token list` shows those that have not run out")
        return gone

    def good(self, token_id: str, secret: str, now: float) -> bool:
        """Whether it lets somebody in now. Takes as long for a name that nobody has."""
        self._drop(now)
        handed = self._handed.get(token_id)
        same = hmac.compare_digest(handed.hash if handed else UNKNOWN, token.hashed(secret))
        return same and handed is not None

    def created_at(self, token_id: str) -> float:
        """Of one that may be used."""
        return self._handed[token_id].created_at

    def put_back(self, handed: Handed) -> None:
        """As it was before it was spent: nobody joined by it after all. Not where it was revoked meanwhile."""
        if handed.id in self._handed or not handed.reusable:
            self._handed[handed.id] = handed

    def spent(self, token_id: str) -> Handed:
        """Somebody has joined by it: a token for one is gone. Gives back what it was."""
        handed = self._handed[token_id]
        if handed.reusable:
            self._handed[token_id] = Handed(
                handed.id, handed.hash, handed.created_at, handed.expires_at, True, handed.used + 1
            )
        else:
            del self._handed[token_id]
        return handed

    def _drop(self, now: float) -> None:
        for each in [each for each in self._handed.values() if each.expires_at <= now]:
            del self._handed[each.id]
