"""Headers on their way through the gateway."""

import pytest
from aiohttp import hdrs

from agent.passed_headers import passed


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "CONTENT-LENGTH"])
def test_a_length_can_be_taken_away_however_it_is_spelt(name: str) -> None:
    headers = passed({name: "7", "X-Request-Id": "r1"})
    assert headers.pop(hdrs.CONTENT_LENGTH) == "7"
    assert headers == {"X-Request-Id": "r1"}


@pytest.mark.parametrize(
    "name", ["authorization", "Host", "x-fleet-gateway-fault", "transfer-encoding", "Server"]
)
def test_what_belongs_to_one_connection_stays(name: str) -> None:
    assert passed({name: "x"}) == {}
