"""Where agents join: /join and /join/renew. Whoever asks proves itself; nothing of it goes over a plain connection."""

import msgspec
from aiohttp import web

from coordinator.dashboard.asked import answer
from coordinator.dialects.body import decode_head, read_body
from coordinator.joining.reception import Reception
from coordinator.requests import CallerRequest, caller_of
from shared.errors import BodyTooLarge, CallerFault, Forbidden
from shared.joining_wire import PATH, RENEWAL, JoinRequest, RenewRequest

BODY_LIMIT = 16 * 2**10
"""Bytes of a question."""


class JoinRoutes:
    """Its addresses."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def routes(self) -> list[web.RouteDef]:
        """`/join` is for strangers, and bounded; `/join/renew` for nodes."""
        return [web.post(PATH, self.join), web.post(RENEWAL, self.renew)]

    async def join(self, request: web.Request) -> web.Response:
        """POST /join, a JoinRequest"""
        caller = _over_tls(request)
        asked = decode_head(await _body(caller), JoinRequest)
        return _told(await self._reception.join(asked, caller.exchange.peer))

    async def renew(self, request: web.Request) -> web.Response:
        """POST /join/renew, a RenewRequest"""
        caller = _over_tls(request)
        asked = decode_head(await _body(caller), RenewRequest)
        return _told(await self._reception.renew(caller.exchange.certified, asked.public_key))


def _over_tls(request: web.Request) -> CallerRequest:
    caller = caller_of(request)
    if caller.content_type != "application/json" or caller.headers.get("Origin") is not None:
        raise CallerFault("a question to join is JSON from an agent, not from a web page")
    if not caller.exchange.secure:
        raise Forbidden("joining goes over TLS: herd-node does so by itself")
    return caller


async def _body(caller: CallerRequest) -> bytes:
    if caller.length > BODY_LIMIT:
        raise BodyTooLarge(f"a question to join has at most {BODY_LIMIT} bytes")
    body = await read_body(caller)
    if len(body) > BODY_LIMIT:
        raise BodyTooLarge(f"a question to join has at most {BODY_LIMIT} bytes")
    return body


def _told(reply: msgspec.Struct) -> web.Response:
    return answer(reply)
