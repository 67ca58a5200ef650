"""Which headers go through the gateway, there and back. Pure."""

from collections.abc import Mapping

from shared.http1.heads import Head, Header
from shared.wire import GATEWAY_FAULT_HEADER

_NOT_PASSED = frozenset(
    (b"host", b"authorization", b"expect", b"date", b"server", GATEWAY_FAULT_HEADER.lower().encode())
)
_NOTHING: Mapping[str, str] = {}


def passed(head: Head, more: Mapping[str, str] = _NOTHING) -> list[Header]:
    """Without those of one connection or of the body's length. `more` stand in the place of those of their names."""
    if not more:
        return head.end_to_end(_NOT_PASSED)
    added = [(name.encode(), value.encode()) for name, value in more.items()]
    return head.end_to_end(_NOT_PASSED | {name.lower() for name, _ in added}) + added


def with_type(headers: list[Header], content_type: Header) -> list[Header]:
    """That one, whatever the type was before."""
    return [header for header in headers if header[0].lower() != b"content-type"] + [content_type]
