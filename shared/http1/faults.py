"""What can go wrong with a message or its connection. The programs translate it into their own errors.

HttpFault
├── BadMessage        what came is not HTTP/1.1 as it is spoken here; `status`: what a server answers
│   └── TooLarge      a body beyond the limit that was asked for
├── ClientGone        the client left before its request or answer was complete
└── UpstreamFault     an upstream gave no answer, or not all of it
    ├── NotSent       no byte of the request left: another connection or address may be tried
    │   ├── NotConnected    the address cannot be reached
    │   │   └── WrongPeer   whoever answers there is not who was asked for
    │   └── TooManyOpen     the bound on connections to this address
    ├── Unanswered    the request left, nothing came back; `stale`: on a connection that had been idle
    ├── Malformed     what came back is no answer
    └── BrokenOff     an answer began and stopped short
"""


class HttpFault(Exception):
    """The text is for logs and callers: it never repeats what the peer sent."""


class BadMessage(HttpFault):
    """Refused; the connection is of no further use."""

    def __init__(self, summary: str, status: int = 400) -> None:
        super().__init__(summary)
        self.status = status


class TooLarge(BadMessage):
    """Read no further."""

    def __init__(self, limit: int) -> None:
        """`limit` in bytes."""
        super().__init__(f"the body is larger than {limit} bytes", 413)
        self.limit = limit


class ClientGone(HttpFault):
    """Nobody is there to be answered."""


class UpstreamFault(HttpFault):
    """The upstream's, never the caller's."""


class NotSent(UpstreamFault):
    """Nothing has happened yet."""


class NotConnected(NotSent):
    """No route, refused, or not in time."""


class WrongPeer(NotConnected):
    """Its certificate names another, or none."""


class TooManyOpen(NotSent):
    """A bound of ours."""


class Unanswered(UpstreamFault):
    """The connection ended before the first byte of an answer; the upstream may have worked on it."""

    def __init__(self, summary: str, *, stale: bool) -> None:
        """`stale`: the connection had served before, so that it may have been closed as the request left."""
        super().__init__(summary)
        self.stale = stale


class Malformed(UpstreamFault):
    """Not HTTP/1.1, or beyond a limit."""


class BrokenOff(UpstreamFault):
    """Bytes came, then stopped."""
