"""Who may speak, and who is spoken to: by certificates, on one port with plain HTTP."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

import pytest

from shared.http1.door import TLS_ONLY
from shared.http1.exchange import Exchange
from shared.http1.faults import BrokenOff, NotConnected, NotSent, Unanswered, UpstreamFault, WrongPeer
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.trust.authority import Authority
from shared.trust.certified import Certified
from shared.trust.contexts import calling, listening, trusting
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, SOON_S, Peer, asked, connected, serving, told, upstream
from tests.shared.trust.fleet_of_two import COORDINATOR, NODE, OTHER, Fleet, fleet, member

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


async def who(exchange: Exchange) -> None:
    """Whom the server takes its caller for."""
    peer = exchange.certified
    exchange.respond(200, [], peer.name.encode() if peer else b"nobody")


async def asks(pool: Pool, address: Address) -> bytes:
    response = await pool.request(address, b"GET", b"/", [])
    return await response.whole(LIMIT)


async def test_one_port_for_both(two: Fleet) -> None:
    tls = listening(two.coordinator, required=False)
    known, unknown = (
        Pool(Limits(), calling(two.node)),
        Pool(Limits(), trusting(two.authority.certificate_pem)),
    )
    async with serving(who, tls=tls) as (server, (host, port, *_)):
        secure = Address(host, port, True, COORDINATOR)
        assert await asks(known, secure) == NODE.encode()
        assert await asks(unknown, secure) == b"nobody"
        assert await asks(known, Address(host, port)) == b"nobody"
        assert (known.open_to(secure), known.open_to(Address(host, port))) == (1, 1)
        assert await asks(known, secure) == NODE.encode()
        assert len(server.connections) == 3
        known.close()
        unknown.close()
        await eventually(lambda: not server.connections and not server.doors)


async def test_a_handshake_that_comes_byte_by_byte(two: Fleet) -> None:
    """From the first byte on: none is lost between the socket and TLS."""
    async with serving(who, tls=listening(two.coordinator, required=False), plain=False) as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = calling(two.node).wrap_bio(incoming, outgoing)
        answer: object = b""
        async with asyncio.timeout(SOON_S):
            for step in (tls.do_handshake, lambda: tls.write(GET), lambda: tls.read(LIMIT)):
                while True:
                    try:
                        answer = step()
                        break
                    except ssl.SSLWantReadError:
                        await dripped(writer, outgoing.read())
                        incoming.write(await reader.read(LIMIT))
                await dripped(writer, outgoing.read())
        assert isinstance(answer, bytes)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(NODE.encode())
        writer.close()


async def dripped(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)


async def test_where_tls_is_a_must_plain_http_is_told_so(two: Fleet) -> None:
    called = []

    async def handler(exchange: Exchange) -> None:
        called.append(exchange)

    tls = listening(two.coordinator, required=True)
    async with serving(handler, tls=tls, plain=False) as (server, address):
        assert await told(Address(address.host, address.port), GET) == TLS_ONLY
        await eventually(lambda: not server.doors)
    assert not called


@pytest.mark.parametrize("name", [OTHER, COORDINATOR + "0", "herd:"], ids=["node", "longer", "empty"])
async def test_nobody_but_who_was_looked_for_is_asked(two: Fleet, name: str) -> None:
    requests = []

    async def handler(exchange: Exchange) -> None:
        requests.append(exchange)

    pool = Pool(Limits(), calling(two.node))
    async with serving(handler, tls=listening(two.coordinator, required=True)) as (server, address):
        with pytest.raises(WrongPeer):
            await asks(pool, Address(address.host, address.port, True, name))
        await eventually(lambda: not server.connections and not server.doors)
    assert not requests


async def test_a_server_of_another_fleet_is_asked_nothing(two: Fleet) -> None:
    rogue = member(Authority.create(time.time()), COORDINATOR)
    pool = Pool(Limits(), calling(two.node))
    async with serving(who, tls=listening(rogue, required=False)) as (_, (host, port, *_)):
        with pytest.raises(NotConnected, match="certificate verify failed"):
            await asks(pool, Address(host, port, True, COORDINATOR))


async def test_who_has_no_certificate_sends_nothing_that_wants_one() -> None:
    with pytest.raises(NotConnected, match="not joined"):
        await asks(Pool(Limits()), Address("127.0.0.1", 1, True, COORDINATOR))


async def test_plain_http_behind_the_port_is_no_tls(two: Fleet) -> None:
    async with serving(who) as (_, (host, port, *_)):
        with pytest.raises(NotSent):
            await asks(Pool(Limits(), calling(two.node)), Address(host, port, True, COORDINATOR))


async def test_who_is_not_admitted_is_not_served(two: Fleet) -> None:
    """As after `herd remove`: the certificate is good, the node is not."""
    removed: set[str] = set()

    def admits(peer: Certified) -> bool:
        return peer.name not in removed

    pool = Pool(Limits(), calling(two.node))
    tls = listening(two.coordinator, required=True)
    async with serving(who, tls=tls, admits=admits) as (server, (host, port, *_)):
        address = Address(host, port, True, COORDINATOR)
        assert await asks(pool, address) == NODE.encode()
        removed.add(NODE)
        assert server.cut(lambda peer: peer.name in removed) == 1
        await eventually(lambda: not pool.open_to(address))
        with pytest.raises(UpstreamFault):
            await asks(pool, address)
        await eventually(lambda: not server.connections and not server.doors)


async def test_a_call_under_way_is_cut_with_its_peer(two: Fleet) -> None:
    ended = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.start(200, [])
        exchange.write(b"first")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    pool = Pool(Limits(), calling(two.node))
    async with serving(handler, tls=listening(two.coordinator, required=True)) as (server, (host, port, *_)):
        address = Address(host, port, True, COORDINATOR)
        cuts: list[Callable[[], int]] = [
            lambda: server.cut(lambda peer: peer.name == NODE),
            lambda: pool.cut(COORDINATOR),
        ]
        for cut in cuts:
            ended.clear()
            response = await pool.request(address, b"GET", b"/", [])
            assert await response.read() == b"first"
            assert cut() == 1
            with pytest.raises(BrokenOff):
                await response.read()
            async with asyncio.timeout(SOON_S):
                await ended.wait()
        assert pool.cut(OTHER) == 0
        await eventually(lambda: not server.connections)


async def test_a_new_certificate_is_shown_to_those_who_come_later(two: Fleet) -> None:
    seen: list[Certified] = []

    def admits(peer: Certified) -> bool:
        seen.append(peer)
        return True

    pool = Pool(Limits(pooled=0), calling(two.node), admits=admits)
    async with serving(who, tls=listening(two.coordinator, required=True)) as (server, (host, port, *_)):
        address = Address(host, port, True, COORDINATOR)
        await asks(pool, address)
        server.tls = listening(member(two.authority, COORDINATOR), required=True)
        await asks(pool, address)
    assert {each.name for each in seen} == {COORDINATOR}
    assert len({each.fingerprint for each in seen}) == 2


async def test_an_end_without_a_goodbye_is_no_end(two: Fleet) -> None:
    """Anybody on the way can end a connection; only the peer can say that it did."""
    server_tls = listening(two.coordinator, required=False)
    for honest in (True, False):

        async def script(peer: Peer, honest: bool = honest) -> None:
            await asked(peer)
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            await peer.writer.drain()
            if honest:
                peer.close()
            else:
                peer.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

        async with upstream(script, server_tls) as (_, (host, port, *_)):
            asking = asks(Pool(Limits(), calling(two.node)), Address(host, port, True, COORDINATOR))
            if honest:
                assert await asking == b"hello"
            else:
                with pytest.raises(BrokenOff):
                    await asking


async def test_a_client_that_the_server_refuses_is_told_that_nothing_came_of_it(two: Fleet) -> None:
    """A client's handshake is over before the server has judged its certificate."""
    expired = member(two.authority, NODE, days=-0.5)
    async with serving(who, tls=listening(two.coordinator, required=True)) as (_, (host, port, *_)):
        with pytest.raises((Unanswered, NotSent)):
            await asks(Pool(Limits(), calling(expired)), Address(host, port, True, COORDINATOR))


async def test_half_a_handshake_is_not_waited_for(two: Fleet) -> None:
    tls, limits = listening(two.coordinator, required=True), Limits(handshake_s=0.2)
    async with serving(who, limits, tls=tls) as (server, (host, port, *_)):
        async with connected(Address(host, port), b"\x16\x03\x01\x02\x00\x01") as peer:
            await eventually(lambda: server.doors)
            with pytest.raises(ConnectionResetError):
                await peer.rest()
        await eventually(lambda: not server.doors and not server._shaking)


async def test_of_too_many_handshakes_the_oldest_gives_way(two: Fleet) -> None:
    tls, limits = listening(two.coordinator, required=True), Limits(handshakes=8)
    pool = Pool(Limits(), calling(two.node))
    async with serving(who, limits, tls=tls) as (server, (host, port, *_)):
        held = [await asyncio.open_connection(host, port) for _ in range(20)]
        for _, writer in held:
            writer.write(b"\x16\x03\x01")
        await eventually(lambda: len(server.doors) == 8)
        assert await asks(pool, Address(host, port, True, COORDINATOR)) == NODE.encode()
        assert len(server._shaking) == 7
        for _, writer in held:
            writer.transport.abort()
        await eventually(lambda: not server.doors and not server._shaking)


async def test_a_stop_waits_for_nobody_at_the_door(two: Fleet) -> None:
    tls = listening(two.coordinator, required=True)
    async with serving(who, tls=tls) as (server, (host, port, *_)), connected(Address(host, port)) as peer:
        peer.send(b"\x16")
        await eventually(lambda: server.doors)
        await server.stop(5.0)
        assert not server.doors
