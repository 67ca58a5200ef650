"""Whether a request is admitted, and as whose. Pure: facts, a route and a mode in; a principal or a refusal out."""

from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct

from coordinator.access.facts import OURS, Facts, is_loopback, is_near
from coordinator.access.hosts import Standing
from coordinator.access.principal import Principal, Scope
from coordinator.access.routes import Route
from shared.errors import FleetError, Forbidden, NoAccess, NotJson, WrongHost

OWNER = Principal("owner", "owner", frozenset[Scope](("infer", "read", "operate", "admin", "join", "public")))
STRANGER = Principal("stranger", "stranger", frozenset[Scope](("join", "public")))
NEIGHBOUR = Principal(
    "stranger", "stranger", frozenset[Scope](("infer", "read", "operate", "node", "join", "public"))
)
"""Anybody of a private network, in open mode."""
NODE_SCOPES = frozenset[Scope](("node", "join", "public"))
_FOR_ALL = frozenset[Scope](("join", "public"))

Find = Callable[[str], Principal | None]
"""Of a key of ours as it was shown once: whose it is."""

_SITES = ("", "same-origin", "none")
"""Of a request that no page of another site caused, in a browser's words."""
_READING = ("GET", "HEAD", "OPTIONS")
_SHOWN = 100
"""Characters of a foreign name that a refusal repeats."""


class Mode(Struct, frozen=True):
    """How the coordinator was started."""

    open: bool = False


def decide(
    facts: Facts,
    route: Route,
    mode: Mode,
    host: Standing,
    find: Find,
    *,
    find_session: Find = lambda _token: None,
    allowed_page: bool = False,
    is_here: Callable[[str], bool] = lambda _address: False,
) -> Principal:
    """Who asks. `host`: the standing of `facts.host`; `allowed_page`: its origin is one of FLEET_ORIGINS; `is_here`:
    whether an address is one of this machine's, which decides nothing: who is refused is told what to ask instead.

    Raises WrongHost, Forbidden, NoAccess, NotJson. Nothing of the body is needed for it.
    """
    if facts.node is not None:
        principal = Principal("node", facts.node, NODE_SCOPES)
    else:  # whoever shows a certificate is no browser
        if host == "foreign":
            raise WrongHost(_not_our_name(facts.host))
        if route.form or not (route.public or allowed_page):
            _refuse_foreign_page(facts, route)
        if route.scopes & _FOR_ALL:
            principal = STRANGER
        else:
            principal = _principal(facts, mode, host, find, find_session, allowed_page=allowed_page)
    if principal.scopes.isdisjoint(route.scopes) and not _is_plain_beat(route, mode, principal):
        raise _refusal(facts, route, mode, principal, is_here)
    if route.form or (principal.by_session and route.method not in _READING):
        _refuse_no_page(facts)
    if route.order or (facts.origin is not None and route.method not in _READING and not route.form):
        _refuse_forms(facts)
    return principal


def _principal(
    facts: Facts, mode: Mode, host: Standing, find: Find, find_session: Find, *, allowed_page: bool
) -> Principal:
    """Raises NoAccess for a key that looks like ours and is not."""
    if facts.key.startswith(OURS):
        if (found := find(facts.key)) is None:
            raise NoAccess(
                "this key is unknown, expired or was revoked; on the coordinator's machine, herd key list names "
                "those there are, and herd key create makes one"
            )
        return found
    if is_loopback(facts.peer) and host == "own" and not facts.proxied and not allowed_page:
        return OWNER
    by_cookie = facts.session and not facts.key and not allowed_page
    if by_cookie and (found := find_session(facts.session)) is not None:
        return found
    return NEIGHBOUR if mode.open and not facts.proxied and is_near(facts.peer) else STRANGER


def _refuse_foreign_page(facts: Facts, route: Route) -> None:
    """Raises Forbidden. A browser says of each order, and mostly of each look, which page made it."""
    if facts.origin is not None and not _same_origin(facts.origin, facts.host):
        raise Forbidden(
            f"nothing is done for pages of {_shown(facts.origin)}; to allow them: FLEET_ORIGINS="
            f"{_shown(facts.origin)}, and a key"
        )
    if facts.site not in _SITES and not (route.page and facts.navigates):
        raise Forbidden("nothing is done for pages of other sites; to allow one: FLEET_ORIGINS")


def _refuse_no_page(facts: Facts) -> None:
    """Raises Forbidden. A browser sends its cookie along whoever made it ask, and says of each order who that was; with
    nothing said, or with nobody to say it, there is no telling.
    """
    if facts.origin is None or not _same_origin(facts.origin, facts.host):
        raise Forbidden(
            "this is for the dashboard's own page (Origin); a script sends a key: Authorization: Bearer"
        )


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        return bool(host) and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
    except ValueError:
        return False


def _refuse_forms(facts: Facts) -> None:
    """Raises NotJson for what a form of any page can send, without a browser asking first."""
    if facts.content_type != "application/json":
        raise NotJson("this has to be JSON: send it with Content-Type: application/json")


def _is_plain_beat(route: Route, mode: Mode, principal: Principal) -> bool:
    """Open mode hears nodes without a certificate, as near as those who may call."""
    return mode.open and principal in (OWNER, NEIGHBOUR) and "node" in route.scopes


def _refusal(
    facts: Facts, route: Route, mode: Mode, principal: Principal, is_here: Callable[[str], bool]
) -> FleetError:
    wanted = " or ".join(sorted(route.scopes))
    if principal.kind == "node":
        return Forbidden(f"the certificate of {_shown(principal.name)} is for its heartbeats, not for this")
    if "node" in route.scopes:
        return NoAccess("heartbeats are taken of nodes that have joined: start herd-node, which asks to join")
    if principal.kind == "key":
        return Forbidden(
            f"the key {_shown(principal.name)} lacks the scope {wanted}; one that has it: "
            f"herd key create --name NAME --scope {min(route.scopes)}"
        )
    if mode.open and principal is NEIGHBOUR:
        return Forbidden(
            f"open mode does not let everybody do this: it needs the scope {wanted}. Ask from the coordinator's own "
            f"machine, or with a key: herd key create --name NAME --scope {min(route.scopes)}"
        )
    here = not facts.proxied and facts.origin is None and is_here(facts.peer)
    return NoAccess(_how_to_get_in(facts, wanted, min(route.scopes), here=here))


def _how_to_get_in(facts: Facts, wanted: str, scope: str, *, here: bool) -> str:
    """`here`: the caller's address is one of this machine's, as the router's hairpin or a container's may be, too."""
    passed_on = "what a proxy passes on" if facts.proxied else "a caller from another machine"
    if here:
        passed_on = "a caller by an address of the network"
    told = (
        f"{passed_on} needs a key with the scope {wanted} (Authorization: Bearer sk-herd-...). "
        f"On the coordinator's machine: herd key create --name NAME --scope {scope}"
    )
    return f"{told}; or ask by {_loopback(facts.host)}, which needs none there" if here else told


def _loopback(host: str) -> str:
    """The same port there."""
    port = host.rpartition(":")[2]
    return f"http://127.0.0.1:{port}" if port.isdecimal() and port.isascii() else "http://127.0.0.1"


def _not_our_name(host: str) -> str:
    name = _shown(host)
    return f"this coordinator is not called {name}; if it is: FLEET_HOSTNAMES={name}"


def _shown(text: str) -> str:
    """As far as it can be printed and is short enough."""
    return text if len(text) <= _SHOWN and text.isascii() and text.isprintable() else "another name"
