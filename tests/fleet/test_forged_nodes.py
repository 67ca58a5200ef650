"""Who is no node gets nothing: without a token, with an old one, with a stolen name, with a copied certificate. A
forged gateway that writes down everything sees not one byte of a prompt.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from cryptography.hazmat.primitives import serialization

from shared.http1.faults import HttpFault
from shared.trust import code, possession
from shared.trust.authority import Authority
from shared.trust.contexts import calling, trusting
from shared.trust.fingerprints import certificate_of, spki_of
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of
from shared.trust.looking import look
from shared.trust.names import node_name
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import READY_S, Herd, herd, node
from tests.fleet.joining import (
    BEAT,
    asks,
    beats,
    certificate_file,
    membership,
    order,
    over_tls,
    pending,
    shown,
    stranger,
    token,
)
from tests.fleet.verbs import verb

pytestmark = pytest.mark.always

CUT_WITHIN_S = 10.0
BEATS_S = 5.0
"""Ten beats, if they were sent."""


@contextlib.asynccontextmanager
async def recorder() -> AsyncIterator[tuple[int, bytearray]]:
    """A port that takes every connection and writes down what comes."""
    written = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4_096):
            written.extend(piece)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], written


async def prompted(coordinator: Herd) -> None:
    """A call with a prompt that nobody forged may see; nobody can serve it."""
    message = [{"role": "user", "content": "a secret of the caller's"}]
    body = {"model": "m", "messages": message, "stream": False}
    async with coordinator.session.post(f"{coordinator.address}/api/chat", json=body) as response:
        assert response.status in (404, 503), await response.text()


async def test_a_beat_without_a_certificate_is_refused_and_nothing_is_sent_there(tmp_path: Path) -> None:
    async with recorder() as (port, written), herd(tmp_path, hold_timeout=0.5) as coordinator:
        beat = BEAT | {"node_id": "rogue", "gateway_port": port}
        async with coordinator.session.post(f"{coordinator.address}/heartbeat", json=beat) as response:
            assert response.status == 401
        identity = (await coordinator.get("/health"))["coordinator_id"]
        authority = (tmp_path / "herd" / "fleet" / "authority.pem").read_bytes()
        status, _ = await over_tls(coordinator, trusting(authority), identity, "/heartbeat", beat)
        assert status == 401
        with pytest.raises(HttpFault):  # an authority of its own makes no node of it
            await over_tls(coordinator, forged(authority), identity, "/heartbeat", beat)
        await prompted(coordinator)
        assert await coordinator.nodes() == {}
        assert written == b""


def forged(authority_pem: bytes) -> ssl.SSLContext:
    """A context that shows a certificate which another authority made."""
    key, other = new_key(), Authority.create(time.time())
    certificate = other.sign(public_of(key), node_name("n1"), now=time.time())
    context = calling(Held(key, certificate, other.certificate_pem))
    context.load_verify_locations(cadata=authority_pem.decode())
    return context


async def test_a_node_speaks_for_itself_only_and_each_beat_counts_once(tmp_path: Path) -> None:
    async with (
        recorder() as (port, written),
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n1", ollama=fake.address),
        node(tmp_path, coordinator.address, "n2", ollama=fake.address) as second,
    ):
        await coordinator.ready("n1", "n2")
        known = membership(tmp_path, "n2")
        status, _ = await beats(coordinator, known, node_id="n1", gateway_port=port, epoch=2**50)
        assert status == 403
        await second.kill()
        later = {"node_id": "n2", "epoch": 2**50, "gateway_port": port, "seq": 2}
        assert (await beats(coordinator, known, **later))[0] == 200
        assert (await beats(coordinator, known, **later))[0] == 400  # a replay
        assert (await beats(coordinator, known, **later | {"seq": 1}))[0] == 400
        for _ in range(6):
            assert (await ask(coordinator, "ollama", stream=False)).status == 200
        assert b"hello" not in written  # whoever has no certificate of n2 to show is asked nothing
        assert b"HTTP/1.1" not in written


@pytest.mark.parametrize("what", ["spent", "revoked", "run out", "wrong"])
async def test_a_token_that_is_no_good_lets_nobody_in(tmp_path: Path, what: str) -> None:
    async with FakeEngine.run(["m"]) as fake, herd(tmp_path) as coordinator, contextlib.AsyncExitStack() as s:
        made = await token(coordinator, ttl_s=0.2 if what == "run out" else 600)
        if what == "spent":
            await s.enter_async_context(stranger(tmp_path, coordinator, "n1", fake.address, token=made))
            await coordinator.ready("n1")
        elif what == "revoked":
            assert (await order(coordinator, "DELETE", f"/fleet/tokens/{made.split('-')[2]}"))[0] == 200
        elif what == "wrong":
            made = made[:-26] + "a" * 26
        if what == "run out":
            await eventually(lambda: _no_tokens(coordinator), READY_S)
        agent = await s.enter_async_context(
            stranger(tmp_path, coordinator, "late", token=made, engine="ollama")
        )
        await eventually(lambda: "is not good" in agent.log.read_text(), READY_S)
        await asks(coordinator, "late")
        assert "late" not in await coordinator.nodes()
        assert made not in agent.log.read_text() + coordinator.log.read_text()


async def _no_tokens(coordinator: Herd) -> bool:
    return not (await coordinator.get("/fleet/tokens"))["tokens"]


async def test_a_token_of_another_fleet_is_told_to_nobody(tmp_path: Path) -> None:
    async with herd(tmp_path / "other") as other, herd(tmp_path) as coordinator:
        made = await token(other)
        async with stranger(tmp_path, coordinator, "n1", token=made, engine="ollama") as agent:
            await eventually(lambda: "the token is for another one" in agent.log.read_text(), READY_S)
            assert await pending(coordinator) == {}
            assert "a token that is not good" not in coordinator.log.read_text()


async def test_a_name_is_not_taken_over_even_with_a_token(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n1", ollama=fake.address),
    ):
        await coordinator.ready("n1")
        made = await token(coordinator)
        async with stranger(tmp_path / "thief", coordinator, "n1", fake.address, token=made) as thief:
            await asks(coordinator, "n1")
            (asking,) = (await coordinator.get("/fleet/pending"))["pending"]
            assert asking["replaces"] is True
            await eventually(lambda: "has joined already, with another key" in thief.log.read_text(), READY_S)
            assert (await coordinator.nodes())["n1"]["status"] == "online"
            assert len((await coordinator.get("/fleet/tokens"))["tokens"]) == 1


async def test_the_key_that_a_gateway_shows_to_everybody_gets_nobody_a_certificate(tmp_path: Path) -> None:
    """One made for that key would take the place of the one that the node is about to use, and cut it off."""
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n1", ollama=fake.address),
    ):
        await coordinator.ready("n1")
        gateway = urlsplit((await coordinator.nodes())["n1"]["gateway_url"])
        found = await look(gateway.hostname or "", gateway.port or 0, READY_S)
        assert found is not None
        public = certificate_of(found.leaf).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        known = membership(tmp_path, "n1")
        assert pem == public_of(known.key.encode())
        committed = code.commitment(bytes(code.NONCE_BYTES), pem)
        authority = known.authority.encode()
        for key, status in ((new_key(), 400), (known.key.encode(), 200)):
            proof = possession.proof(key, spki_of(authority), "n1", committed)
            question = {
                "node_id": "n1",
                "public_key": pem.decode(),
                "commitment": committed.hex(),
                "proof": proof.hex(),
            }
            asked = over_tls(coordinator, trusting(authority), known.coordinator_id, "/join", question)
            assert (await asked)[0] == status
        assert (await coordinator.nodes())["n1"]["status"] == "online"


async def test_in_open_mode_a_removed_node_does_not_come_back_without_a_certificate(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, herd(tmp_path, open=True) as coordinator:
        async with stranger(tmp_path, coordinator, "n1", fake.address):
            await coordinator.ready("n1")
            assert (await verb("coordinator", "remove", "n1", "--url", coordinator.address)).code == 0
            await asks(coordinator, "n1")
        async with stranger(tmp_path / "again", coordinator, "n1", fake.address, open=True) as again:
            await eventually(lambda: shown(again), READY_S)
            assert "n1" not in await coordinator.nodes()
            named = ("approve", "n1", "--code", shown(again)[-1], "--url", coordinator.address)
            assert (await verb("coordinator", *named)).code == 0
            await coordinator.ready("n1")
            assert (await coordinator.nodes())["n1"]["gateway_url"].startswith("https://")


async def test_a_removed_node_is_cut_off_and_a_copy_of_its_certificate_is_worth_nothing(
    tmp_path: Path,
) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], token_delay_s=0.05, tokens=2_000) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n1", ollama=fake.address) as agent,
    ):
        await coordinator.ready("n1")
        copied = membership(tmp_path, "n1")
        stream = asyncio.create_task(ask(coordinator, "ollama", stream=True))
        await eventually(coordinator.in_flight, READY_S)
        begun = time.monotonic()
        removed = await verb("coordinator", "remove", "n1", "--url", coordinator.address)
        assert removed.code == 0, removed.err
        await stream
        await eventually(lambda: _gone(coordinator, "n1"), CUT_WITHIN_S)
        assert time.monotonic() - begun < CUT_WITHIN_S
        status, said = await beats(coordinator, copied, node_id="n1", gateway_port=9, epoch=2**50)
        assert status == 401, said
        await eventually(lambda: "has removed this node" in agent.log.read_text(), CUT_WITHIN_S)
        await asks(coordinator, "n1")  # not by the file of this machine: a person has said no
        assert "n1" not in await coordinator.nodes()
        aside = list(certificate_file(tmp_path, "n1").parent.glob("membership-*.json"))
        assert len(aside) == 1


async def _gone(coordinator: Herd, name: str) -> bool:
    return name not in await coordinator.nodes()


async def test_another_coordinator_at_the_same_place_gets_nothing(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeEngine.run(["m"]))
        coordinator = await stack.enter_async_context(herd(tmp_path))
        joined = node(tmp_path, coordinator.address, "n1", ollama=fake.address)
        agent = await stack.enter_async_context(joined)
        await coordinator.ready("n1")
        await coordinator.kill()
        port = int(coordinator.address.rpartition(":")[2])
        rogue = await stack.enter_async_context(herd(tmp_path / "rogue", port=port, open=True))
        wrong = "is not the coordinator that this node has joined"
        await eventually(lambda: wrong in agent.log.read_text(), READY_S)
        told = agent.log.read_text().count(wrong)
        await eventually(lambda: _asked_often(rogue), READY_S)
        assert await rogue.nodes() == {}
        assert await pending(rogue) == {}
        assert told >= 1


async def _asked_often(rogue: Herd) -> bool:
    """It has answered for some seconds: beats go out every half second."""
    return time.monotonic() - _started(rogue) > BEATS_S


def _started(rogue: Herd) -> float:
    return psutil.Process(rogue.pid).create_time() - time.time() + time.monotonic()
