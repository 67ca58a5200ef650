"""Verbs that read, as processes of their own, against a live fleet of fake engines: tables, JSON, not found."""

from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming, ask
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.looking import traced
from tests.fleet.verbs import Said, Verb, verb

SLOW: dict[str, Any] = {"token_delay_s": 0.3, "tokens": 100}


async def herd(fleet: Herd, *arguments: str) -> Said:
    """The verb, of this fleet."""
    return await verb("coordinator", *arguments, "--url", fleet.address)


async def rows(fleet: Herd, *arguments: str) -> list[list[str]]:
    """Its table, cell by cell, headings first. Columns are three blanks apart, or more."""
    said = await herd(fleet, *arguments)
    assert (said.code, said.err) == (0, "")
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in said.out.splitlines()]


async def told(fleet: Herd, *arguments: str) -> Any:
    """What it tells as JSON."""
    said = await herd(fleet, *arguments, "-o", "json")
    assert (said.code, said.err) == (0, ""), said
    return msgspec.json.decode(said.out)


def timeless(loaded: Any) -> list[dict[str, Any]]:
    """An idle model of a fake leaves five minutes after each look at it: two answers may differ in that."""
    return [each | {"expires_at": ""} for each in loaded["models"]]


async def test_what_is_loaded_and_what_there_is(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "llama3.2:latest"], loaded=["m"], slots=4, name="node-1") as first,
        FakeEngine.run(["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        heads, loaded = await rows(fleet, "ps")
        assert heads[:6] == ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"]
        assert heads[6:] == ["NODE", "TOK/S", "IN-FLIGHT"]
        assert (loaded[0], loaded[3], loaded[6:]) == ("m", "100% GPU", ["node-1", "-", "0"])
        assert timeless(await told(fleet, "ps")) == timeless(await fleet.get("/api/ps"))
        assert (await herd(fleet, "ps", "-q")).out == "m\n"
        assert len((await herd(fleet, "ps", "--no-headers")).out.splitlines()) == 1

        heads, *listed = await rows(fleet, "list")
        assert heads == ["NAME", "ID", "SIZE", "MODIFIED", "NODES", "DRIFT"]
        assert [(row[0], row[4]) for row in listed] == [("llama3.2:latest", "1/2"), ("m", "2/2")]
        assert [each["name"] for each in (await told(fleet, "list", "ll"))["models"]] == ["llama3.2:latest"]
        assert (await herd(fleet, "list", "nosuch", "-q")) == Said(0, "", "")

        _, model = await rows(fleet, "get", "models", "m")
        assert (model[0], model[3]) == ("m:latest", "1/2")
        many = await told(fleet, "get", "models", "m")
        assert [each["loaded"] for each in many["models"][0]["nodes"]] == [True, False]
        missing = await herd(fleet, "get", "models", "lama3.2")
        assert (missing.code, missing.out) == (3, "")
        assert "did you mean llama3.2:latest?" in missing.err


async def test_the_machines(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as first,
        FakeEngine.run(["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        assert (await herd(fleet, "cordon", "node-2")).code == 0
        heads, *nodes = await rows(fleet, "nodes")
        assert heads[:5] == ["NAME", "STATE", "ENGINES", "LOADED", "IN-FLIGHT"]
        assert [row[:4] for row in nodes] == [
            ["node-1", "ready", "ollama", "1"],
            ["node-2", "cordoned", "ollama", "0"],
        ]
        wide = await rows(fleet, "get", "nodes", "node-1", "-o", "wide")
        assert wide[0][-2:] == ["ADDRESS", "REASON"]
        assert wide[1][-2].startswith("https://127.0.0.1:")
        found = await told(fleet, "nodes", "node-1")
        assert [each["node_id"] for each in found["nodes"]] == ["node-1"]
        assert set(found["nodes"][0]) == set((await fleet.nodes())["node-1"])
        yaml = await herd(fleet, "nodes", "-o", "yaml")
        assert yaml.out.splitlines()[:2] == ["nodes:", "  - node_id: node-1"]
        missing = await herd(fleet, "nodes", "node-3")
        assert (missing.code, missing.out) == (3, "")
        assert 'no node is named "node-3"; did you mean' in missing.err


async def test_calls_that_run_and_calls_that_ended(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        await ask(fleet, call_id="ended-1")
        await traced(tmp_path, 1)
        assert (await rows(fleet, "get", "requests"))[1:] == []
        heads, ended = await rows(fleet, "get", "requests", "--last", "5")
        assert heads[:5] == ["ID", "MODEL", "NODE", "STATUS", "CODE"]
        assert ended[:5] == ["ended-1", "m:latest", "node-1", "completed", "200"]

        await fake.switch(**SLOW)
        stream = await Streaming.begin(fleet)
        (running,) = (await told(fleet, "get", "requests"))["requests"]
        assert (running["node_id"], running["phase"], running["retries"]) == ("node-1", "decode", 0)

        async def written() -> bool:
            (now,) = (await told(fleet, "get", "requests"))["requests"]
            return bool(now["tokens_out"] > 1 and now["tokens_per_s"])

        await eventually(written)
        _, row = await rows(fleet, "get", "requests", running["request_id"])
        assert row[0] == running["request_id"]
        stream.abort()
        await eventually(fleet.idle)
        missing = await herd(fleet, "get", "requests", running["request_id"])
        assert missing.code == 3

        described = await herd(fleet, "describe", "request", "ended-1")
        assert described.code == 0
        assert "completed 200 on node-1" in described.out
        assert (await told(fleet, "describe", "request", "ended-1"))["node_id"] == "node-1"
        missing = await herd(fleet, "describe", "request", "nosuch")
        assert (missing.code, missing.out) == (3, "")


async def test_one_model_in_full(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        await ask(fleet)
        await traced(tmp_path, 1)
        said = await herd(fleet, "describe", "model", "m")
        assert said.code == 0
        assert said.out.startswith("m:latest\n  size          3.2 GB\n")
        node, calls = (line.split() for line in said.out.splitlines() if line.startswith("node-1 "))
        assert node[3] == "loaded"
        assert calls == ["node-1", "1", "0", calls[3], "1", "5"]
        assert (await told(fleet, "describe", "model", "m"))["calls"][0]["completed"] == 1
        missing = await herd(fleet, "describe", "model", "mm")
        assert (missing.code, missing.out) == (3, "")
        assert "did you mean m:latest?" in missing.err


async def test_watching_tells_what_changes_until_ctrl_c(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        watch = await Verb.begin("coordinator", "ps", "-w", "-o", "json", "--url", fleet.address)
        assert msgspec.json.decode(await watch.line()) == {"models": []}
        await ask(fleet)
        loaded = msgspec.json.decode(await watch.line())
        assert [each["fleet_node"] for each in loaded["models"]] == ["node-1"]
        watch.interrupt()
        assert (await watch.ended()).code == 130
