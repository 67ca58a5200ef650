"""The one gate: who asks, by what name, from which page, and whether that may be."""

import time
from collections.abc import Callable
from typing import Protocol

from coordinator.access.cors import Cors
from coordinator.access.decision import Mode, decide
from coordinator.access.facts import TELLING, facts_of
from coordinator.access.hosts import Hosts
from coordinator.access.principal import Principal
from coordinator.access.routes import Route
from shared.http1.heads import RequestHead

REMEMBERED = 1_024
"""Callers with the route that they were let in to."""
HOLDS_S = 5.0
"""How long that is not asked again: addresses of this machine come and go."""


class KeyRing(Protocol):
    """Who has the keys."""

    def find(self, secret: str) -> Principal | None:
        """Whose key that is; None: nobody's, or it holds no longer."""
        ...


class NoKeys:
    """Before there are any."""

    def find(self, _secret: str) -> Principal | None:
        """Nobody's."""
        return None


class Gate:
    """Asked once for each request, before anything of its body is read."""

    def __init__(
        self,
        keys: KeyRing,
        hosts: Hosts,
        cors: Cors,
        mode: Mode,
        clock: Callable[[], float] = time.monotonic,
        slow_down: Callable[[str], None] = lambda _address: None,
        sessions: Callable[[str], Principal | None] = lambda _token: None,
    ) -> None:
        """`slow_down`: told the address from which a key comes that nobody has; may raise LimitReached. `sessions`:
        whose a browser's session is, by its token.
        """
        self._keys = keys
        self._slow_down = slow_down
        self._sessions = sessions
        self._hosts = hosts
        self._mode = mode
        self.cors = cors
        self._clock = clock
        self._known: dict[tuple[str, bytes | None, int], Principal] = {}
        self._known_until = 0.0

    def admit(self, head: RequestHead, peer: str, route: Route, node: str | None = None) -> Principal:
        """Who asks. `node`: by the connection's certificate. Raises FleetError (401, 403, 415, 421, 429)."""
        if node is not None or route.order or not TELLING.isdisjoint(head.fields):
            return self._judge(head, peer, route, node)
        if (now := self._clock()) >= self._known_until or len(self._known) >= REMEMBERED:
            self._known.clear()
            self._known_until = now + HOLDS_S
        asked = (peer, head.fields.get(b"host"), id(route))  # rows live for ever
        if (found := self._known.get(asked)) is None:
            found = self._known[asked] = self._judge(head, peer, route, None)
        return found

    def _judge(self, head: RequestHead, peer: str, route: Route, node: str | None) -> Principal:
        facts = facts_of(head, peer, node)
        page = facts.origin is not None and self.cors.allows(facts.origin)
        host = self._hosts.standing(facts.host)
        return decide(
            *(facts, route, self._mode, host, lambda secret: self._found(secret, facts.peer)),
            find_session=self._sessions,
            allowed_page=page,
            is_here=self._hosts.has,
        )

    def _found(self, secret: str, address: str) -> Principal | None:
        found = self._keys.find(secret)
        if found is None:
            self._slow_down(address)
        return found
