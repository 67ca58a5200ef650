"""Strangers who say nothing take no places for ever, and who is shown out at the last moment is asked nothing."""

import asyncio

import pytest

from shared.http1.exchange import Exchange
from shared.http1.faults import NotConnected
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.trust.certified import Certified
from shared.trust.contexts import calling, listening
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import serving
from tests.shared.http1.test_tls import asks, who
from tests.shared.trust.fleet_of_two import COORDINATOR, NODE, Fleet, fleet


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


async def test_of_too_many_that_say_nothing_the_oldest_gives_way(two: Fleet) -> None:
    tls, limits = listening(two.coordinator, required=True), Limits(doors=8)
    pool = Pool(Limits(), calling(two.node))
    async with serving(who, limits, tls=tls, plain=False) as (server, (host, port, *_)):
        held = [await asyncio.open_connection(host, port) for _ in range(20)]
        await eventually(lambda: held[11][0].at_eof() or held[11][0].exception() is not None)
        assert len(server.doors) == 8
        assert await asks(pool, Address(host, port, True, COORDINATOR)) == NODE.encode()
        assert len(server.doors) == 7
        for _, writer in held:
            writer.transport.abort()
        await eventually(lambda: not server.doors)


async def test_who_is_removed_at_the_end_of_the_handshake_is_asked_nothing(two: Fleet) -> None:
    """Between the moment in which it proved its name and the first byte of a request others have their turn."""
    asked, told = [], [True]

    def admits(_peer: Certified) -> bool:
        return told.pop() if told else False

    async def handler(exchange: Exchange) -> None:
        asked.append(exchange)

    pool = Pool(Limits(), calling(two.node), admits=admits)
    async with serving(handler, tls=listening(two.coordinator, required=True)) as (server, (host, port, *_)):
        with pytest.raises(NotConnected):
            await asks(pool, Address(host, port, True, COORDINATOR))
        assert not told
        await eventually(lambda: not server.connections)
    assert not asked
    assert pool.open_to(Address(host, port, True, COORDINATOR)) == 0
