"""Pinned models are loaded again whenever they are gone, over restarts of everything. Real programs, fake engines."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.comparing import Got, asked, last_call
from tests.fleet.harness import Herd, fleet_of_fakes

JSON = {"Content-Type": "application/json"}


async def pin(herd: Herd, method: str = "POST", headers: dict[str, str] | None = None, **fields: Any) -> Got:
    """POST or DELETE /fleet/pin."""
    return await asked(
        herd, "/fleet/pin", msgspec.json.encode(fields), method=method, headers=JSON | (headers or {})
    )


async def is_loaded(fake: FakeEngine, model: str) -> bool:
    """By the engine's own word."""
    return model in (await fake.switches()).loaded


async def shown(herd: Herd, model: str) -> bool:
    """By the node's beat."""
    loaded = (await herd.nodes())["node-1"]["ollama"]["models_loaded"]
    return any(each["name"] == model for each in loaded)


async def test_a_pin_holds_over_restarts_of_engine_and_coordinator(tmp_path: Path) -> None:
    async with FakeEngine.run(["a", "b"], name="node-1") as fake:
        async with fleet_of_fakes(tmp_path, [fake], pin_interval=0.5) as herd:
            pinned = await pin(herd, model="a", node_id="node-1")
            assert pinned.json() == {
                "ok": True,
                "model": "a:latest",
                "pinned_node": "node-1",
                "per_node": {"node-1": ["a:latest"]},
                "loaded": False,
            }
            await eventually(lambda: is_loaded(fake, "a"))
            sent = msgspec.json.decode((await last_call(fake, "/api/generate")).body)
            assert sent == {"model": "a", "stream": False, "keep_alive": -1}
            await eventually(lambda: shown(herd, "a"))
            await fake.switch(loaded=[])  # as after a restart of the engine
            await eventually(lambda: is_loaded(fake, "a"))
        await fake.switch(loaded=[])
        async with fleet_of_fakes(tmp_path, [fake], pin_interval=0.5) as herd:
            assert (await herd.get("/fleet/pin"))["per_node"] == {"node-1": ["a:latest"]}
            await eventually(lambda: is_loaded(fake, "a"))
            assert (await herd.get("/fleet/status"))["pins"]["per_node"] == {"node-1": ["a:latest"]}

            unpinned = await pin(herd, "DELETE", model="a")
            assert (unpinned.json()["unpinned_from"], unpinned.json()["per_node"]) == (["node-1"], {})

            async def time_given_back() -> bool:
                sent = msgspec.json.decode((await last_call(fake, "/api/generate")).body)
                return bool(sent["model"] == "a" and sent.get("keep_alive") == "5m")

            await eventually(time_given_back)
            assert (await pin(herd, "DELETE", model="a")).status == 404
        assert not await is_loaded(fake, "b")


async def test_pins_of_the_settings_are_loaded_and_stay(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["a", "b"], name="node-1", capabilities=["embedding"]) as first,
        FakeEngine.run(["a"], name="node-2") as second,
        fleet_of_fakes(
            tmp_path, [first, second], pin_interval=0.5, pinned_models="a@node-2,b,nowhere"
        ) as herd,
    ):
        await eventually(lambda: is_loaded(second, "a"))
        await eventually(lambda: is_loaded(first, "b"))
        sent = msgspec.json.decode((await last_call(first, "/api/embed")).body)
        assert sent == {"model": "b", "input": "", "keep_alive": -1}, "it can do nothing but embed"
        assert not await is_loaded(first, "a")
        told = await pin(herd, "DELETE", model="a", node_id="node-2")
        assert (told.status, "FLEET_PINNED_MODELS" in told.json()["error"]) == (409, True)


async def test_a_pin_that_cannot_be_says_why(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["a", "b"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        cases: list[tuple[dict[str, Any], int, str]] = [
            ({"model": "a", "node_id": "node-7"}, 404, 'no node is named "node-7"; did you mean node-1?'),
            ({"model": "c", "node_id": "node-1"}, 404, 'model "c" not found on an Ollama of node-1'),
            ({"model": "c"}, 404, 'model "c" not found on an Ollama node'),
            ({"node_id": "node-1"}, 400, "model is required"),
            ({"model": "a", "pinned": "yes"}, 400, "pinned"),
        ]
        for fields, status, said in cases:
            answer = await pin(herd, **fields)
            assert (answer.status, said in answer.json()["error"]) == (status, True), (fields, answer.body)
        for headers, status in (
            ({"Content-Type": "text/plain"}, 415),
            ({"Origin": "http://evil.example"}, 403),
        ):
            assert (await pin(herd, headers=headers, model="a")).status == status
            assert (await pin(herd, "DELETE", headers=headers, model="a")).status == status
        await fake.switch(wrong_sizes=2**45)

        async def too_large() -> bool:
            answer = await pin(herd, model="a", node_id="node-1")
            return (
                answer.status == 409 and "may be pinned there (80% of its memory)" in answer.json()["error"]
            )

        await eventually(too_large, 15.0)
        assert (await herd.get("/fleet/pin"))["per_node"] in ({}, {"node-1": ["a:latest"]})


def which(file: Path) -> tuple[int, int]:
    """Another, or another content, after it was written."""
    found = file.lstat()
    return found.st_ino, found.st_mtime_ns


@pytest.mark.parametrize("spoil", ["no sense", "no way to it"])
async def test_pins_and_orders_that_cannot_be_read_are_not_written_over(tmp_path: Path, spoil: str) -> None:
    files = [tmp_path / "herd" / name for name in ("pinned_models.json", "nodes.json")]
    files[0].parent.mkdir()
    for file in files:
        if spoil == "no sense":
            file.write_text('{"nodes": {"node-1": ["a"]},')
        else:
            file.symlink_to(file)  # it could be replaced, as one without permission can
    before = [which(file) for file in files]
    async with FakeEngine.run(["a"], name="node-1") as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        for method in ("POST", "DELETE"):
            refused = await pin(herd, method, model="a", node_id="node-1")
            assert refused.status == 503, refused.body
            assert refused.json()["error"].startswith(f"{files[0]} "), refused.body
            assert "at the start: " in refused.json()["error"]
        assert (await herd.get("/fleet/pin"))["per_node"] == {}
        drained = await asked(herd, "/fleet/nodes/node-1/drain", b"{}", headers=JSON)
        assert (drained.status, drained.json()["drained"]) == (200, True)
        assert f"restart only: {files[1]} " in drained.json()["unkept"]
        assert [which(file) for file in files] == before
        assert herd.log.read_text().count("it stays as it is") == len(files)
        files[0].unlink()
        assert (await pin(herd, model="a", node_id="node-1")).status == 200
        assert msgspec.json.decode(files[0].read_bytes())["nodes"] == {"node-1": ["a:latest"]}
