"""Requests whose end is in doubt come to the gateway from nobody but an attacker; no engine may see them."""

import asyncio

from shared.http1.pool import Address
from shared.wire import engine_path
from tests.agent.test_gateway import SECRET, gateway_before
from tests.fleet.played import line, played, playing, saying, whole
from tests.fleet.raw_http import request
from tests.fleet.smuggled import ALL, BODY
from tests.shared.http1.peers import SOON_S, connected

PATH = engine_path("ollama", "/api/chat")
KEY = ("Authorization", f"Bearer {SECRET}")
GOOD = request("POST", PATH, BODY.replace(b"smuggled", b"hidden"), (KEY,)).replace(
    b"Connection: close\r\n", b""
)


async def test_a_request_whose_end_is_in_doubt_reaches_no_engine_nor_does_what_follows() -> None:
    done = saying(whole(line("", done=True)))
    async with (
        playing({"hidden": done, "smuggled": done}) as engine,
        gateway_before(engine.address) as (_, address, _session),
    ):
        host, _, port = address.removeprefix("http://").partition(":")
        at = Address(host, int(port))
        wrong = {}
        for name, (lines, rest) in ALL.items():
            head = f"POST {PATH} HTTP/1.1\r\nHost: n\r\n{KEY[0]}: {KEY[1]}\r\n".encode()
            async with connected(at, head + lines + b"\r\n" + rest + GOOD * 3) as peer:
                said = await peer.rest()
            reached = [played(told.body) for told in engine.told]
            engine.told.clear()
            if not said.startswith(b"HTTP/1.1 400 ") or said.count(b"HTTP/1.1 ") != 1 or reached:
                wrong[name] = said[:200], reached
        assert wrong == {}
        async with connected(at, GOOD * 3) as peer, asyncio.timeout(SOON_S):
            for _ in range(3):
                head, _ = await peer.answer()
                assert head.startswith(b"HTTP/1.1 200 ")
