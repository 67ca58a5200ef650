"""Calls through real programs, and the rows, numbers and lessons they leave. Fake engines."""

import asyncio
import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.test_traces import OPERATORS_QUERIES
from tests.fakes.control import FakeEngine
from tests.fakes.exposition import families
from tests.fakes.traces import rows
from tests.fakes.waiting import eventually
from tests.fleet.asking import PATHS, WAYS, Dialect, Streaming, ask, body
from tests.fleet.harness import Herd, fleet_of_fakes, herd, node

SECRET = "a secret nobody may write down"
GUESSED_POINTS = 0.32
"""By which wait_time lowers a node with one call of the fake's model, as long as none was measured."""
CALLS = 200
ON_DISK_S = 0.5


def database(data_dir: Path) -> Path:
    return data_dir / "herd" / "latency.db"


async def rows_of(data_dir: Path, call_id: str, expected: int = 1) -> list[dict[str, Any]]:
    """The rows of one call, once they are there."""
    query = "SELECT * FROM request_traces WHERE request_id = ? ORDER BY id"
    await eventually(lambda: len(rows(database(data_dir), query, call_id)) >= expected)
    found = rows(database(data_dir), query, call_id)
    assert len(found) == expected
    return found


async def post(herd: Herd, dialect: Dialect, call_id: str, **fields: Any) -> tuple[int, bytes]:
    """A call with further fields and a header of tags."""
    asked = body("m", stream=False) | fields
    headers = {"X-Request-Id": call_id, "X-Herd-Tags": "app:test"}
    async with herd.session.post(herd.address + PATHS[dialect], json=asked, headers=headers) as response:
        return response.status, await response.read()


def tokens_said(raw: bytes, dialect: Dialect) -> tuple[int, int]:
    """By the engine, to its caller."""
    said = json.loads(raw)
    if dialect == "ollama":
        return said["prompt_eval_count"], said["eval_count"]
    return said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]


@pytest.mark.parametrize(("dialect", "stream"), WAYS)
async def test_a_completed_call_is_one_row_with_the_engines_tokens(
    tmp_path: Path, dialect: Dialect, stream: bool
) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], tokens=4, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        status, whole = await post(herd, dialect, "whole", metadata={"tags": ["t1"]}, user="ann")
        assert status == 200
        said = tokens_said(whole, dialect)
        options = {"stream_options": {"include_usage": True}} if dialect == "openai" else {}
        assert (await post(herd, dialect, "c1", stream=stream, **options))[0] == 200
        (row,) = await rows_of(tmp_path, "c1")
        assert (row["status"], row["node_id"], row["model"]) == ("completed", "node-1", "m:latest")
        assert (row["original_model"], row["original_format"]) == ("m", dialect)  # as it was asked for
        assert (row["prompt_tokens"], row["completion_tokens"]) == said
        assert row["latency_ms"] > 150
        assert (row["time_to_first_token_ms"] is not None) == stream
        assert row["score"] == json.loads(row["scores_breakdown"])["total"]
        assert (row["retry_count"], row["excluded_nodes"], row["client_ip"]) == (0, "[]", "127.0.0.1")
        (tagged,) = await rows_of(tmp_path, "whole")
        assert json.loads(tagged["tags"]) == ["t1", "app:test", "user:ann"]


async def test_retried_failed_cancelled_and_rejected_calls_leave_their_rows(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "alone"], loaded=["m", "alone"], slots=8, name="node-1") as bad,
        FakeEngine.run(["m"], loaded=["m"], slots=8, name="node-2") as good,
        fleet_of_fakes(tmp_path, [bad, good], agents={"heartbeat_interval": 12}) as herd,
    ):
        await bad.switch(fail_status=500)
        (await ask(herd, call_id="retried")).must_be_from("node-2")
        first, last = await rows_of(tmp_path, "retried", 2)
        assert (first["status"], first["node_id"], first["retry_count"]) == ("retried", "node-1", 0)
        assert (last["status"], last["node_id"], last["retry_count"]) == ("completed", "node-2", 1)
        assert (first["excluded_nodes"], last["excluded_nodes"]) == ("[]", '["node-1"]')
        assert first["error_message"] == "ollama on node-1 answered 500"
        assert last["latency_ms"] >= first["latency_ms"]

        assert (await ask(herd, model="alone", call_id="failed")).status == 502
        (row,) = await rows_of(tmp_path, "failed")
        assert (row["status"], row["node_id"]) == ("failed", "node-1")
        assert (row["error_message"], row["completion_tokens"]) == ("ollama on node-1 answered 500", None)

        assert (await ask(herd, model="nobody-has-it", call_id="rejected")).status == 404
        (row,) = await rows_of(tmp_path, "rejected")
        assert (row["status"], row["node_id"], row["score"]) == ("rejected", "", None)

        await good.switch(token_delay_s=0.05, tokens=500)
        streaming = await Streaming.begin(herd, "ollama")
        streaming.abort()
        query = "SELECT * FROM request_traces WHERE status = 'client_disconnected'"
        await eventually(lambda: rows(database(tmp_path), query))
        (row,) = rows(database(tmp_path), query)
        assert (row["node_id"], row["completion_tokens"]) == ("node-2", None)

        await good.switch(tokens=5, token_delay_s=0, reset_after_chunks=2)
        assert (await ask(herd, stream=True, call_id="broken")).error
        (row,) = await rows_of(tmp_path, "broken")
        assert row["status"] == "incomplete"

        found = families(await (await herd.session.get(herd.address + "/metrics")).text())
        requests, route = found["herd_requests_total"], "/api/chat"
        assert requests.value("herd_requests_total", route=route, model="alone:latest", code="502") == 1
        assert requests.value("herd_requests_total", route=route, model="other", code="404") == 1
        assert requests.value("herd_requests_total", route=route, model="m:latest", code="499") == 1
        assert found["herd_retries_total"].value("herd_retries_total", reason="upstream_error") == 1
        told = (await herd.get("/dashboard/api/traces?limit=3"))["traces"]
        assert [each["status"] for each in told] == ["incomplete", "client_disconnected", "rejected"]
        assert told[0]["scores_breakdown"]["total"] == told[0]["score"]
        assert (await herd.get("/dashboard/api/overview"))["total_requests"] == 1
        assert sum(row["request_count"] for row in (await herd.get("/dashboard/api/usage"))["data"]) == 5
        async with herd.session.get(herd.address + "/dashboard/api/traces?limit=0") as response:
            assert response.status == 400


async def test_latency_counts_from_arrival_and_teaches_without_the_wait(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=8, tokens=10, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as herd,
    ):
        first = asyncio.create_task(ask(herd, call_id="first"))
        await eventually(herd.in_flight)
        await ask(herd, call_id="second")
        await first
        (row,) = await rows_of(tmp_path, "second")
        observed = rows(database(tmp_path), "SELECT latency_ms FROM latency_observations ORDER BY id")
        assert row["latency_ms"] > observed[1]["latency_ms"] + 200
        assert observed[1]["latency_ms"] > 450


async def test_a_restart_remembers_what_calls_took(tmp_path: Path) -> None:
    """The new coordinator has seen no call end yet: calls are known to be quick only from memory."""
    async with FakeEngine.run(["m"], loaded=["m"], slots=8) as fake:
        async with fleet_of_fakes(tmp_path, [fake]) as before:
            await ask(before, call_id="learnt")
            await rows_of(tmp_path, "learnt")
            await before.kill()
        await fake.switch(first_token_delay_s=1)
        async with (
            herd(tmp_path) as after,
            node(tmp_path, after.address, "node-1", ollama=fake.address, slots=4),
        ):
            await after.ready("node-1")
            first = asyncio.create_task(ask(after, call_id="one"))
            await eventually(after.in_flight)
            second = asyncio.create_task(ask(after, call_id="two"))
            await asyncio.gather(first, second)
            (row,) = await rows_of(tmp_path, "two")
    assert -GUESSED_POINTS / 2 < json.loads(row["scores_breakdown"])["wait_time"] < 0


async def test_operators_queries_run_and_no_word_of_a_caller_is_in_the_file(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=8) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        for number in range(11):
            said = [{"role": "user", "content": SECRET}]
            status, raw = await post(herd, "ollama", f"c{number}", messages=said)
            assert status == 200
        answer = json.loads(raw)["message"]["content"]
        await rows_of(tmp_path, "c10")
        with closing(sqlite3.connect(database(tmp_path))) as connection:
            found = [connection.execute(query).fetchall() for query in OPERATORS_QUERIES]
            written = "".join(connection.iterdump())
        assert found[0][0][0] == "c10"
        assert found[1][0][:3] == ("node-1", "m:latest", 11)
        assert found[3] == [("app:test", 11)]
    assert SECRET not in written
    assert answer not in written


async def test_a_locked_file_slows_no_call_and_a_stop_writes_what_is_queued(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=8) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        await ask(herd, call_id="before")
        await rows_of(tmp_path, "before")
        with closing(sqlite3.connect(database(tmp_path), isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            for number in range(20):
                assert (await ask(herd, call_id=f"locked-{number}")).status == 200
            assert time.monotonic() - began < 5
            connection.execute("ROLLBACK")
        await ask(herd, call_id="last")
        herd.signal(signal.SIGTERM)
        assert await herd.exited(10) == 0
    assert rows(database(tmp_path), "SELECT COUNT(*) AS n FROM request_traces") == [{"n": 22}]


@pytest.mark.alone
@pytest.mark.parametrize("end", ["told to stop", "killed a moment later"])
async def test_an_end_costs_no_row_and_no_line_that_is_older_than_a_moment(tmp_path: Path, end: str) -> None:
    """Both go to their files in batches: a stop waits for the last, a kill finds it written within ON_DISK_S."""
    ids = {f"c{number}" for number in range(CALLS)}
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=8) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=8) as herd,
    ):
        answers = await asyncio.gather(*(ask(herd, call_id=each) for each in ids))
        assert {each.status for each in answers} == {200}
        if end == "told to stop":
            herd.signal(signal.SIGTERM)
            assert await herd.exited(10) == 0
        else:
            told_at = time.monotonic()
            await eventually(lambda: time.monotonic() > told_at + ON_DISK_S)
            await herd.kill()
    assert {row["request_id"] for row in rows(database(tmp_path), "SELECT * FROM request_traces")} == ids
    text = (tmp_path / "herd" / "logs" / "herd.jsonl").read_text()
    lines = [line for line in map(json.loads, text.splitlines()) if line["logger"] == "herd.calls"]
    assert sorted(line["request_id"] for line in lines) == sorted(ids)
    assert [line["ts"] for line in lines] == sorted(line["ts"] for line in lines)
