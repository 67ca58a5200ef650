"""Verbs about the fleet itself: remove, logs, stats, version, connect, config, completion. A live fleet of fakes."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import REPOSITORY, Herd, fleet_of_fakes
from tests.fleet.looking import traced
from tests.fleet.verbs import Said, Verb, verb


async def herd(fleet: Herd, *arguments: str) -> Said:
    """The verb, of this fleet."""
    return await verb("coordinator", *arguments, "--url", fleet.address)


async def is_offline(fleet: Herd, node_id: str) -> bool:
    """Whether the fleet has given it up."""
    return bool((await fleet.nodes())[node_id]["status"] == "offline")


async def test_a_node_that_is_gone_is_removed(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as first,
        FakeEngine.run(["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(
            *(tmp_path, [first, second]),
            agents={"open": True},
            open=True,
            heartbeat_timeout=1,
            heartbeat_offline=2,
        ) as fleet,
    ):
        said = await herd(fleet, "remove", "node-2")
        assert (said.code, said.out) == (1, "")
        assert "node-2 is not gone" in said.err
        assert (await herd(fleet, "cordon", "node-2")).code == 0
        await fleet.agents["node-2"].kill()
        await eventually(lambda: is_offline(fleet, "node-2"), 15)
        assert (await herd(fleet, "remove", "node-2")) == Said(0, "node-2 removed\n", "")
        assert set(await fleet.nodes()) == {"node-1"}
        kept = msgspec.json.decode((tmp_path / "herd" / "nodes.json").read_bytes())
        assert kept["cordons"] == {}
        said = await herd(fleet, "remove", "node-2", "-o", "json")
        assert (said.code, said.out) == (3, "")
        assert 'no node is named "node-2"; did you mean node-1?' in said.err


async def test_orders_are_not_taken_from_pages_of_others(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        foreign = {"Origin": "http://elsewhere.example", "Content-Type": "application/json"}
        for method, path in (("POST", "/fleet/stop"), ("DELETE", "/fleet/nodes/node-1")):
            for headers, status in ((foreign, 403), ({"Content-Type": "text/plain"}, 415)):
                asked = fleet.session.request(
                    method, fleet.address + path, data=b'{"model": "m"}', headers=headers
                )
                async with asked as response:
                    assert response.status == status, (method, path, await response.text())
        assert (await fake.switches()).loaded == ["m"]


async def test_the_log_from_elsewhere(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        await ask(fleet, call_id="one")
        said = await herd(fleet, "logs", "--request", "one")
        assert (said.code, said.err) == (0, "")
        assert said.out.endswith("INFO    chat m:latest on node-1: completed [one]\n")
        (line,) = (await herd(fleet, "logs", "--request", "one", "-o", "json")).out.splitlines()
        assert msgspec.json.decode(line)["node_id"] == "node-1"
        nobody = Said(3, "", 'herd: no node is named "node-11"; did you mean node-1?\n')
        assert (await herd(fleet, "logs", "--node", "node-11")) == nobody
        assert (await herd(fleet, "logs", "--request", "none")).code == 3
        said = await herd(fleet, "connect", "openai", "--model", "nosuch")
        assert (said.code, said.err.count("warning: no node has nosuch yet\n")) == (0, 1)
        assert "warning" not in (await herd(fleet, "connect", "openai", "--model", "m")).err
        assert len((await herd(fleet, "logs", "--node", "node-1", "-n", "1")).out.splitlines()) == 1

        follow = await Verb.begin(
            "coordinator", "logs", "-f", "-n", "1", "--request", "two", "--url", fleet.address
        )
        await ask(fleet, call_id="two")
        assert (await follow.line()).endswith("completed [two]\n")
        await ask(fleet, call_id="two")
        assert (await follow.line()).endswith("completed [two]\n")
        follow.interrupt()
        assert (await follow.ended()).code == 130
        async with fleet.session.get(fleet.address + "/fleet/logs?after=1-x") as response:
            assert response.status == 400


async def test_figures_and_versions(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        await ask(fleet)
        await traced(tmp_path, 1)
        told = msgspec.json.decode((await herd(fleet, "stats", "-o", "json")).out)
        assert (told["days"], told["fleet"]["calls"], told["nodes"][0]["completion_tokens"]) == (1, 1, 5)
        memory = (await fleet.nodes())["node-1"]["memory"]
        assert told["nodes"][0]["memory_total_gb"] == memory["total_gb"]
        said = await herd(fleet, "stats", "--days", "7")
        heads, node, last = (line.split() for line in said.out.splitlines())
        assert heads[0] == "NODE"
        assert (node[0], last[0], last[-5]) == ("node-1", "fleet", "1")
        assert (await herd(fleet, "stats", "--days", "0")).code == 2

        said = await herd(fleet, "version")
        assert said.out.splitlines()[1:] == [
            f"coordinator 0.1.0 at {fleet.address}",
            "node-1 0.1.0 (ollama 0.30.0)",
        ]
        told = msgspec.json.decode((await herd(fleet, "version", "-o", "json")).out)
        assert told["coordinator"] == {"url": fleet.address, "version": told["client"]}


async def test_what_clients_are_told(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "other"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        said = await herd(fleet, "connect", "aider")
        assert said.out == f"export OLLAMA_API_BASE={fleet.address}\naider --model ollama_chat/m\n"
        assert "on this machine only" in said.err
        told = msgspec.json.decode((await herd(fleet, "connect", "openclaw", "-o", "json")).out)
        assert (told["url"], told["model"], told["file"]) == (fleet.address, "m", "~/.openclaw/openclaw.json")
        for client in ("openai", "ollama"):
            program = tmp_path / f"hello_{client}.py"
            program.write_text((await herd(fleet, "connect", client, "--model", "other")).out)
            assert "node-1 says hello" in await ran(str(program))
        assert (await herd(fleet, "connect", "nosuch")).code == 2


async def ran(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What Python prints with these."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_settings_and_where_they_come_from(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("FLEET_PORT=12000\n")
    environment = {"FLEET_ENV_FILE": str(file), "FLEET_POLICY": "weighted"}

    async def show(*arguments: str) -> Said:
        return await verb("coordinator", "config", "show", *arguments, environment=environment)

    lines = [line.split("   ") for line in (await show("--origin")).out.splitlines()]
    found = {line[0]: (line[1].strip() or line[2].strip(), line[-1].strip()) for line in lines}
    assert found["FLEET_POLICY"][1] == "environment"
    assert found["FLEET_PORT"][1] == f"file {file}"
    assert found["FLEET_HOLD_TIMEOUT"][1] == "default"
    told = msgspec.json.decode((await show("port", "-o", "json")).out)
    assert told == {"FLEET_PORT": {"value": 12000, "origin": f"file {file}"}}
    said = await show("FLEET_PROT")
    assert (said.code, said.out) == (3, "")
    assert "did you mean FLEET_PORT?" in said.err
    environment["FLEET_PORT"] = "many"
    assert (await show()).code == 2


async def test_tab_completes_nodes_and_models(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        asked = {"FLEET_URL": fleet.address, "_HERD_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
        herd_itself = ("-c", "from coordinator.cli import main; main(prog_name='herd')")
        for typed, completed in (("herd drain no", "plain,node-1\n"), ("herd run ", "plain,m\n")):
            assert await ran(*herd_itself, environment=asked | {"COMP_WORDS": typed}) == completed
