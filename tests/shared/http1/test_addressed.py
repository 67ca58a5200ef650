"""What cannot be read is refused in the words of the path that it was for."""

import pytest

from shared.http1.limits import Limits
from tests.shared.http1.peers import serving, told


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (b"POST /v1/a?b HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", b"/v1/a"),
        (b"POST /v1/a HTTP/1.1\nHost: a\n\n", b"/v1/a"),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"/a"),
        (b"GET /v1/a HTTP/1.1\r\nX: " + b"a" * 400, b"/v1/a"),
        (b"GET /v1/a\0 HTTP/1.1\r\n\r\n", b"?"),
        (b"\x16\x03\x01\x02\x00\x01", b"?"),
    ],
)
async def test_a_refusal_knows_where_the_request_was_going(said: bytes, path: bytes) -> None:
    async with serving(limits=Limits(head=300)) as (_, address):
        assert b'"path":"%b"' % path in await told(address, said)
