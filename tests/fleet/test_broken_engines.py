"""Engines that fail again and again, calls that kill them, calls that are wrong: who is asked again. Fake engines."""

from pathlib import Path
from typing import Any

from tests.fakes.waiting import eventually
from tests.fleet.asking import PATHS, WAYS, Reply, ask, body
from tests.fleet.several import several, started


async def test_a_call_that_kills_engines_gets_two_of_them(tmp_path: Path) -> None:
    """The third lives on, and so does everybody else's service."""
    async with several(tmp_path, 3) as (herd, fakes):
        for fake in fakes:
            await fake.switch(die_on="poison")
        poison = body("m", stream=False) | {"messages": [{"role": "user", "content": "poison"}]}
        async with herd.session.post(herd.address + PATHS["openai"], json=poison) as response:
            reply = Reply("openai", False, response.status, response.headers, await response.read())
        assert reply.status == 502, reply.raw
        assert reply.headers["X-Should-Retry"] == "false", "nor by the caller's client"
        assert "it is not tried on a third" in reply.error
        assert reply.frames[0]["error"]["code"] == "crashes_engines"
        assert [await fake.exited() for fake in fakes[:2]] == [139, 139]
        assert (await fakes[2].state()).started == 0
        (await ask(herd)).must_be_from("node-3")
        assert await herd.idle()


async def test_a_circuit_opens_and_recovers(tmp_path: Path) -> None:
    """node-1 fails three times; for a second it is left alone; then one call looks, and it serves again."""
    settings: dict[str, Any] = {"circuit_failures": 3, "circuit_time": 1.0, "trouble_time": 0.0}
    async with several(tmp_path, 2, **settings) as (herd, (bad, _)):
        await bad.switch(fail_first_n=3)
        while not (await herd.nodes())["node-1"]["circuits"]:
            (await ask(herd)).must_be_from("node-2")
        (circuit,) = (await herd.nodes())["node-1"]["circuits"]
        assert (circuit["engine"], circuit["model"], circuit["state"]) == ("ollama", "m:latest", "open")
        assert "after 3 failures in a row" in circuit["reason"]
        assert (await bad.state()).started == 3

        async def served_again() -> bool:
            reply = await ask(herd)
            reply.must_be_from(reply.node)
            return reply.node == "node-1"

        await eventually(served_again)
        assert (await herd.nodes())["node-1"]["circuits"] == []
        assert (await bad.state()).started == 4, "nobody else was sent there meanwhile"


async def test_the_callers_own_fault_is_told_once_and_in_its_dialect(tmp_path: Path) -> None:
    """400, 404 of a path, 413 and 422, from the first engine that is asked; no retry, and no circuit."""
    async with several(tmp_path, 2) as (herd, fakes):
        expected = 0
        for status in (400, 404, 413, 422):
            for fake in fakes:
                await fake.switch(fail_status=status)
            for dialect, stream in WAYS:
                reply = await ask(herd, dialect, stream=stream)
                expected += 1
                assert reply.status == status, reply.raw
                assert "fake failure" in reply.error
        assert await started(fakes) == expected
        assert not any(node["circuits"] for node in (await herd.nodes()).values())
