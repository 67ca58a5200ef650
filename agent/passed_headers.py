"""Which headers go through the gateway, there and back. Pure."""

from collections.abc import Mapping

from aiohttp import hdrs

from shared.wire import GATEWAY_FAULT_HEADER

_NOT_PASSED = frozenset(
    name.lower()
    for name in (
        hdrs.HOST,
        hdrs.AUTHORIZATION,
        hdrs.CONNECTION,
        hdrs.KEEP_ALIVE,
        hdrs.TRANSFER_ENCODING,
        hdrs.DATE,
        hdrs.SERVER,
        GATEWAY_FAULT_HEADER,
    )
)
_SPELT = {name.lower(): str(name) for name in (hdrs.CONTENT_LENGTH, hdrs.CONTENT_TYPE)}
"""Those that the gateway changes. Where aiohttp has no C parser, they come as a server spells them."""


def passed(headers: Mapping[str, str]) -> dict[str, str]:
    """By name."""
    return {
        _SPELT.get(name.lower(), name): value
        for name, value in headers.items()
        if name.lower() not in _NOT_PASSED
    }
