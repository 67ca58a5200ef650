"""An agent that asks a coordinator which cheats: it never shows digits that the other side could choose."""

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from agent.joining.joiner import FREE, LASTS_S, Joiner
from agent.joining.secrets_at_hand import SecretsAtHand
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.server import Server
from shared.joining_wire import JoinReply, JoinRequest
from shared.trust import code, token
from shared.trust.authority import Authority
from shared.trust.contexts import listening
from shared.trust.leaf import stands
from shared.trust.names import coordinator_name, node_name
from shared.trust.token import Token
from tests.shared.trust.fleet_of_two import member

IDENTITY = "c" * 32
AUTHORITY = Authority.create(time.time())
Replies = Callable[[JoinRequest], JoinReply | None]
"""None: the connection breaks."""


def refusal(_fault: BadMessage, _head: RequestHead | None) -> tuple[list[Header], bytes]:
    return [], b""


def pending(nonce: str) -> JoinReply:
    return JoinReply(status="pending", coordinator_id=IDENTITY, nonce=nonce)


def number() -> str:
    return secrets.token_bytes(code.NONCE_BYTES).hex()


@contextlib.asynccontextmanager
async def coordinator(replies: Replies) -> AsyncIterator[str]:
    """Its URL."""

    async def handler(exchange: Exchange) -> None:
        reply = replies(msgspec.json.decode(await exchange.body(2**15), type=JoinRequest))
        if reply is None:
            exchange.abort()
        else:
            exchange.respond(200, [], msgspec.json.encode(reply))

    held = member(AUTHORITY, coordinator_name(IDENTITY))
    server = Server(handler, refusal, Limits(), tls=listening(held, required=False))
    listener = socket.create_server(("127.0.0.1", 0))
    await server.listen([listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.stop(0.0)


def shown(caplog: pytest.LogCaptureFixture) -> list[str]:
    return re.findall(r"and shows (\d{6})", caplog.text)


def joiner(given: Token | None = None, *local: Path, clock: Callable[[], float] = time.monotonic) -> Joiner:
    return Joiner("n1", SecretsAtHand(given, local), clock)


async def test_whoever_has_its_number_chooses_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    """The connection breaks once the agent's number was told: what comes then was chosen with it in hand."""
    caplog.set_level(logging.WARNING, "herd-node.joining")
    known: dict[str, str] = {}
    wanted = set()

    def replies(request: JoinRequest) -> JoinReply | None:
        if request.nonce and request.public_key not in known:
            known[request.public_key] = request.nonce
            return None
        nonce = number()
        if theirs := known.get(request.public_key):
            said = (AUTHORITY.spki, request.public_key.encode(), bytes.fromhex(theirs))
            wanted.add(code.code(*said, bytes.fromhex(nonce)))
        return pending(nonce)

    async with coordinator(replies) as url:
        agent = joiner()
        for _ in range(6):
            assert await agent.join(url, IDENTITY) is None
    assert known
    assert wanted
    assert not wanted & set(shown(caplog))


async def test_who_makes_it_begin_anew_has_few_tries() -> None:
    """Each with digits that nobody could choose: it takes hundreds of thousands to meet some."""
    keys, now = set[str](), 0.0

    def replies(request: JoinRequest) -> JoinReply:
        keys.add(request.public_key)
        return pending(number())

    async with coordinator(replies) as url:
        agent = joiner(clock=lambda: now)
        while now < 3_600.0:
            await agent.join(url, IDENTITY)
            now += 2.0
    assert FREE < len(keys) <= FREE + 3_600.0 / LASTS_S + 5


async def test_a_token_of_this_machine_that_is_refused_is_not_shown_again(tmp_path: Path) -> None:
    """As of a coordinator that has moved elsewhere, with its data: a person lets this node in, or nobody."""
    left = tmp_path / "local-join"
    stale = token.new(AUTHORITY.spki)
    left.touch(0o600)
    left.write_text(stale.text)
    told: list[str] = []

    def replies(request: JoinRequest) -> JoinReply:
        told.append(request.token_id)
        if request.token_id:
            raise BadMessage("it is not good", 401)
        return pending("0" * 32)

    async with coordinator(replies) as url:
        agent = joiner(None, left)
        for _ in range(2):
            assert await agent.join(url, IDENTITY) is None
        assert told == [stale.id, "", ""]
        another = token.new(AUTHORITY.spki)
        left.write_text(another.text)
        await agent.join(url, IDENTITY)
        assert told[3:] == [another.id]


async def test_who_is_let_in_is_a_member_and_who_is_denied_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status: list[Literal["admitted", "denied"]] = ["denied", "admitted"]

    def replies(request: JoinRequest) -> JoinReply:
        certificate = AUTHORITY.sign(request.public_key.encode(), node_name("n1"), now=time.time())
        now = status.pop(0)
        text = certificate.decode() if now == "admitted" else ""
        return JoinReply(status=now, coordinator_id=IDENTITY, certificate=text, reason="a person said no")

    async with coordinator(replies) as url:
        agent = joiner()
        assert await agent.join(url, IDENTITY) is None
        assert "n1 was not let in: a person said no" in caplog.text
        membership = await agent.join(url, IDENTITY)
    assert membership is not None
    assert membership.coordinator_id == IDENTITY
    assert stands(membership.held(), node_name("n1"))


async def test_a_token_says_which_coordinator_may_be_meant() -> None:
    async with coordinator(lambda _request: None) as url:
        assert await joiner().may_be_meant(url)
        assert await joiner(token.new(AUTHORITY.spki)).may_be_meant(url)
        assert not await joiner(token.new(b"o" * 32)).may_be_meant(url)
    assert not await joiner(token.new(AUTHORITY.spki)).may_be_meant(url)


async def test_nothing_but_its_own_certificate_is_taken() -> None:
    """A name or a key of somebody else's, or what is none: the agent says so and asks on."""
    made: list[str] = []

    def replies(request: JoinRequest) -> JoinReply:
        return JoinReply(status="admitted", coordinator_id=IDENTITY, certificate=made.pop())

    other = member(AUTHORITY, "herd-node:n1").certificate_pem.decode()
    async with coordinator(replies) as url:
        for wrong in (other, "", "no certificate"):
            made.append(wrong)
            assert await joiner().join(url, IDENTITY) is None
        assert not made
        assert await joiner().join(url, "d" * 32) is None  # it cannot prove that name
    await asyncio.sleep(0)
