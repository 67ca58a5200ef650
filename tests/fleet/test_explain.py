"""Explaining, with real programs: before a call, after it, after a restart, on the command line. Fake engines."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.core.explanation import Explanation
from coordinator.core.signals import SIGNALS
from coordinator.verbs import explain as verb
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, PATHS, Reply, Streaming, ask, body
from tests.fleet.harness import REPOSITORY, Herd, fleet_of_fakes, herd

SLOW: dict[str, Any] = {"token_delay_s": 0.2, "tokens": 100}
SEVEN = [name for name, _ in SIGNALS]


@contextlib.asynccontextmanager
async def loaded_cold_and_draining(tmp_path: Path, **settings: Any) -> AsyncIterator[Herd]:
    """`m` is loaded on node-1, on the disk of node-2, and loaded on node-3, which drains."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as first,
        FakeEngine.run(["m"], name="node-2") as second,
        FakeEngine.run(["m", "other"], loaded=["m", "other"], name="node-3", **SLOW) as third,
        fleet_of_fakes(tmp_path, [first, second, third], slots=2, **settings) as fleet,
    ):
        stream = await Streaming.begin(fleet, model="other")
        fleet.agents["node-3"].signal(signal.SIGTERM)
        await eventually(lambda: draining(fleet, "node-3"))
        yield fleet
        stream.abort()


async def draining(fleet: Herd, node_id: str) -> bool:
    """Whether the fleet knows that."""
    return bool((await fleet.nodes())[node_id]["draining"])


async def explained(fleet: Herd, call: dict[str, Any], status: int = 200, query: str = "") -> Any:
    """POST /fleet/explain"""
    async with fleet.session.post(f"{fleet.address}/fleet/explain{query}", json=call) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def cli(fleet: Herd, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    """`herd explain`: exit code, standard output, standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coordinator", "explain", *arguments),
        cwd=REPOSITORY,
        env=environment | {"FLEET_URL": fleet.address, "COLUMNS": "80"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate(given)
    return await process.wait(), out.decode(), errors.decode()


async def test_what_is_told_before_is_what_happens_and_is_told_after(tmp_path: Path) -> None:
    """In memory at once, then from the file, then by another coordinator."""
    async with loaded_cold_and_draining(tmp_path, policy="weighted") as fleet:
        for dialect in DIALECTS:
            before = await explained(fleet, body("m", stream=False))
            reply = await ask(fleet, dialect, call_id=f"call-{dialect}")
            assert (before["outcome"], before["chosen"]) == ("placed", reply.node) == ("placed", "node-1")
            check_headers(reply)
            after = await fleet.get(f"/fleet/explain/call-{dialect}")
            assert all(each["predicted_seconds"] for each in before["candidates"] if each["eligible"])
            assert after["candidates"] == [
                each | {"predicted_seconds": None, "learned": None} for each in before["candidates"]
            ]
            assert (after["status"], after["node_id"], after["retries"]) == ("completed", "node-1", 0)
            told = {each["node_id"]: each for each in after["candidates"]}
            assert [told[f"node-{n}"]["eligible"] for n in (1, 2, 3)] == [True, True, False]
            assert told["node-3"]["refusal"] == "node-3 is draining"
            assert {*SEVEN, "total"} <= set(told["node-1"]["scores_breakdown"])
            assert told["node-1"]["score"] > told["node-2"]["score"]
            assert after["why"].startswith("node-1, because the model is loaded there (+50 against +10)")
        assert (await fleet.get("/fleet/queue"))["completed"] == len(DIALECTS), "nothing else was placed"
        await eventually(lambda: stored(fleet, len(DIALECTS)))
    async with herd(tmp_path) as another:
        again = await another.get(f"/fleet/explain/{after['request_id']}")
        assert again == after


async def test_seconds_are_told_beside_the_points_where_they_decide(tmp_path: Path) -> None:
    """Before the call, and after it those of the places that were looked at."""
    async with loaded_cold_and_draining(tmp_path) as fleet:
        before = await explained(fleet, body("m", stream=False))
        reply = await ask(fleet, call_id="call")
        assert (before["policy"], before["chosen"], reply.node) == ("predictive", "node-1", "node-1")
        seconds = {each["node_id"]: each["predicted_seconds"] for each in before["candidates"]}
        assert seconds["node-1"]["total"] < seconds["node-2"]["total"]
        assert seconds["node-1"]["load"] == 0 < seconds["node-2"]["load"]
        assert seconds["node-3"] is None, "it drains"
        after = await fleet.get("/fleet/explain/call")
        told = {each["node_id"]: each for each in after["candidates"]}
        assert told["node-1"]["predicted_seconds"] == seconds["node-1"]
        assert told["node-1"]["learned"] == before["candidates"][0]["learned"]
        assert told["node-1"]["learned"]["answers_measured"] == 0, "by what it claims, when it was placed"
        assert told["node-1"]["score"] == before["candidates"][0]["score"], "the points are told all the same"
        assert after["why"].startswith("node-1, because it takes ")


def check_headers(reply: Reply) -> None:
    """The total is one number, as people's scripts read it; the shares are beside it."""
    shares = dict(part.split("=") for part in reply.headers["X-Fleet-Score-Breakdown"].split("; "))
    assert set(SEVEN) <= set(shares)
    total = float(reply.headers["X-Fleet-Score"])
    assert abs(total - sum(map(float, shares.values()))) < 0.05 * len(shares)


async def stored(fleet: Herd, count: int) -> bool:
    """Whether so many decisions are in the file."""
    return len((await fleet.get("/fleet/decisions"))["decisions"]) >= count


async def test_a_retried_call_tells_of_each_attempt(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], fail_status=500) as first,
        FakeEngine.run(["m"], name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second]) as fleet,
    ):
        reply = await ask(fleet, call_id="twice")
        assert (reply.node, reply.retries) == ("node-2", 1)
        told = await fleet.get("/fleet/explain/twice")
        assert (told["chosen"], told["node_id"], told["retries"]) == ("node-2", "node-2", 1)
        assert [(each["node_id"], each["status"]) for each in told["attempts"]] == [
            ("node-1", "retried"),
            ("node-2", "completed"),
        ]
        refused = {each["node_id"]: each["refusal"] for each in told["candidates"]}
        assert refused["node-1"] == "it has failed on node-1"


async def test_a_call_that_runs_and_one_that_waits_are_told_of(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], **SLOW) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as fleet,
    ):
        headers = {"X-Request-Id": "first"}
        url = fleet.address + PATHS["ollama"]
        async with fleet.session.post(url, json=body("m", stream=True), headers=headers):
            told = await fleet.get("/fleet/explain/first")
            assert (told["status"], told["chosen"], told["status_code"]) == ("running", "node-1", None)
            waiting = asyncio.create_task(ask(fleet, call_id="second"))
            await eventually(fleet.held)
            told = await fleet.get("/fleet/explain/second")
            assert (told["status"], told["outcome"], told["chosen"]) == ("waiting", "waits", None)
            assert told["why"] == "the call waits: no room on node-1"
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await eventually(fleet.idle)
        assert (await fleet.get("/fleet/explain/second"))["status"] == "client_disconnected"


async def test_what_cannot_be_explained_is_said_plainly(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["llama3.2"], loaded=["llama3.2"]) as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        no_call = await explained(fleet, {"model": "m"}, 400)
        assert no_call["error"].startswith("the body is no call: messages make it a chat")
        assert (await explained(fleet, {"messages": []}, 400))["error"] == "model is required"
        wrong = await explained(fleet, {"model": "m", "prompt": "hello"}, 400, "?operation=sing")
        assert wrong["error"] == "operation is one of chat, generate, embed"
        unknown = await explained(fleet, body("llama3.3", stream=False))
        assert (unknown["outcome"], unknown["chosen"], unknown["candidates"]) == ("waits", None, [])
        assert "would be pulled" in unknown["reason"]
        assert "near: llama3.2:latest" in unknown["reason"]
        assert (await ask(fleet, model="llama3.3", call_id="refused")).status == 404
        told = await fleet.get("/fleet/explain/refused")
        assert (told["status"], told["status_code"], told["chosen"]) == ("rejected", 404, None)
        assert "near: llama3.2:latest" in told["why"]
        for request_id, status in (("never-came", 404), ("no%20id", 400)):
            async with fleet.session.get(f"{fleet.address}/fleet/explain/{request_id}") as response:
                assert response.status == status
                assert isinstance((await response.json())["error"], str)


async def test_the_command_line_tells_people_and_programs(tmp_path: Path) -> None:
    async with loaded_cold_and_draining(tmp_path) as fleet:
        await ask(fleet, call_id="mine")
        code, out, errors = await cli(fleet, "mine")
        assert (code, errors) == (0, "")
        assert out.startswith("m: completed 200 on node-1, ")
        assert "\nrequest mine, " in out
        assert out.count("* node-1 ") == out.count("*") == 3, "by points, by seconds, by what was learned"
        assert "\x1b" not in out
        assert "\nnode-3    is draining\n" in out
        assert max(map(len, out.splitlines())) <= 80
        code, out, _ = await cli(fleet, "--model", "m", "--prompt", "hello", "-o", "json")
        assert (code, json.loads(out)["chosen"]) == (0, "node-1")
        embed = json.dumps({"model": "m", "input": "hello"}).encode()
        code, out, _ = await cli(fleet, "--body", "-", "-o", "json", given=embed)
        assert (code, json.loads(out)["operation"]) == (0, "embed")
        code, out, errors = await cli(fleet, "never-came")
        assert (code, out) == (3, "")
        assert "no call 'never-came' is known" in errors
        code, _, errors = await cli(fleet, "--body", "-", given=b'{"model": "m"}')
        assert code == 1
        assert "the body is no call" in errors
        assert (await cli(fleet, "--replay", "--weights", "thermal"))[0] == 2
        assert (await cli(fleet, "mine", "--url", "http://127.0.0.1:9"))[0] == 1


async def test_stored_decisions_are_replayed_under_other_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of three finds node-1 idle; for the others only residency speaks against going to node-2."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", token_delay_s=0.1) as first,
        FakeEngine.run(["m"], name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second]) as fleet,
    ):
        streams = [await Streaming.begin(fleet) for _ in range(3)]
        for stream in streams:
            (await stream.rest()).must_be_from("node-1")
        await eventually(lambda: stored(fleet, 3))
        code, out, errors = await cli(fleet, "--replay", "--weights", "thermal=0,memory_fit=0,context_fit=0")
        assert (code, errors) == (0, "")
        assert out.startswith("2 of 3 decisions (66.7 %) would have gone elsewhere, with thermal=0")
        code, out, _ = await cli(fleet, "--replay", "--weights", "thermal=60", "--since", "1h", "-o", "json")
        assert (code, json.loads(out)["moved"], json.loads(out)["looked_at"]) == (0, 0, 3)
        page = await fleet.get("/fleet/decisions?limit=2")
        rest = await fleet.get(f"/fleet/decisions?limit=2&before={page['before']}")
        assert [len(page["decisions"]), len(rest["decisions"]), rest["before"]] == [2, 1, None]
        monkeypatch.setattr(verb, "PAGE", 2)
        for most, age_s, count in ((None, 3600.0, 3), (2, None, 2), (1, None, 1), (9, None, 3)):
            assert len(await asyncio.to_thread(all_decisions, most, age_s, fleet.address)) == count


def all_decisions(most: int | None, age_s: float | None, url: str) -> list[Explanation]:
    """Page by page, as the command reads them."""
    return list(verb.decisions(most, age_s, url))
