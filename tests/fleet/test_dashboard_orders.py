"""Pull and delete through the dashboard, and who may order them. Real programs, fake engines."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.comparing import Got, asked, last_call, send
from tests.fleet.harness import Herd, fleet_of_fakes

JSON = {"Content-Type": "application/json"}
TWO_BEATS_S = 3.0


async def order(herd: Herd, what: str, headers: dict[str, str] | None = None, **fields: Any) -> Got:
    """POST /dashboard/api/pull or delete."""
    body = msgspec.json.encode(fields)
    return await asked(herd, f"/dashboard/api/{what}", body, headers=JSON | (headers or {}))


async def on_disk(herd: Herd, node_id: str) -> list[str]:
    """Names of the node's models, by /dashboard/api/model-management."""
    nodes = (await herd.get("/dashboard/api/model-management"))["nodes"]
    return [model["name"] for node in nodes if node["node_id"] == node_id for model in node["models"]]


async def test_a_pull_is_there_with_the_next_beat_and_a_delete_gone(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1") as first,
        FakeEngine.run(["m"], name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second]) as herd,
    ):
        pulled = await order(herd, "pull", node_id="node-2", model="new:7b")
        assert (pulled.status, pulled.json()) == (
            200,
            {"ok": True, "node_id": "node-2", "model": "new:7b", "status": "success"},
        )
        sent = msgspec.json.decode((await last_call(second, "/api/pull")).body)
        assert sent == {"model": "new:7b", "stream": False}
        assert "/api/pull" not in (await first.state()).by_path

        async def has(node_id: str, names: set[str]) -> bool:
            return set(await on_disk(herd, node_id)) == names

        await eventually(lambda: has("node-2", {"m", "new:7b"}), TWO_BEATS_S)
        assert await has("node-1", {"m"})

        deleted = await order(herd, "delete", node_id="node-2", model="m:latest")
        assert (deleted.status, deleted.json()["ok"]) == (200, True)
        assert msgspec.json.decode((await last_call(second, "/api/delete")).body) == {"model": "m"}
        await eventually(lambda: has("node-2", {"new:7b"}), TWO_BEATS_S)
        assert await has("node-1", {"m"})


async def test_orders_that_cannot_be_say_why(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["llama3.2:3b"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], open=True) as herd,
    ):
        beat = {"node_id": "other", "epoch": 1, "seq": 1, "gateway_port": 9, "gateway_secret": "x" * 16}
        engines = [{"name": "llamacpp", "kind": "llama.cpp", "models": [{"name": "y"}]}]
        await send(
            herd.session,
            herd.address + "/heartbeat",
            msgspec.json.encode(beat | {"engines": engines}),
            headers=JSON,
        )
        far = beat | {
            "node_id": "far",
            "engines": [{"name": "ollama", "kind": "ollama", "models": [{"name": "y"}]}],
        }
        await send(herd.session, herd.address + "/heartbeat", msgspec.json.encode(far), headers=JSON)
        cases: list[tuple[str, dict[str, Any], int, str]] = [
            (
                "pull",
                {"node_id": "node-7", "model": "x"},
                404,
                'no node is named "node-7"; did you mean node-1?',
            ),
            (
                "pull",
                {"node_id": "other", "model": "x"},
                400,
                "other runs llama.cpp: only an engine of kind ollama",
            ),
            ("pull", {"node_id": "far", "model": "x"}, 503, "far is"),
            ("pull", {"model": "x"}, 400, "node_id is required"),
            ("pull", {"node_id": "node-1"}, 400, "model is required"),
            ("pull", {"node_id": "node-1", "model": "a\nb"}, 400, "cannot be printed"),
            ("pull", {"node_id": 7, "model": "x"}, 400, "node_id"),
            ("delete", {"node_id": "node-1", "model": "llama3.2"}, 404, "did you mean llama3.2:3b?"),
            ("delete", {"node_id": "other", "model": "y"}, 400, "other runs llama.cpp"),
            ("delete", {"node_id": "nowhere", "model": "y"}, 404, 'no node is named "nowhere"'),
        ]
        for what, fields, status, said in cases:
            answer = await order(herd, what, **fields)
            assert (answer.status, said in answer.json()["error"]) == (status, True), (fields, answer.body)
        assert (await asked(herd, "/dashboard/api/pull", b"{", headers=JSON)).status == 400
        assert (await asked(herd, "/dashboard/api/pull", method="GET")).status == 405
        seen = (await fake.state()).by_path
        assert not {"/api/pull", "/api/delete"} & set(seen)


async def test_what_the_engine_says_of_a_pull_that_fails_is_told(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        await fake.switch(fail_paths=["/api/pull"], fail_status=500)
        failed = await order(herd, "pull", node_id="node-1", model="x")
        assert failed.status == 502
        assert "ollama on node-1 answered 500" in failed.json()["error"]
        await fake.switch(fail_paths=["/api/delete"], fail_status=500)
        assert (await order(herd, "delete", node_id="node-1", model="m")).status == 502
        assert await on_disk(herd, "node-1") == ["m"]


async def test_the_same_pull_twice_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        await fake.switch(fail_paths=["/api/pull"], hang=True)
        waiting = asyncio.create_task(order(herd, "pull", node_id="node-1", model="x"))

        async def begun() -> bool:
            return (await fake.state()).by_path.get("/api/pull") == 1

        await eventually(begun)
        again = await order(herd, "pull", node_id="node-1", model="x:latest")
        assert (again.status, again.json()["error"]) == (409, "node-1 is pulling x:latest already")
        await fake.switch(hang=None, fail_paths=None)
        assert (await order(herd, "pull", node_id="node-1", model="y")).status == 200
        waiting.cancel()  # its caller leaves, and the pull with it

        async def free() -> bool:
            return (await order(herd, "pull", node_id="node-1", model="x")).status == 200

        await eventually(free)


async def test_pages_of_others_order_nothing(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        fields = {"node_id": "node-1", "model": "m"}
        own = {"Origin": herd.address, "Sec-Fetch-Site": "same-origin"}
        for headers, status in (
            ({"Content-Type": "text/plain"}, 415),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            for what in ("pull", "delete"):
                refused = await order(herd, what, headers, **fields)
                assert (refused.status, set(refused.json())) == (status, {"error"}), headers
                assert "access-control-allow-origin" not in refused.headers
        preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        answered = await asked(herd, "/dashboard/api/delete", method="OPTIONS", headers=preflight)
        assert answered.status == 403
        assert "access-control-allow-origin" not in answered.headers
        assert not {"/api/pull", "/api/delete"} & set((await fake.state()).by_path)
        assert (await order(herd, "delete", own, **fields)).status == 200
