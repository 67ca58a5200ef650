"""Whose key a caller shows; keys that are none are refused, and slowed down."""

import time
from collections.abc import Callable
from typing import Protocol

from coordinator.access.bad_tries import BadTries
from coordinator.access.keys import PREFIX
from coordinator.access.principal import Principal
from shared.errors import LimitReached, NoAccess


class _KeyRing(Protocol):
    def find(self, secret: str) -> Principal | None: ...


def key_shown(authorization: str | None, x_api_key: str | None) -> str:
    """The key of ours in a request's headers; empty: none, or one of somebody else's making."""
    scheme, _, token = (authorization or "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else (x_api_key or "").strip()
    return key if key.startswith(PREFIX) else ""


class KeyCheck:
    """For the gate."""

    def __init__(self, ring: _KeyRing, tries: BadTries, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds, never back."""
        self._ring = ring
        self._tries = tries
        self._clock = clock

    def principal(self, secret: str, address: str) -> Principal:
        """Raises NoAccess for an unknown, revoked or expired key, LimitReached after too many of these."""
        found = self._ring.find(secret)
        if found is not None:
            return found
        if wait_s := self._tries.failed(address, self._clock()):
            raise LimitReached(
                "too many keys from this address that are none (FLEET_BAD_KEYS)", retry_after=wait_s
            )
        raise NoAccess(
            "this key is unknown, revoked or expired; a new one, on the coordinator's machine:"
            " herd key create --name NAME"
        )
