"""/dashboard/api/health of real fleets: what is wrong with nodes, with the file, and with their words."""

from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.harness import herd as coordinator
from tests.fleet.looking import beat, checks, database

EVIL = "<img src=x onerror=alert(1)>"


async def test_health_names_what_is_wrong_with_nodes(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], open=True, heartbeat_timeout=4, heartbeat_offline=6) as herd,
    ):
        size = 16 << 30
        await beat(
            herd,
            "far",
            agent_version="0.0.1",
            memory={"total_bytes": size, "available_bytes": 1 << 30, "pressure": "critical"},
            disk={"total_bytes": size, "available_bytes": 1 << 20},
            engines=[{"name": "ollama", "kind": "ollama", "up": False, "reason": "connection refused"}],
        )

        async def unreachable() -> bool:
            return checks(await herd.get("/dashboard/api/health"), "far").get("node_degraded") == "warning"

        await eventually(unreachable)
        health = await herd.get("/dashboard/api/health")
        assert checks(health, "far") == {
            **{"memory_pressure": "critical", "disk_nearly_full": "critical", "engine_down": "critical"},
            **{"node_degraded": "warning", "version_mismatch": "warning"},
        }
        (degraded,) = [each for each in health["recommendations"] if each["check_id"] == "node_degraded"]
        assert "--advertise" in degraded["fix"]
        assert set(checks(health, "node-1")) <= {
            "underutilized_memory",
            "disk_nearly_full",
            "swap_usage",
            "memory_pressure",
        }
        severities = [each["severity"] for each in health["recommendations"]]
        assert severities == sorted(severities, key=["critical", "warning", "info"].index)

        async def offline() -> bool:
            return checks(await herd.get("/dashboard/api/health"), "far") == {"node_offline": "critical"}

        await eventually(offline, 15)
        vitals = (await herd.get("/dashboard/api/health"))["vitals"]
        assert (vitals["nodes_total"], vitals["nodes_online"], vitals["nodes_offline"]) == (2, 1, 1)


async def test_loads_of_a_model_are_counted(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:

        async def seen() -> tuple[int, int]:
            """Models in memory now, and loads so far."""
            loaded = (await herd.get("/fleet/status"))["fleet"]["models_loaded"]
            return loaded, (await herd.get("/dashboard/api/health"))["vitals"]["cold_loads_24h"]

        assert await seen() == (0, 0)
        for number in range(1, 4):
            for loaded in (["m"], []):
                await fake.switch(loaded=loaded)

                async def shown(expected: tuple[int, int] = (len(loaded), number)) -> bool:
                    return await seen() == expected

                await eventually(shown)
        health = await herd.get("/dashboard/api/health")
        assert checks(health, "node-1")["model_thrashing"] == "warning"


async def test_health_answers_while_the_file_is_broken(tmp_path: Path) -> None:
    database(tmp_path).mkdir(parents=True)  # what is merely spoilt would be put aside, and a new one begun
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], open=True) as herd,
    ):
        assert (await ask(herd)).status == 200

        async def told() -> bool:
            return "trace_store_write_failures" in checks(await herd.get("/dashboard/api/health"))

        await eventually(told)
        health = await herd.get("/dashboard/api/health")
        assert checks(health)["trace_store_unreadable"] == "warning"
        assert health["vitals"]["total_requests_24h"] is None
        assert health["vitals"]["nodes_online"] == 1
        async with herd.session.get(herd.address + "/dashboard/api/trends") as response:
            assert response.status == 503
            assert "latency.db" in (await response.json())["error"]


async def test_a_nodes_words_are_never_in_the_page_and_only_json_elsewhere(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as herd:
        engine = {"name": "x", "kind": EVIL, "up": False, "reason": EVIL, "models": [{"name": EVIL}]}
        await beat(herd, "evil", hardware={"chip": EVIL}, agent_version=EVIL, engines=[engine])
        for path in ("/fleet/status", "/dashboard/api/health", "/dashboard/api/model-management"):
            async with herd.session.get(herd.address + path) as response:
                assert EVIL in await response.text()
                assert response.content_type == "application/json"
        async with herd.session.get(herd.address + "/dashboard") as response:
            assert EVIL not in await response.text()
        head = {"node_id": EVIL, "epoch": 1, "seq": 1, "gateway_port": 9, "gateway_secret": "x" * 16}
        async with herd.session.post(herd.address + "/heartbeat", json=head) as response:
            assert response.status == 400
