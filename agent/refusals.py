"""What the gateway itself answers to a call that it cannot pass on."""

import msgspec

from shared.errors import Draining, EngineBusy, FleetError, GatewayUnreachable, StreamBroken
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.wire import GATEWAY_FAULT_HEADER

JSON = (b"Content-Type", b"application/json; charset=utf-8")

_FAULT = GATEWAY_FAULT_HEADER.encode()
_FAULTS: dict[type[FleetError], bytes] = {
    Draining: b"draining",
    GatewayUnreachable: b"unreachable",
    StreamBroken: b"broken",
    EngineBusy: b"busy",
}
_REFUSED = b"refused"


def refusal(error: FleetError) -> tuple[int, list[Header], bytes]:
    """Status, headers, body. The header says which fault it was; the body's words are for a person."""
    headers = [JSON, (_FAULT, _FAULTS.get(type(error), _REFUSED))]
    if error.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % error.retry_after))
    return error.status, headers, _words(error)


def malformed(fault: BadMessage, _head: RequestHead | None) -> tuple[list[Header], bytes]:
    """Of what is no request, or too long; or of a fault of ours, which is an engine's to who called."""
    return [JSON, (_FAULT, _REFUSED)] if fault.status < 500 else [JSON], _words(fault)


def _words(error: Exception) -> bytes:
    return msgspec.json.encode({"error": str(error)})
