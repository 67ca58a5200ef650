"""Why a connection failed, in words that people know."""

import asyncio
import errno
import ssl

import aiohttp
import pytest

from shared.sockets import why_not


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_refusal_is_told_in_the_systems_words(host: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://{host}:9/")
    assert why_not(caught.value) == "Connection refused"


def test_what_the_system_does_not_number_is_told_as_it_is() -> None:
    assert why_not(OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.1', 9)")) == "No route to host"
    assert why_not(TimeoutError()) == "timed out"
    assert why_not(ssl.SSLError(1, "bad certificate")) == "bad certificate"
    assert why_not(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert why_not(asyncio.IncompleteReadError(b"", 3)).startswith("0 bytes read")
