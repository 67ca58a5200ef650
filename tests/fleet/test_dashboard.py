"""The dashboard's figures, compared with the calls that were really made. Real programs, fake engines."""

import socket
import time
from pathlib import Path

import pytest

from shared import __version__
from tests.fakes.control import FakeEngine
from tests.fakes.traces import rows
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming, ask, body
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.harness import herd as coordinator
from tests.fleet.looking import checks, database, refused, summed, traced

HOUR_S, DAY_S = 3_600, 86_400


async def test_an_empty_fleet_has_every_shape(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as herd:
        await eventually(
            lambda: rows(database(tmp_path), "SELECT name FROM sqlite_master WHERE name = 'request_traces'")
        )
        assert await herd.get("/dashboard/api/trends") == {"hours": 72, "data": []}
        assert await herd.get("/dashboard/api/models") == {"days": 7, "daily": [], "summary": []}
        for name in ("tags", "apps"):
            assert await herd.get(f"/dashboard/api/{name}?days=3") == {"days": 3, "data": [], "summary": []}
            assert await herd.get(f"/dashboard/api/{name}/daily") == {"days": 7, "data": []}
        assert await herd.get("/dashboard/api/model-management") == {"nodes": []}
        advice = await herd.get("/dashboard/api/recommendations")
        assert (advice["nodes"], advice["usage"]["total_requests_24h"]) == ([], 0)
        health = await herd.get("/dashboard/api/health")
        assert checks(health) == {"no_nodes": "critical"}
        (nobody,) = health["recommendations"]
        port = herd.address.rpartition(":")[2]
        assert nobody["fix"].startswith("On each machine: herd-node (if it finds nobody: ")
        assert "localhost" not in nobody["fix"]
        name = socket.gethostname() if "localhost" not in socket.gethostname() else "THIS-HOST"
        assert nobody["fix"].endswith(f"--router-url http://{name}:{port})")
        assert health["vitals"]["health_score"] == 80
        assert health["vitals"]["total_requests_24h"] == 0
        assert health["vitals"]["avg_ttft_ms"] is None
        assert abs(health["checked_at"] - time.time()) < 60
        settings = await herd.get("/dashboard/api/settings")
        assert settings["nodes"] == []


BAD_PARAMETERS = {
    "trends?hours=0": "hours is a whole number",
    "trends?hours=x": "hours is a whole number",
    "trends?start_ts=5&end_ts=4": "start_ts is after end_ts",
    "trends?end_ts=soon": "end_ts is a time",
    "models?days=-1": "days is a whole number",
    "tags?days=99999": "days is a whole number",
    "tags/daily?days=1.5": "days is a whole number",
    "health?refresh=perhaps": "refresh is true or false",
    "recommendations?refresh=2": "refresh is true or false",
    "model-management?refresh=2": "refresh is true or false",
    "traces?limit=0": "limit is a whole number",
}


async def test_bad_parameters_are_the_callers_fault(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as herd:
        for path, said in BAD_PARAMETERS.items():
            assert said in await refused(herd, f"/dashboard/api/{path}"), path


async def test_the_figures_are_those_of_the_calls(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "broken"], loaded=["m"], slots=4, tokens=4) as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0, heartbeat_interval=0.2) as herd,
    ):
        began = time.time()
        for number in range(3):
            asked = body("m", stream=number == 0) | {"metadata": {"tags": ["app"]}, "user": "ann"}
            async with herd.session.post(herd.address + "/api/chat", json=asked) as response:
                assert response.status == 200
                await response.read()
        headers = {"X-Herd-Tags": "app"}
        async with herd.session.post(
            herd.address + "/api/chat", json=body("nobody", stream=False), headers=headers
        ) as response:
            assert response.status == 404
        await fake.switch(fail_status=500)
        assert (await ask(herd, model="broken")).status == 502
        await fake.switch(fail_status=None, tokens=500, token_delay_s=0.05)
        (await Streaming.begin(herd)).abort()
        await traced(tmp_path, 6)

        written = rows(database(tmp_path), "SELECT * FROM request_traces WHERE status = 'completed'")
        prompt = sum(row["prompt_tokens"] for row in written)
        made = sum(row["completion_tokens"] for row in written)
        assert made == 12

        hours = (await herd.get("/dashboard/api/trends"))["data"]  # two of them where an hour ended meanwhile
        now = time.time()
        assert {hour["hour_bucket"] for hour in hours} <= {began // HOUR_S * HOUR_S, now // HOUR_S * HOUR_S}
        assert summed(hours) == (3, prompt, made)
        assert all(hour["avg_latency_ms"] > 0 for hour in hours)
        assert (await herd.get(f"/dashboard/api/trends?end_ts={began}"))["data"] == []
        assert (await herd.get(f"/dashboard/api/trends?start_ts={began}&hours=1"))["data"] == hours

        models = await herd.get("/dashboard/api/models?days=1")
        (total,) = models["summary"]
        assert {(day["model_name"], day["day_bucket"] % DAY_S) for day in models["daily"]} == {
            ("m:latest", 0)
        }
        assert summed(models["daily"]) == (3, prompt, made)
        assert (total["total_requests"], total["total_completion_tokens"]) == (3, made)
        assert total["min_latency_ms"] <= total["avg_latency_ms"] <= total["max_latency_ms"]
        assert began <= total["first_seen"] <= total["last_seen"] <= time.time()

        tags = await herd.get("/dashboard/api/tags")
        app, ann = tags["data"]
        assert (app["tag"], app["request_count"], app["completed_count"], app["failed_count"]) == (
            "app",
            4,
            3,
            1,
        )
        assert (app["error_rate"], app["total_completion_tokens"]) == (0.25, made)
        assert app["avg_ttft_ms"] > 0
        assert (ann["tag"], ann["request_count"], ann["error_rate"]) == ("user:ann", 3, 0.0)
        assert [row["total_requests"] for row in tags["summary"]] == [4, 3]
        assert await herd.get("/dashboard/api/apps") == tags
        daily = (await herd.get("/dashboard/api/apps/daily"))["data"]
        tokens = {
            name: sum(row["total_tokens"] for row in daily if row["tag"] == name)
            for name in ("app", "user:ann")
        }
        assert tokens == {"app": prompt + made, "user:ann": prompt + made}

        vitals = (await herd.get("/dashboard/api/health"))["vitals"]
        assert (vitals["nodes_total"], vitals["nodes_online"]) == (1, 1)
        assert (vitals["total_requests_24h"], vitals["overall_error_rate_pct"]) == (6, 16.7)
        assert (vitals["client_disconnects_24h"], vitals["incomplete_streams_24h"]) == (1, 0)
        assert vitals["total_retries_24h"] == 0
        await fake.switch(tokens=4, token_delay_s=None)
        assert (await ask(herd)).status == 200
        await traced(tmp_path, 7)
        assert (await herd.get("/dashboard/api/health"))["vitals"][
            "total_requests_24h"
        ] == 6  # kept for a while
        anew = await herd.get("/dashboard/api/health?refresh=true")
        assert anew["vitals"]["total_requests_24h"] == 7


async def used_times(herd: Herd, name: str, query: str = "") -> int:
    """`total_requests` of a model on the only node."""
    (node,) = (await herd.get(f"/dashboard/api/model-management{query}"))["nodes"]
    return next(int(model["total_requests"]) for model in node["models"] if model["name"] == name)


async def test_models_on_disk_with_their_use_and_what_is_recommended(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "idle"], loaded=["m"], slots=4) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        for _ in range(2):
            await ask(herd)
        await traced(tmp_path, 2)
        (node,) = (await herd.get("/dashboard/api/model-management"))["nodes"]
        used, idle = node["models"]
        (last,) = rows(database(tmp_path), "SELECT MAX(timestamp) AS at FROM request_traces")
        assert (used["name"], used["total_requests"], used["last_used"]) == ("m", 2, last["at"])
        assert (used["loaded_in_vram"], used["unused"], used["days_unused"]) == (True, False, 0.0)
        assert (used["size_gb"], used["parameter_size"], used["quantization"]) == (3.0, "4.0B", "Q4_K_M")
        assert (idle["name"], idle["total_requests"], idle["last_used"]) == ("idle", 0, None)
        assert (idle["loaded_in_vram"], idle["unused"]) == (False, True)
        assert node["total_size_gb"] == 6.0
        assert 0 < node["disk_available_gb"] <= node["disk_total_gb"]

        advice = await herd.get("/dashboard/api/recommendations")
        (planned,) = advice["nodes"]
        status = (await herd.nodes())["node-1"]
        assert planned["current_models"] == ["m", "idle"]
        assert planned["total_ram_gb"] == pytest.approx(status["memory"]["total_gb"], abs=0.1)
        assert advice["usage"]["top_models"] == [{"model": "m:latest", "requests": 2, "category": "general"}]
        if planned["usable_ram_gb"] >= 3.0:  # as many GiB as this machine has to have for the fake's model
            first = planned["recommendations"][0]
            assert (first["model"], first["priority"], first["already_available"]) == ("m", "high", True)
        await ask(herd)
        await traced(tmp_path, 3)
        kept = await herd.get("/dashboard/api/recommendations")
        assert kept == advice
        assert (await used_times(herd, "m"), await used_times(herd, "m", "?refresh=true")) == (2, 3)
        anew = await herd.get("/dashboard/api/recommendations?refresh=1")
        assert anew["usage"]["total_requests_24h"] == 3
        await fake.switch(models=["m", "idle", "pulled"])

        async def known() -> bool:
            (node,) = (await herd.get("/dashboard/api/recommendations"))["nodes"]
            return sorted(node["current_models"]) == ["idle", "m", "pulled"]

        await eventually(known, 15)  # an agent reads the list of models every 10 s


async def test_settings_are_those_it_runs_with(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], max_retries=1, score_model_hot=44) as herd,
    ):
        told = await herd.get("/dashboard/api/settings")
        assert told["router_version"] == __version__
        assert told["router_hostname"]
        config = told["config"]
        assert config["server"]["port"] == int(herd.address.rpartition(":")[2])
        assert config["server"]["max_retries"] == 1
        assert config["scoring"]["score_model_hot"] == 44
        assert [name for name, on in config["toggles"].items() if on] == ["auto_pull"]
        (node,) = told["nodes"]
        assert (node["node_id"], node["status"], node["is_router"]) == ("node-1", "online", True)
        assert (node["agent_version"], node["models_loaded_count"]) == (__version__, 1)
        assert node["ip"] == "127.0.0.1"
        async with herd.session.post(
            herd.address + "/dashboard/api/settings", json={"auto_pull": True}
        ) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET, HEAD"
            assert "FLEET_" in (await response.json())["error"]


async def test_the_page_and_what_it_loads(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as herd:
        kinds = {
            "/dashboard": "text/html",
            "/dashboard/page.css": "text/css",
            "/dashboard/page.js": "text/javascript",
            "/dashboard/icon.svg": "image/svg+xml",
        }
        for path, kind in kinds.items():
            async with herd.session.get(herd.address + path) as response:
                assert (response.status, response.content_type) == (200, kind)
                assert "default-src 'self'" in response.headers["Content-Security-Policy"]
                assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with herd.session.get(herd.address + "/") as response:
            assert await response.text() == "Ollama is running"
