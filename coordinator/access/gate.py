"""The one gate: who asks, by what name, from which page, and whether that may be."""

from typing import Protocol

from coordinator.access.cors import Cors
from coordinator.access.decision import Mode, decide
from coordinator.access.facts import facts_of
from coordinator.access.hosts import Hosts
from coordinator.access.principal import Principal
from coordinator.access.routes import Route
from shared.http1.heads import RequestHead


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

    def __init__(self, keys: KeyRing, hosts: Hosts, cors: Cors, mode: Mode) -> None:
        self._keys = keys
        self._hosts = hosts
        self._mode = mode
        self.cors = cors

    def admit(self, head: RequestHead, peer: str, route: Route, node: str | None = None) -> Principal:
        """Who asks. `node`: by the connection's certificate. Raises FleetError (401, 403, 415, 421)."""
        facts = facts_of(head, peer, node)
        page = facts.origin is not None and self.cors.allows(facts.origin)
        host = self._hosts.standing(facts.host)
        return decide(facts, route, self._mode, host, self._keys.find, allowed_page=page)
