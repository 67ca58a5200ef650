"""What tests of joining do again and again: orders to a closed coordinator, agents that ask, and forged ones."""

import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from agent.joining.membership import Membership, MembershipFile
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.trust.contexts import calling
from shared.trust.names import coordinator_name
from tests.fakes.waiting import eventually
from tests.fleet.harness import READY_S, Herd, Program, node

NOWHERE = Path("/nonexistent/local-join")
"""For agents that are not to join by themselves."""
BEAT: dict[str, Any] = {
    "epoch": 1,
    "seq": 1,
    "gateway_secret": "a-secret-that-is-long-enough",
    "engines": [
        {"name": "ollama", "kind": "ollama", "up": True, "dialects": ["ollama"], "models": [{"name": "m"}]}
    ],
}


async def order(herd: Herd, method: str, path: str, body: object | None = None) -> tuple[int, Any]:
    """Status and JSON of an order of the owner's."""
    async with herd.session.request(method, herd.address + path, json=body or {}) as response:
        return response.status, await response.json()


async def token(herd: Herd, **wishes: Any) -> str:
    """A new one."""
    status, made = await order(herd, "POST", "/fleet/tokens", wishes)
    assert status == 200, made
    return str(made["token"])


async def pending(herd: Herd) -> dict[str, str]:
    """Digits by the name of who asks."""
    told = (await herd.get("/fleet/status"))["joining"]["pending"]
    return {each["node_id"]: each["code"] for each in told}


async def asks(herd: Herd, name: str) -> str:
    """Waits until it does; its digits."""
    await eventually(lambda: _asks(herd, name), READY_S)
    return (await pending(herd))[name]


async def _asks(herd: Herd, name: str) -> bool:
    return name in await pending(herd)


def shown(agent: Program) -> list[str]:
    """The digits on the agent's own terminal, oldest first."""
    return re.findall(r"and shows (\d{6})", agent.log.read_text())


@contextlib.asynccontextmanager
async def stranger(
    data_dir: Path, herd: Herd, name: str, ollama: str | None = None, **settings: Any
) -> AsyncIterator[Program]:
    """An agent with data of its own, which cannot read the coordinator's file."""
    settings.setdefault("local_join", NOWHERE)
    async with node(data_dir, herd.address, name, ollama=ollama, **settings) as agent:
        yield agent


def membership(data_dir: Path, name: str) -> Membership:
    """Of an agent that the harness started there."""
    known = MembershipFile(data_dir / name / "nodes" / name).read()
    assert known is not None
    return known


def certificate_file(data_dir: Path, name: str) -> Path:
    """Where an agent that the harness started there keeps it."""
    return data_dir / name / "nodes" / name / "joined" / "membership.json"


async def beats(herd: Herd, known: Membership, **fields: Any) -> tuple[int, Any]:
    """Status and answer of a heartbeat that shows this certificate."""
    return await over_tls(herd, calling(known.held()), known.coordinator_id, "/heartbeat", BEAT | fields)


async def over_tls(
    herd: Herd, tls: ssl.SSLContext, coordinator_id: str, path: str, body: object
) -> tuple[int, Any]:
    """Status and answer of a POST on a connection of its own. Raises HttpFault."""
    pool = Pool(Limits(), tls)
    host, port = herd.address.removeprefix("http://").split(":")
    address = Address(host, int(port), True, coordinator_name(coordinator_id))
    try:
        headers = [(b"Content-Type", b"application/json")]
        response = await pool.request(address, b"POST", path.encode(), headers, msgspec.json.encode(body))
        answer = bytearray()
        while piece := await response.read():
            answer += piece
        return response.head.status, msgspec.json.decode(bytes(answer))
    finally:
        pool.close()
