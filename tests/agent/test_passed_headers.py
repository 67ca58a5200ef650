"""Headers on their way through the gateway."""

import pytest

from agent.passed_headers import passed, with_type
from shared.http1.heads import ResponseHead

ID = (b"X-Request-Id", b"r1")


@pytest.mark.parametrize(
    "name",
    [
        *(b"authorization", b"Host", b"x-fleet-gateway-fault", b"transfer-encoding", b"Server"),
        *(b"content-length", b"Content-Length", b"Expect", b"TE", b"Keep-Alive"),
    ],
)
def test_what_belongs_to_one_connection_stays(name: bytes) -> None:
    assert passed(ResponseHead(200, [(name, b"7"), ID])) == [ID]


def test_so_does_what_the_connection_says_is_its_own() -> None:
    assert passed(ResponseHead(200, [(b"Connection", b"X-Hop"), (b"x-hop", b"1"), ID])) == [ID]


def test_an_engines_own_headers_take_the_place_of_others() -> None:
    head = ResponseHead(200, [(b"x-key", b"theirs"), ID])
    assert passed(head, {"X-Key": "ours"}) == [ID, (b"X-Key", b"ours")]


def test_a_type_is_replaced_however_it_is_spelt() -> None:
    new = (b"Content-Type", b"application/json")
    assert with_type([(b"content-type", b"text/plain"), ID], new) == [ID, new]
