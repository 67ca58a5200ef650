"""Requests as facts, and what the gate makes of them."""

from typing import Any

from msgspec.structs import replace

from coordinator.access.decision import Mode, decide
from coordinator.access.facts import OURS, Facts
from coordinator.access.hosts import Standing
from coordinator.access.principal import Principal, Scope
from coordinator.access.routes import Route, route_of
from shared.errors import FleetError

SCOPES: tuple[Scope, ...] = ("infer", "read", "operate", "admin")
CLOSED, OPEN = Mode(), Mode(open=True)
LAN, LOOPBACK = "192.168.1.7", "127.0.0.1"
HOST = "localhost:11435"
JSON = "application/json"
KEYS = {
    f"{OURS}{scope}": Principal("key", scope, frozenset[Scope]((scope,)), key_id=scope) for scope in SCOPES
}
"""A key for each scope."""
SESSIONS = {each.key_id: replace(each, by_session=True) for each in KEYS.values()}
"""A browser that is logged in with each."""


def row(method: str, path: str) -> Route:
    """That there must be."""
    found = route_of(method, path)
    assert found is not None
    return found


def facts(peer: str = LOOPBACK, **told: Any) -> Facts:
    """Of a script that sends JSON."""
    return Facts(peer, **({"host": HOST, "content_type": JSON} | told))


def outcome(
    asked: Facts, route: Route, mode: Mode = CLOSED, host: Standing = "own", *, allowed_page: bool = False
) -> int | str:
    """The principal's name where it is admitted, else the status."""
    try:
        found = decide(
            *(asked, route, mode, host, KEYS.get), find_session=SESSIONS.get, allowed_page=allowed_page
        )
    except FleetError as error:
        return error.status
    return found.name
