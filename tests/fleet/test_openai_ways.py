"""OpenAI calls and an Ollama that speaks both dialects, or breaks off: which way a call takes, and how it ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Reply, ask
from tests.fleet.harness import Herd, fleet_of_fakes

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m"], name="node-1") as engine:
        yield engine


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    settings: dict[str, Any] = {"settle_time": 0, "max_retries": 0, "context_protection": "passthrough"}
    async with fleet_of_fakes(tmp_path, [fake], **settings) as running:
        yield running


async def _post(herd: Herd, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with herd.session.post(herd.address + path, json=body) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("path", "native", "more"),
    [
        ("/v1/chat/completions", "/api/chat", {"messages": CHAT["messages"]}),
        ("/v1/completions", "/api/generate", {"prompt": "hello"}),
        ("/v1/embeddings", "/api/embed", {"input": "hello"}),
    ],
)
async def test_only_what_v1_would_drop_goes_another_way(
    herd: Herd, fake: FakeEngine, path: str, native: str, more: dict[str, Any]
) -> None:
    ways: list[tuple[dict[str, Any], str]] = [
        ({}, path),
        ({"keep_alive": None, "options": None}, path),
        ({"seed": 3, "logit_bias": {"5": 1}}, path),
        ({"keep_alive": "1h"}, native),
        ({"options": {"num_ctx": 128}}, native),
    ]
    for fields, taken in ways:
        body = b"  " + msgspec.json.encode({"model": "m"} | more | fields)
        async with herd.session.post(herd.address + path, data=body) as response:
            assert response.status == 200, await response.text()
        calls = (await fake.state()).calls
        call = next(each for each in reversed(calls) if each.path.startswith(("/v1/c", "/v1/e", native)))
        assert call.path == taken, fields
        if taken == path:
            assert call.body == body
            continue
        sent = msgspec.json.decode(call.body)
        assert sent.get("keep_alive") == fields.get("keep_alive")
        assert sent.get("options", {}).get("num_ctx") == fields.get("options", {}).get("num_ctx")


async def test_ollamas_own_fields_go_along(herd: Herd, fake: FakeEngine) -> None:
    own = {"think": False, "format": "json", "truncate": False, "shift": False, "keep_alive": "1h"}
    status, answer = await _post(herd, "/v1/chat/completions", CHAT | own)
    assert status == 200, answer
    call = next(each for each in reversed((await fake.state()).calls) if each.path == "/api/chat")
    sent = msgspec.json.decode(call.body)
    assert {name: sent.get(name) for name in own} == own
    status, answer = await _post(herd, "/v1/chat/completions", CHAT | own | {"thinking": True})
    assert (status, answer["error"]["message"].split(":")[0]) == (400, "thinking"), (
        "that one it does not know"
    )


async def test_the_context_that_was_asked_for_is_loaded(herd: Herd, fake: FakeEngine) -> None:
    await _post(herd, "/v1/chat/completions", CHAT | {"options": {"num_ctx": 1234}, "keep_alive": -1})
    async with herd.session.get(f"{fake.address}/api/ps") as response:
        (loaded,) = (await response.json())["models"]
    assert (loaded["context_length"], loaded["expires_at"] > "2100") == (1234, True)


async def test_ollamas_own_fault_is_told_in_openais_words(herd: Herd, fake: FakeEngine) -> None:
    await fake.switch(capabilities=["completion"])
    body = CHAT | {"reasoning_effort": "high", "keep_alive": 1}
    status, answer = await _post(herd, "/v1/chat/completions", body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert "does not support thinking" in answer["error"]["message"]


@pytest.mark.parametrize(
    "fault", [{"error_after_chunks": 3}, {"reset_after_chunks": 3}, {"close_after_chunks": 3}]
)
async def test_a_stream_that_breaks_ends_with_an_error_and_no_done(
    herd: Herd, fake: FakeEngine, fault: dict[str, int]
) -> None:
    await fake.switch(openai=True, **fault)
    body = CHAT | {"stream": True, "keep_alive": "5m"}
    async with herd.session.post(f"{herd.address}/v1/chat/completions", json=body) as response:
        assert response.status == 200
        reply = Reply("openai", True, response.status, response.headers, await response.read())
    assert not reply.complete
    assert b"[DONE]" not in reply.raw
    assert reply.error
    assert b'"content":" hello"' in reply.raw or fault != {"error_after_chunks": 3}
    await fake.switch(**dict.fromkeys(fault))
    (await ask(herd, "openai")).must_be_from("node-1")


async def test_a_whole_answer_that_breaks_is_an_error(herd: Herd, fake: FakeEngine) -> None:
    await fake.switch(error_after_chunks=1)
    status, answer = await _post(herd, "/v1/chat/completions", CHAT | {"keep_alive": "5m"})
    assert status == 502
    assert set(answer["error"]) == {"message", "type", "param", "code"}


async def test_a_trace_has_the_tokens_though_the_caller_did_not_ask(herd: Herd) -> None:
    """Ollama's own lines always have them."""
    body = CHAT | {"stream": True, "keep_alive": "5m"}
    async with herd.session.post(f"{herd.address}/v1/chat/completions", json=body) as response:
        assert b"usage" not in await response.read()

    async def written() -> bool:
        return bool((await herd.get("/dashboard/api/traces?limit=5"))["traces"])

    await eventually(written, 10)
    (trace,) = (await herd.get("/dashboard/api/traces?limit=5"))["traces"]
    assert (trace["prompt_tokens"], trace["completion_tokens"], trace["status"]) == (1, 5, "completed")


async def test_a_call_that_moves_is_said_as_each_engine_understands_it(tmp_path: Path) -> None:
    """First asked in Ollama's words, which fails; then by the caller's own bytes."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", openai=False, fail_status=500) as native,
        FakeEngine.run(["m"], name="node-2") as both,
        fleet_of_fakes(tmp_path, [native, both], settle_time=0) as herd,
    ):
        reply = await ask(herd, "openai", stream=True)
        reply.must_be_from("node-2")
        assert reply.retries == 1
        assert (await native.state()).by_path["/api/chat"] == 1
        assert (await both.state()).by_path["/v1/chat/completions"] == 1
        await native.switch(fail_status=None)
        await both.switch(fail_status=500)
        async with herd.session.post(f"{herd.address}/v1/chat/completions", json=CHAT) as response:
            assert (response.status, response.headers["X-Fleet-Node"]) == (200, "node-1")
            assert (await response.json())["choices"][0]["message"]["content"].startswith("node-1 says")
