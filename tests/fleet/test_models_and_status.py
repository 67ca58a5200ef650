"""What clients and scripts ask besides calls: models, pulls, deletes, the fleet's state."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared import __version__
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.comparing import Got, asked, last_call, same_as_direct, send
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.harness import herd as coordinator

TWO_BEATS_S = 3.0
"""Two beats of half a second each, and room for a slow machine."""
DESIGNED_KEYS = {
    *("node_id", "status", "hardware", "cpu", "memory", "gpus", "disk", "engines", "ollama", "capacity"),
    *("state", "reason", "cordoned", "draining", "thermal", "power"),
}
QUEUE_KEYS = {
    *("queue_depth", "pending", "in_flight", "completed", "failed", "estimated_wait_ms", "nodes_online"),
    *("queues", "timestamp"),
}
SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m", "hf.co/some/one:Q4_K_M"], loaded=["m"], slots=4) as running:
        yield running


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, [fake], open=True, settle_time=0) as running:
        yield running


async def _get(herd: Herd, path: str, method: str = "GET") -> Got:
    return await asked(herd, path, method=method)


async def _callable(herd: Herd, model: str) -> bool:
    body = msgspec.json.encode({"model": model, "prompt": "x", "stream": False})
    return (await asked(herd, "/api/generate", body)).status == 200


async def test_a_client_finds_an_ollama(herd: Herd) -> None:
    found = await _get(herd, "/")
    assert (found.status, found.body) == (200, b"Ollama is running")
    found = await _get(herd, "/", "HEAD")
    assert (found.status, found.body) == (200, b"")
    version = await _get(herd, "/api/version")
    assert version.json() == {"version": "0.30.0", "herd_version": __version__}
    assert version.headers["content-type"].startswith("application/json")
    assert version.headers["x-request-id"]


async def test_lists_of_models(herd: Herd, fake: FakeEngine) -> None:
    direct = (await send(herd.session, f"{fake.address}/api/tags", method="GET")).json()["models"]
    listed = (await _get(herd, "/api/tags")).json()["models"]
    assert {model["name"] for model in listed} == {"m", "hf.co/some/one:Q4_K_M"}
    for model in listed:
        engine_says = next(each for each in direct if each["name"] == model["name"])
        assert model["details"].pop("fleet_nodes") == ["node-1"]
        assert sorted(model.pop("capabilities")) == ["completion", "embedding", "thinking", "tools"]
        assert model == engine_says
    (running,) = (await _get(herd, "/api/ps")).json()["models"]
    assert (running["name"], running["fleet_node"], running["context_length"]) == ("m", "node-1", 4096)
    assert running["size"] == running["size_vram"] == 3 << 30
    assert running["expires_at"] > "2026"
    models = (await _get(herd, "/v1/models")).json()
    assert models["object"] == "list"
    for entry in models["data"]:
        assert entry["object"] == "model"
        assert entry["created"] == 1767323045
        one = await _get(herd, f"/v1/models/{entry['id']}")
        assert (one.status, one.json()) == (200, entry)
    assert (await _get(herd, "/v1/models/m:latest")).json()["id"] == "m"
    missing = await _get(herd, "/v1/models/nobody")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_show_is_what_the_engine_says(herd: Herd, fake: FakeEngine) -> None:
    for body in (
        b'{"model":"m"}',
        b'{"name": "m:latest"}',
        b'{"model":"hf.co/some/one:Q4_K_M","verbose":true}',
    ):
        shown = await same_as_direct(herd, fake, "/api/show", body)
        assert shown.headers["x-fleet-node"] == "node-1"
    missing = await asked(herd, "/api/show", b'{"model":"nobody"}')
    assert missing.status == 404
    assert 'model "nobody" not found' in missing.json()["error"]
    assert (await asked(herd, "/api/show", b"{}")).status == 400


@pytest.mark.parametrize("stream", ["", ',"stream":true', ',"stream":false'])
async def test_a_pulled_model_is_callable_within_two_beats(herd: Herd, fake: FakeEngine, stream: str) -> None:
    for name in ("new", "other:7b"):
        body = b'{"model":"%b","node_id":"node-1","x":1.0e0%b}' % (name.encode(), stream.encode())
        pulled = await asked(herd, "/api/pull", body)
        assert (pulled.status, pulled.headers["x-fleet-node"]) == (200, "node-1")
        sent = (await last_call(fake, "/api/pull")).body
        assert sent == body.replace(b',"node_id":"node-1"', b"")
        direct = await send(herd.session, f"{fake.address}/api/pull", sent)
        assert pulled.body == direct.body
        assert pulled.headers["content-type"] == direct.headers["content-type"]
        assert msgspec.json.decode(pulled.body.splitlines()[-1]) == {"status": "success"}

        async def there(name: str = name) -> bool:
            return await _callable(herd, name)

        await eventually(there, TWO_BEATS_S)


async def test_pulls_that_cannot_be(herd: Herd, fake: FakeEngine) -> None:
    assert (await asked(herd, "/api/pull", b'{"model":"x","node_id":"node-7"}')).status == 404
    assert (await asked(herd, "/api/pull", b'{"model":"x","insecure":true}')).status == 400
    assert (await asked(herd, "/api/pull", b'{"stream":false}')).status == 400
    assert "/api/pull" not in (await fake.state()).by_path
    await fake.switch(fail_paths=["/api/pull"], error_after_chunks=3)
    broken = await asked(herd, "/api/pull", b'{"model":"x"}')
    assert broken.status == 200
    assert "fake fault" in msgspec.json.decode(broken.body.splitlines()[-1])["error"]
    await fake.switch(fail_paths=["/api/pull"], error_after_chunks=None, close_after_chunks=3)
    broken = await asked(herd, "/api/pull", b'{"model":"x"}')
    assert "before it was complete" in msgspec.json.decode(broken.body.splitlines()[-1])["error"]


async def test_a_deleted_model_is_gone(herd: Herd, fake: FakeEngine) -> None:
    assert await _callable(herd, "m")
    deleted = await asked(herd, "/api/delete", b'{"model":"m:latest"}', method="DELETE")
    assert (deleted.status, deleted.body, deleted.headers["x-fleet-node"]) == (200, b"", "node-1")
    assert (await last_call(fake, "/api/delete")).method == "DELETE"

    async def gone() -> bool:
        listed = (await _get(herd, "/api/tags")).json()["models"]
        return [model["name"] for model in listed] == ["hf.co/some/one:Q4_K_M"]

    await eventually(gone, TWO_BEATS_S)
    assert not await _callable(herd, "m")
    again = await asked(herd, "/api/delete", b'{"model":"m"}', method="DELETE")
    assert again.status == 404
    assert 'model "m" not found' in again.json()["error"]


async def test_fleet_status_has_the_documented_keys_and_no_secret(herd: Herd) -> None:
    beat: dict[str, Any] = {
        **{"node_id": "node-2", "epoch": 1, "seq": 1, "gateway_port": 9, "gateway_secret": SECRET},
        "engines": [
            {
                "name": "x",
                "kind": "llama.cpp",
                "models": [{"name": "y"}],
                "replicas": [{"model": "y", "slots_total": 3}],
            }
        ],
    }
    heard = await asked(
        herd, "/heartbeat", msgspec.json.encode(beat), headers={"Content-Type": "application/json"}
    )
    assert (heard.status, heard.json()["status"]) == (200, "ok")
    answers = [await _get(herd, path) for path in ("/fleet/status", "/fleet/queue", "/api/tags", "/api/ps")]
    assert not [answer for answer in [heard, *answers] if SECRET.encode() in answer.body]
    status = answers[0].json()
    assert set(status) == {
        *("fleet", "nodes", "queues", "discovery", "traces", "timestamp"),
        *("pulls", "loads", "pins", "open"),
    }
    assert set(status["traces"]) == {"path", "written", "dropped", "queued", "error"}
    fleet_keys = {"nodes_total", "nodes_online", "models_loaded", "requests_active", "requests_held"}
    assert set(status["fleet"]) >= fleet_keys
    assert (status["fleet"]["nodes_total"], status["fleet"]["nodes_online"]) == (2, 1)
    first, second = status["nodes"]
    for node in (first, second):
        assert set(node) >= DESIGNED_KEYS
        assert not [key for key in node if "secret" in key]
    assert (first["status"], first["state"], first["cordoned"], first["draining"]) == (
        "online",
        "ready",
        False,
        False,
    )
    assert second["status"] == "degraded"
    assert second["state"] in ("probing", "unreachable")
    assert second["reason"]
    assert first["memory"]["total_gb"] > 0
    assert first["disk"]["total_gb"] > 0
    assert first["hardware"]["chip"]
    assert set(first["ollama"]) >= {"models_loaded", "models_available", "requests_active"}
    assert set(first["ollama"]["models_available"]) == {"m", "hf.co/some/one:Q4_K_M"}
    assert status["queues"]["node-1:m:latest"]["concurrency"] == 4


async def test_fleet_queue_counts(herd: Herd) -> None:
    before = (await _get(herd, "/fleet/queue")).json()
    assert await _callable(herd, "m")
    after = (await _get(herd, "/fleet/queue")).json()
    assert set(after) >= QUEUE_KEYS
    assert (after["in_flight"], after["pending"], after["nodes_online"]) == (0, 0, 1)
    assert after["completed"] == before["completed"] + 1


async def test_health_and_readiness(tmp_path: Path, herd: Herd) -> None:
    assert (await _get(herd, "/health")).json()["status"] == "ok"
    assert (await _get(herd, "/ready")).json() == {"status": "ready", "nodes": 1}
    async with coordinator(tmp_path / "alone") as alone:
        assert (await _get(alone, "/health")).status == 200
        ready = await _get(alone, "/ready")
        assert ready.status == 503
        assert int(ready.headers["retry-after"]) >= 1
