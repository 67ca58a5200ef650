"""What a gateway's answer means that is no answer to the call: words, status and headers as errors. Pure."""

import msgspec

from shared.errors import (
    BodyTooLarge,
    Draining,
    EngineBusy,
    EngineCrashed,
    FleetError,
    GatewayUnreachable,
    NodeFailure,
    StreamBroken,
)
from shared.http1.heads import ResponseHead
from shared.wire import GATEWAY_FAULT_HEADER

ERROR_TEXT_LIMIT = 64 * 2**10
"""Bytes of an engine's error body that are read."""
SHOWN_LIMIT = 500
"""Characters of an engine's error that the caller is shown."""
RETRY_AFTER_LONGEST_S = 300
CRASHED = (
    "runner process has terminated",
    "runner process no longer running",
    "runner has unexpectedly stopped",
    "running the model: unexpected EOF",
)
"""How an engine says, in an answer of status 500, that the process that ran the model died."""

_FAULT = GATEWAY_FAULT_HEADER.lower().encode()


def is_failure(head: ResponseHead) -> bool:
    """Not the engine's answer to this call: its collapse, its full queue, or the gateway's own word."""
    status = head.status
    return status >= 500 or status == 429 or 300 <= status < 400 or _FAULT in head.fields


def failure(head: ResponseHead, body: bytes, where: str) -> FleetError:
    """What it means; `where` for people."""
    status, fault = head.status, head.get(_FAULT)
    if fault == b"draining":
        return Draining(f"{where} is draining", retry_after=1)
    if fault == b"broken":
        return StreamBroken(f"{where} broke the connection")
    if fault == b"refused":
        return _refused(status, where)
    summary, said = f"{where} answered {status}", engine_error_text(body)
    if status in (429, 503):
        retry_after = head.get(b"retry-after").decode("latin-1")
        return EngineBusy(summary, said=said, retry_after=_seconds(retry_after))
    if any(words in said for words in CRASHED):
        return EngineCrashed(summary, said=said)
    return NodeFailure(summary, said=said)


def _refused(status: int, where: str) -> FleetError:
    """The gateway would not pass the call on."""
    if status == 413:
        return BodyTooLarge(
            f"the body is larger than the gateway of {where} passes on (FLEET_NODE_BODY_LIMIT)"
        )
    if status == 401:
        return GatewayUnreachable(f"the gateway of {where} belongs to another coordinator")
    return NodeFailure(f"the gateway of {where} refused the call")


def _seconds(retry_after: str) -> int:
    """An engine's Retry-After, within reason."""
    if not retry_after.isdecimal() or len(retry_after) > 6:
        return 1
    return max(1, min(int(retry_after), RETRY_AFTER_LONGEST_S))


def engine_error_text(body: bytes) -> str:
    """The message inside an engine's error body, whatever its dialect; shortened."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = None
    error = decoded.get("error") if isinstance(decoded, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) else body.decode("utf-8", "replace").strip()
    return text[:SHOWN_LIMIT] or "no reason given"
