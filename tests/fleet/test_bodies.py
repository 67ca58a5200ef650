"""The sum of bodies in memory. A real coordinator with a small limit, a fake engine that is slow."""

import asyncio
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask, body
from tests.fleet.harness import fleet_of_fakes

LONG = "x" * 60_000


async def test_bodies_together_are_bounded_and_the_room_comes_back(tmp_path: Path) -> None:
    long = body("m", stream=False) | {"messages": [{"role": "user", "content": LONG}]}
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=4, first_token_delay_s=1.0) as fake,
        fleet_of_fakes(tmp_path, [fake], bodies_limit=100_000) as herd,
    ):

        async def post() -> tuple[int, str | None]:
            async with herd.session.post(f"{herd.address}/api/chat", json=long) as response:
                await response.read()
                return response.status, response.headers.get("Retry-After")

        first = asyncio.create_task(post())
        await eventually(herd.in_flight)
        assert await post() == (503, "5")
        assert (await first)[0] == 200
        assert (await post())[0] == 200
        (await ask(herd)).must_be_from("node-1")


async def test_orders_and_errands_are_counted_with_the_calls(tmp_path: Path) -> None:
    long = body("m", stream=False) | {"messages": [{"role": "user", "content": LONG}]}
    padded = {"node_id": "node-1", "model": "m", "padding": LONG}
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=4, first_token_delay_s=60.0) as fake,
        fleet_of_fakes(tmp_path, [fake], bodies_limit=100_000) as herd,
    ):

        async def sent(method: str, path: str) -> int:
            async with herd.session.request(method, herd.address + path, json=padded) as response:
                await response.read()
                return response.status

        async def call() -> None:
            async with herd.session.post(f"{herd.address}/api/chat", json=long) as response:
                await response.read()

        running = asyncio.create_task(call())
        await eventually(herd.in_flight)
        assert await sent("POST", "/api/pull") == 503
        assert await sent("DELETE", "/api/delete") == 503
        assert await sent("POST", "/dashboard/api/pull") == 503
        assert await sent("POST", "/dashboard/api/delete") == 503
        running.cancel()
        assert not {"/api/pull", "/api/delete"} & set((await fake.state()).by_path)

        async def pulled() -> bool:
            return await sent("POST", "/api/pull") == 200

        await eventually(pulled)
