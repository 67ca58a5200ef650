"""The identity of one request, from its headers or made here, the same in logs, traces and answers."""

import secrets
import time
import uuid

from aiohttp import web

from shared.names import CallId, acceptable_call_id

REQUEST_ID = "X-Request-Id"
_KEY = web.RequestKey("herd_request_id", CallId)


BEGUN = web.RequestKey("herd_begun", bool)
"""Set once the status of the answer has been sent."""


def uuid7() -> uuid.UUID:
    """RFC 9562 version 7: 48 bits of Unix milliseconds, then random, so that ids sort by time."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def identify(request: web.Request) -> CallId:
    """The caller's id where it is acceptable, else a new one; remembered with the request."""
    known = request.get(_KEY)
    if known is None:
        known = acceptable_call_id(request.headers.get(REQUEST_ID)) or CallId(str(uuid7()))
        request[_KEY] = known
    return known


def request_id_header(request: web.Request) -> dict[str, str]:
    """For the engine."""
    return {REQUEST_ID: identify(request)}
