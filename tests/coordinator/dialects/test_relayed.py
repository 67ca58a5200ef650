"""Which headers of an engine's answer a caller sees: what speaks for this address in a browser is not the engine's."""

import pytest

from coordinator.dialects.relay import relayed
from shared.http1.heads import ResponseHead, parse_response

SPEAKS_FOR_US = (
    *(
        "Set-Cookie: a=b",
        "Location: http://evil.example",
        "Access-Control-Allow-Origin: *",
        "Refresh: 0; url=x",
    ),
    *("Strict-Transport-Security: max-age=1", "Alt-Svc: h3", "Clear-Site-Data: x", "WWW-Authenticate: Basic"),
    *("Cross-Origin-Opener-Policy: x", "X-Fleet-Node: other", "X-Request-Id: other", "Server: x"),
)


def head(*lines: str) -> ResponseHead:
    return parse_response("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode(), 100)


@pytest.mark.parametrize("line", SPEAKS_FOR_US, ids=[line.partition(":")[0] for line in SPEAKS_FOR_US])
def test_an_engine_does_not_speak_for_the_coordinator(line: str) -> None:
    assert relayed(head(line, "X-Ratelimit-Remaining: 7")) == [(b"X-Ratelimit-Remaining", b"7")]
