"""What of a request matters to who may send it. Pure; nothing of its body."""

import functools
import ipaddress

from msgspec import Struct

from coordinator.access.cookies import token_in
from shared.destinations.ranges import IpAddress, Kind, kind_of
from shared.http1.heads import RequestHead

OURS = "sk-herd-"
"""How keys of ours begin."""

_PROXIED = frozenset(
    (
        *(b"forwarded", b"forwarded-for", b"x-forwarded", b"x-forwarded-for", b"x-forwarded-host"),
        *(b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-server", b"x-forwarded-ssl"),
        *(b"x-forwarded-scheme", b"x-forwarded-protocol", b"x-forwarded-prefix", b"x-forwarded-uri"),
        *(b"x-forwarded-by", b"x-forwarded-user", b"x-forwarded-client-cert", b"x-original-forwarded-for"),
        *(b"x-original-host", b"x-original-url", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip"),
        *(b"x-envoy-external-address", b"x-azure-clientip", b"x-appengine-user-ip", b"x-arr-log-id"),
        *(b"cf-connecting-ip", b"cf-connecting-ipv6", b"cf-ray", b"cdn-loop", b"true-client-ip"),
        *(b"fastly-client-ip", b"fly-client-ip", b"tailscale-user-login", b"via"),
    )
)
"""What proxies, tunnels and content networks add by themselves. One more name can only make a stranger of somebody."""
TELLING = _PROXIED | {b"origin", b"sec-fetch-site", b"authorization", b"x-api-key", b"cookie"}
"""Headers without which a request is like the last one of that caller."""
_NEAR: frozenset[Kind] = frozenset(("loopback", "private", "shared", "link-local", "reserved"))
"""What the internet does not route. Embedded addresses (Teredo, 6to4) come over it, whatever they are made of."""
_TEXT = ("utf-8", "replace")


class Facts(Struct, frozen=True):
    """Of one request, as it came."""

    peer: str
    """Whom the connection is with."""
    host: str = ""
    origin: str | None = None
    """Of the page that sends it; None: no page, or one that a browser thinks is ours."""
    site: str = ""
    """A browser's word on where it comes from; empty: no browser, or not over a connection that it trusts."""
    navigates: bool = False
    """A browser opens it as a page of its own, by a link or typed."""
    content_type: str = ""
    """In small letters, without parameters."""
    proxied: bool = False
    """Somebody passed it on: the peer says nothing of who asks."""
    key: str = ""
    session: str = ""
    """The token of a browser's cookie."""
    node: str | None = None
    """Whose certificate the connection showed."""


def facts_of(head: RequestHead, peer: str, node: str | None = None) -> Facts:
    """`node`: by the certificate."""
    fields = head.fields
    origin = fields.get(b"origin")
    return Facts(
        peer,
        fields.get(b"host", b"").decode(*_TEXT),
        None if origin is None else origin.decode(*_TEXT),
        fields[b"sec-fetch-site"].decode(*_TEXT) if b"sec-fetch-site" in fields else "",
        fields.get(b"sec-fetch-mode") == b"navigate" and fields.get(b"sec-fetch-dest") == b"document",
        fields.get(b"content-type", b"").partition(b";")[0].strip().lower().decode(*_TEXT),
        not _PROXIED.isdisjoint(fields),
        shown_key(fields) if b"authorization" in fields or b"x-api-key" in fields else "",
        token_in(fields[b"cookie"]) if b"cookie" in fields else "",
        node,
    )


def shown_key(fields: dict[bytes, bytes]) -> str:
    """Of a head's fields, the key that counts: one of ours before any other; empty: there is none."""
    scheme, _, token = fields.get(b"authorization", b"").decode(*_TEXT).partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    header = fields.get(b"x-api-key", b"").decode(*_TEXT).strip()
    return header if header.startswith(OURS) and not bearer.startswith(OURS) else bearer or header


@functools.lru_cache(4_096)
def is_loopback(peer: str) -> bool:
    """Whether a connection is with this machine itself, by its loopback."""
    value = _address(peer)
    return value is not None and value.is_loopback


@functools.lru_cache(4_096)
def is_near(peer: str) -> bool:
    """Whether it comes from an address that the internet does not route: what open mode is for."""
    value = _address(peer)
    return value is not None and kind_of(value) in _NEAR


def _address(text: str) -> IpAddress | None:
    try:
        value = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(value, "ipv4_mapped", None) or value
