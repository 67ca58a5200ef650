"""What the gateway itself answers to a call that it cannot pass on."""

import msgspec
from aiohttp import web

from shared.errors import Draining, EngineBusy, FleetError, GatewayUnreachable, StreamBroken
from shared.wire import GATEWAY_FAULT_HEADER

_FAULTS: dict[type[FleetError], str] = {
    Draining: "draining",
    GatewayUnreachable: "unreachable",
    StreamBroken: "broken",
    EngineBusy: "busy",
}


def refusal(error: FleetError) -> web.Response:
    """The header says which fault it was; the body's words are for a person."""
    headers = {GATEWAY_FAULT_HEADER: _FAULTS.get(type(error), "refused")}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    body = msgspec.json.encode({"error": str(error)})
    return web.Response(status=error.status, body=body, content_type="application/json", headers=headers)
