"""Certificates are replaced while everything goes on. Real programs; only the agent's calendar is the test's."""

import time
from pathlib import Path

import aiohttp

from agent.joining.joiner import Joiner
from agent.joining.membership import MembershipFile
from agent.joining.plain import Plain
from agent.joining.secrets_at_hand import SecretsAtHand
from agent.joining.ties import Ties
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.server import Server
from shared.trust.token import parse
from tests.fleet.harness import herd
from tests.fleet.joining import beats, token

DAY_S = 86_400.0


async def never(_exchange: Exchange) -> None:
    """Nobody comes."""


def refused(_fault: BadMessage, _head: RequestHead | None) -> tuple[list[Header], bytes]:
    """Nobody comes."""
    return [], b""


async def test_a_certificate_that_is_due_is_replaced_and_one_that_ran_out_is_had_anew(tmp_path: Path) -> None:
    later = 0.0
    async with herd(tmp_path) as coordinator, aiohttp.ClientSession() as session:
        file = MembershipFile(tmp_path / "node")
        (tmp_path / "node").mkdir()
        at_hand = SecretsAtHand(parse(await token(coordinator)), ())
        door = Server(never, refused, Limits(), plain=False)
        joiner = Joiner("n1", at_hand)
        ties = Ties(file, joiner, Plain(session), door, open_=False, wall_clock=lambda: time.time() + later)
        await ties.read()
        url = coordinator.address
        assert await ties.ready(url)
        first, shown = file.read(), door.tls
        assert first is not None
        await ties.taken(url)
        assert file.read() == first
        later = 21 * DAY_S
        await ties.taken(url)
        second = file.read()
        assert second is not None
        assert (second.key, second.certificate) != (first.key, first.certificate)
        assert second.authority == first.authority
        assert door.tls is not shown
        assert (await beats(coordinator, first, node_id="n1", gateway_port=9))[0] == 200
        assert (await beats(coordinator, second, node_id="n1", gateway_port=9, seq=2))[0] == 200
        assert (await beats(coordinator, first, node_id="n1", gateway_port=9, seq=3))[0] == 401
        later = 80 * DAY_S
        assert await ties.ready(url)
        third = file.read()
        assert third is not None
        assert third.certificate != second.certificate
        assert (await beats(coordinator, third, node_id="n1", gateway_port=9, seq=4))[0] == 200
        ties.close()
        await door.stop(0.0)
