"""POST /fleet/requests/{request_id}/cancel on a real coordinator with fake engines."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from shared.frames import data_of
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, PATHS, Dialect, Streaming, body
from tests.fleet.harness import Herd, fleet_of_fakes


async def cancel(fleet: Herd, request_id: str) -> int:
    """The status of the order's answer."""
    async with fleet.session.post(f"{fleet.address}/fleet/requests/{request_id}/cancel", json={}) as response:
        await response.read()
        return response.status


async def asked(fleet: Herd, dialect: Dialect, request_id: str) -> tuple[int, bytes]:
    """A whole call under that id: what its caller is told."""
    headers, url = {"X-Request-Id": request_id}, fleet.address + PATHS[dialect]
    async with fleet.session.post(url, json=body("m", stream=False), headers=headers) as response:
        return response.status, await response.read()


async def has(fleet: Herd, *, running: int) -> bool:
    """Whether so many calls run."""
    return await fleet.in_flight() == running


async def test_a_call_that_runs_and_one_that_waits_are_ended(tmp_path: Path) -> None:
    """Their callers are told so; the place is free; no other node is tried; the engine is blamed for nothing."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", hang=True) as fake,
        FakeEngine.run(["m"], loaded=["m"], name="node-2", hang=True) as other,
        fleet_of_fakes(tmp_path, [fake, other], slots=1) as fleet,
    ):
        others = asyncio.create_task(asked(fleet, "ollama", "runs-too"))
        running = asyncio.create_task(asked(fleet, "ollama", "runs"))
        await eventually(lambda: has(fleet, running=2))
        waiting = asyncio.create_task(asked(fleet, "openai", "waits"))
        await eventually(fleet.held)
        assert await cancel(fleet, "waits") == 200
        status, told = await waiting
        assert (status, b"ended this call" in told) == (410, True)
        assert await cancel(fleet, "runs") == 200
        status, told = await running
        assert (status, b"ended this call" in told) == (410, True)
        await eventually(lambda: has(fleet, running=1))
        assert await cancel(fleet, "runs-too") == 200
        assert (await others)[0] == 410
        assert [(node["status"], node["circuits"]) for node in (await fleet.nodes()).values()] == 2 * [
            ("online", [])
        ]
        assert await cancel(fleet, "runs") == 404


async def events_once(fleet: Herd) -> dict[str, Any]:
    """The first picture of the stream."""
    async with fleet.session.get(f"{fleet.address}/fleet/events") as response:
        event = await response.content.readuntil(b"\n\n")
        picture: dict[str, Any] = msgspec.json.decode(data_of(event.rstrip()))
        return picture


async def ended_all(fleet: Herd) -> bool:
    """Whether there was one to end: a picture may be half a second old."""
    requests = (await events_once(fleet))["requests"]
    return 200 in [await cancel(fleet, request_id) for request_id in requests]


async def test_a_stream_that_is_ended_ends_with_an_error(tmp_path: Path) -> None:
    """In its dialect."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=200, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=4) as fleet,
    ):
        for dialect in DIALECTS:
            stream = await Streaming.begin(fleet, dialect)
            await eventually(lambda: ended_all(fleet))
            reply = await stream.rest()
            assert "ended this call" in str(reply.frames[-1])
            await eventually(fleet.idle)


async def test_a_page_of_another_site_ends_nothing(tmp_path: Path) -> None:
    """As with every order."""
    async with FakeEngine.run(["m"], name="node-1") as fake, fleet_of_fakes(tmp_path, [fake]) as fleet:
        url, headers = f"{fleet.address}/fleet/requests/x/cancel", {"Origin": "http://elsewhere.example"}
        async with fleet.session.post(url, json={}, headers=headers) as response:
            assert response.status == 403
