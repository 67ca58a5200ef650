"""Logging in with a key and out again, for browsers: those send no key of themselves."""

import time
from collections.abc import Callable

from msgspec.structs import replace

from coordinator.access.key_ring import KeyRing
from coordinator.access.principal import Principal, Scope
from coordinator.access.sessions import Sessions
from shared.errors import Forbidden, NoAccess

NEEDED: Scope = "read"
"""Of a key: without it there is nothing to see."""


class Logins:
    """A session is worth what its key is worth at that moment."""

    def __init__(
        self,
        ring: KeyRing,
        sessions: Sessions,
        slow_down: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`slow_down`: as the gate's. `clock` in seconds of Unix time."""
        self._ring = ring
        self._sessions = sessions
        self._slow_down = slow_down
        self._clock = clock
        self.lives_s = sessions.lives_s
        """Of a session, in seconds."""

    def log_in(self, secret: str, address: str) -> str:
        """The session's token. Raises NoAccess, LimitReached after too many of these from `address`, and Forbidden for
        a key that may not look at the fleet.
        """
        found = self._ring.find(secret)
        if found is None:
            self._slow_down(address)
            raise NoAccess("this key is unknown, expired or was revoked")
        if NEEDED not in found.scopes:
            raise Forbidden(
                f'the key "{found.name}" lacks the scope {NEEDED}, so it does not open the dashboard'
            )
        return self._sessions.begin(found.key_id, self._clock())

    def find(self, token: str) -> Principal | None:
        """Whose session that is; None: nobody's, or its key holds no longer."""
        key_id = self._sessions.key_of(token, self._clock())
        found = self._ring.holder(key_id) if key_id else None
        return None if found is None else replace(found, by_session=True)

    def holds(self, principal: Principal, token: str) -> bool:
        """Whether who was let in as that would be still. `token`: its browser's, if it has one."""
        if principal.by_session and self._sessions.key_of(token, self._clock()) != principal.key_id:
            return False
        return not principal.key_id or self._ring.admits(principal.key_id)

    def log_out(self, token: str) -> None:
        """The session's end, if it is one."""
        self._sessions.end(token)

    def forget(self) -> None:
        """Sessions of keys that are no more."""
        self._sessions.forget(self._ring.knows)
