"""Cordon, uncordon and drain as people give them: deadlines, restarts, ctrl-C, mistakes. Fake engines."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming, ask
from tests.fleet.comparing import Got, asked
from tests.fleet.harness import Herd, fleet_of_fakes, herd, node
from tests.fleet.verbs import Verb, verb

JSON = {"Content-Type": "application/json"}


async def order(
    fleet: Herd,
    what: str,
    node_id: str = "node-1",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
) -> Got:
    """POST /fleet/nodes/NODE/cordon, uncordon or drain."""
    return await asked(fleet, f"/fleet/nodes/{node_id}/{what}", body, headers=headers or JSON)


async def state(fleet: Herd, node_id: str = "node-1") -> tuple[str, bool, bool]:
    """What the fleet says of a node: state, cordoned, draining."""
    found = (await fleet.nodes())[node_id]
    return found["state"], found["cordoned"], found["draining"]


@pytest.mark.parametrize("program", ["herd", "herd-node"])
async def test_at_the_deadline_callers_are_told_and_who_saw_nothing_is_served_elsewhere(
    tmp_path: Path, program: str
) -> None:
    stuck: dict[str, Any] = {"token_delay_s": 0.05, "hang_after_chunks": 2}
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=9, name="node-1", **stuck) as first,
        FakeEngine.run(["m"], loaded=["m"], slots=9, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], slots=9) as fleet,
    ):
        assert (await order(fleet, "cordon", "node-2")).status == 200
        streams = [await Streaming.begin(fleet, "ollama"), await Streaming.begin(fleet, "openai")]
        whole = asyncio.create_task(ask(fleet))
        await eventually(lambda: is_running(fleet, 3))
        assert (await order(fleet, "uncordon", "node-2")).status == 200
        if program == "herd":
            said = await verb("coordinator", "drain", "node-1", "--deadline=500ms", f"--url={fleet.address}")
        else:
            said = await verb("agent", "drain", "--deadline=500ms", f"--data-dir={tmp_path / 'node-1'}")
        assert (said.code, said.out) == (1, "")
        assert said.err.endswith("the deadline passed on node-1: 2 calls cut\n"), said.err
        (await whole).must_be_from("node-2")
        for stream in streams:
            reply = await stream.rest()
            assert reply.error
            assert not reply.complete
        await eventually(fleet.idle, 1)
        await eventually(lambda: nothing_runs(first), 1)
        assert fleet.agents["node-1"].process.returncode is None


async def is_running(fleet: Herd, count: int) -> bool:
    """Whether exactly so many calls run."""
    return await fleet.in_flight() == count


async def nothing_runs(fake: FakeEngine) -> bool:
    """Whether the engine was told to stop, too."""
    return (await fake.state()).active == 0


async def test_orders_outlive_a_coordinator_that_is_killed(tmp_path: Path) -> None:
    async with herd(tmp_path / "before") as none_yet:
        address = none_yet.address
    port = urlsplit(address).port
    assert port
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], name="node-2") as second,
        FakeEngine.run(["m"], loaded=["m"], name="node-3") as third,
        node(tmp_path, address, "node-1", ollama=first.address),
        node(tmp_path, address, "node-2", ollama=second.address),
        node(tmp_path, address, "node-3", ollama=third.address, slots=4),
    ):
        async with herd(tmp_path, port=port) as fleet:
            await fleet.ready("node-1", "node-2", "node-3")
            assert (await verb("coordinator", "cordon", "node-1", f"--url={address}")).code == 0
            assert (
                await verb("coordinator", "drain", "node-2", f"--url={address}")
            ).out == "node-2 drained\n"
            await beaten(fleet, "node-1")
            assert await state(fleet) == ("cordoned", True, False)
            await fleet.kill()
        async with herd(tmp_path, port=port) as fleet:
            assert (await fleet.get("/fleet/nodes/node-2"))["drained"]
            await fleet.ready("node-3")
            await eventually(lambda: all_there(fleet))
            for reply in await asyncio.gather(*(ask(fleet) for _ in range(12))):
                reply.must_be_from("node-3")
            assert await state(fleet) == ("cordoned", True, False)
            assert await state(fleet, "node-2") == ("drained", True, True)
            left = (await fleet.nodes())["node-2"]["drain"]["seconds_left"]
            assert 540 < left < 600, "the deadline is that of the order"


async def beaten(fleet: Herd, node_id: str) -> None:
    """Once two more beats of that node have come."""
    clock = asyncio.get_running_loop().time
    for _ in range(2):
        since = clock()

        async def is_newer(than: float = since) -> bool:
            asked_at = clock()  # the age is that of a later moment: the beat came after what is left
            return bool(asked_at - (await fleet.nodes())[node_id]["heartbeat_age_s"] > than)

        await eventually(is_newer, 30)


async def all_there(fleet: Herd) -> bool:
    """Whether each node's gateway was reached."""
    nodes = await fleet.nodes()
    return len(nodes) == 3 and all(each["status"] == "online" for each in nodes.values())


async def test_an_agents_own_drain_outlives_its_restart(tmp_path: Path) -> None:
    async with herd(tmp_path) as fleet, FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake:
        own = f"--data-dir={tmp_path / 'node-1'}"
        async with node(tmp_path, fleet.address, "node-1", ollama=fake.address) as agent:
            await fleet.ready("node-1")
            assert (await verb("agent", "drain", own)).out == "node-1 drained\n"
            await agent.kill()
        gone = await verb("agent", "drain", own)
        assert (gone.code, gone.err) == (3, "herd-node: no agent runs as node-1; start it: herd-node\n")
        async with node(tmp_path, fleet.address, "node-1", ollama=fake.address):

            async def is_drained_again() -> bool:
                return await state(fleet) == ("drained", False, True)

            await eventually(is_drained_again)
            other = await verb("agent", "undrain", own, "--node-id=node-2")
            assert other.code == 3
            assert other.err.endswith("nodes has: node-1\n")
            assert (await verb("agent", "--data-dir", str(tmp_path / "node-1"), "undrain")).code == 0
            await fleet.ready("node-1")


async def test_ctrl_c_leaves_the_drain_going(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", token_delay_s=0.1, tokens=600) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        stream = await Streaming.begin(fleet)
        for module, name, where in (
            ("coordinator", ["node-1"], f"--url={fleet.address}"),
            ("agent", [], f"--data-dir={tmp_path / 'node-1'}"),
        ):
            drain = await Verb.begin(module, "drain", *name, where)
            assert "1 call running on node-1" in await drain.first_line()
            drain.interrupt()
            said = await drain.ended()
            assert (said.code, said.out) == (130, "")
            assert "the drain of node-1 goes on" in said.err
        assert await state(fleet) == ("draining", True, True)
        no_wait = await verb(
            "coordinator", "drain", "node-1", "--no-wait", "-o", "json", f"--url={fleet.address}"
        )
        told = msgspec.json.decode(no_wait.out)
        assert (no_wait.code, told["requests_active"], told["drained"]) == (0, 1, False)
        stream.abort()


async def test_mistakes_are_told(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        unknown = await order(fleet, "drain", "node-l")
        assert (unknown.status, unknown.json()) == (
            404,
            {"error": 'no node is named "node-l"; did you mean node-1?'},
        )
        said = await verb("coordinator", "drain", "node-l", f"--url={fleet.address}")
        assert (said.code, said.out) == (3, "")
        assert said.err == f'herd: {fleet.address}: no node is named "node-l"; did you mean node-1?\n'
        for headers, body, status in (
            ({"Content-Type": "text/plain"}, b"{}", 415),
            (JSON | {"Origin": "http://elsewhere.example"}, b"{}", 403),
            (JSON | {"Sec-Fetch-Site": "cross-site"}, b"{}", 403),
            (JSON, b'{"deadline_s": -1}', 400),
            (JSON, b'{"deadline_s": "soon"}', 400),
            (JSON, b'{"deadline_s": 1e99}', 400),
            (JSON, b"[]", 400),
            (JSON, b"{", 400),
        ):
            refused = await order(fleet, "drain", headers=headers, body=body)
            assert (refused.status, list(refused.json())) == (status, ["error"]), (body, refused.body)
        assert await state(fleet) == ("ready", False, False), "nothing of it was done"
        assert (await asked(fleet, "/fleet/nodes/node-l", method="GET")).status == 404
        for _ in range(2):
            again = await order(fleet, "cordon", body=b"")
            assert (again.status, again.json()["cordoned"], again.json()["unkept"]) == (200, True, "")
        for _ in range(2):
            again = await order(fleet, "uncordon")
            assert (again.status, again.json()["cordoned"]) == (200, False)
        kept = tmp_path / "herd" / "nodes.json"
        kept.unlink()
        kept.mkdir()
        said = await verb("coordinator", "cordon", "node-1", f"--url={fleet.address}")
        assert (said.code, said.out) == (0, "node-1 cordoned\n")
        assert "warning: the order holds until the coordinator's restart only" in said.err
        assert await state(fleet) == ("cordoned", True, False)
