"""Web pages of other origins that a person allowed (FLEET_ORIGINS): what their browsers have to be told. Pure."""

import re
from collections.abc import Iterable

from shared.http1.heads import Header, RequestHead

REMEMBERED_S = 600
"""How long a browser may rely on a yes."""
_NAMES = re.compile(rb"[A-Za-z0-9-]{1,64}(?: *, *[A-Za-z0-9-]{1,64}){0,63}")
_SHOWN = b"X-Request-Id, X-Fleet-Node, X-Fleet-Served-Model, X-Fleet-Fallback, Retry-After"


class Cors:
    """Off where there are no origins."""

    def __init__(self, origins: Iterable[str]) -> None:
        """As browsers write them: scheme://host[:port]."""
        self.origins = frozenset(each.lower().rstrip("/") for each in origins)

    def allows(self, origin: str | None) -> bool:
        """Whether that page may ask, with a key as anybody."""
        return origin is not None and origin.lower() in self.origins

    def headers(self, origin: str | None) -> list[Header]:
        """Of an answer to that page."""
        if not self.origins:
            return []
        if origin is None or not self.allows(origin):
            return [(b"Vary", b"Origin")]
        return [
            (b"Vary", b"Origin"),
            (b"Access-Control-Allow-Origin", origin.encode()),
            (b"Access-Control-Expose-Headers", _SHOWN),
        ]

    def preflight(self, head: RequestHead) -> list[Header] | None:
        """Of the answer to a browser that asks whether it may ask; None: this is no such question, or it may not."""
        origin = head.get(b"origin").decode("utf-8", "replace")
        method = b"access-control-request-method"
        if head.method != b"OPTIONS" or method not in head.fields or not self.allows(origin):
            return None
        told = [
            *self.headers(origin),
            (b"Access-Control-Allow-Methods", b"GET, HEAD, POST, DELETE"),
            (b"Access-Control-Max-Age", b"%d" % REMEMBERED_S),
        ]
        if _NAMES.fullmatch(wanted := head.get(b"access-control-request-headers")):
            told.append((b"Access-Control-Allow-Headers", wanted))
        if head.get(b"access-control-request-private-network") == b"true":
            told.append((b"Access-Control-Allow-Private-Network", b"true"))
        return told
