"""Context protection on real programs: what reached the engines, how often they loaded, and what callers were told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes

K = 1024
PATHS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}
DEFAULT = {"default_context": 4 * K}
CONTEXTS: dict[str, Any] = {"loaded": ["m"], "slots": 4, "max_context": 64 * K, **DEFAULT}


class Sent(NamedTuple):
    path: str
    num_ctx: int | None
    body: dict[str, Any]


class Told(NamedTuple):
    status: int
    headers: Any
    body: dict[str, Any]

    @property
    def error(self) -> str:
        said = self.body["error"]
        return str(said["message"] if isinstance(said, dict) else said)


@pytest.fixture
async def fakes() -> AsyncIterator[list[FakeEngine]]:
    """Two Ollamas with `m` in memory, one with 8k and one with 32k of context."""
    async with (
        FakeEngine.run(["m", "small"], name="node-1", context_length=8 * K, **CONTEXTS) as small,
        FakeEngine.run(["m"], name="node-2", context_length=32 * K, **CONTEXTS) as large,
    ):
        yield [small, large]


@pytest.fixture
async def alone(tmp_path: Path, fakes: list[FakeEngine]) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, fakes[:1], agents=DEFAULT, settle_time=0) as running:
        yield running


async def _ask(herd: Herd, dialect: str, prompt: str = "hello", num_ctx: Any = None, **fields: Any) -> Told:
    body = {"model": "m", "stream": False, "messages": [{"role": "user", "content": prompt}]} | fields
    if num_ctx is not None:
        body["options"] = {"num_ctx": num_ctx, "seed": 3}
    async with herd.session.post(herd.address + PATHS[dialect], json=body) as response:
        return Told(response.status, response.headers, await response.json())


async def _sent(fake: FakeEngine) -> list[Sent]:
    """Chats, oldest first."""
    calls = [call for call in (await fake.state()).calls if call.path in PATHS.values()]
    bodies = [msgspec.json.decode(call.body) for call in calls]
    contexts = [body.get("options", {}).get("num_ctx") for body in bodies]
    return [Sent(call.path, *rest) for call, *rest in zip(calls, contexts, bodies, strict=True)]


async def test_what_is_loaded_is_not_loaded_again(alone: Herd, fakes: list[FakeEngine]) -> None:
    loaded, loads = 8 * K, 0
    for dialect in PATHS:
        await fakes[0].reset()
        asked = (loaded // 2, None, loaded, 2 * loaded, loaded // 2, None)
        told = [await _ask(alone, dialect, num_ctx=each) for each in asked]
        assert [each.status for each in told] == [200] * 6, told
        sent = await _sent(fakes[0])
        assert [each.num_ctx for each in sent] == [loaded] * 3 + [2 * loaded] * 3
        assert {each.path for each in sent} == {"/api/chat"}, "OpenAI's dialect cannot say it"
        assert [each.body["options"].get("seed") for each in sent] == [3, None, 3, 3, 3, None], (
            "nothing is lost"
        )
        loads += (await fakes[0].state()).loads
        assert [each.headers.get("X-Fleet-Context") for each in told] == [
            f"pinned={loaded}; asked={loaded // 2}",
            f"pinned={loaded}",
            None,
            f"reload={2 * loaded}; asked={2 * loaded}; loaded={loaded}",
            f"pinned={2 * loaded}; asked={loaded // 2}",
            f"pinned={2 * loaded}",
        ]
        loaded *= 2
    assert loads == 2, "for the calls that asked for more, alone"
    await _other_ways(alone, fakes[0], loaded)
    await _untranslatable(alone, fakes[0])
    for dialect in PATHS:
        await _absurd(alone, fakes[0], dialect)


async def _other_ways(herd: Herd, fake: FakeEngine, loaded: int) -> None:
    """Embeddings, completions and a preload reload nothing either."""
    await fake.reset()
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/api/embed", {"input": "hello"}),
        ("/api/embeddings", {"prompt": "hello"}),
        ("/v1/embeddings", {"input": "hello"}),
        ("/api/generate", {}),
        ("/api/generate", {"prompt": "hello", "stream": False}),
        ("/v1/completions", {"prompt": "hello"}),
    ]
    for path, fields in asked:
        async with herd.session.post(herd.address + path, json={"model": "m"} | fields) as response:
            assert response.status == 200, await response.text()
            assert response.headers["X-Fleet-Context"] == f"pinned={loaded}", path
    assert (await fake.state()).loads == 0


async def _untranslatable(herd: Herd, fake: FakeEngine) -> None:
    """A field that only /v1 takes is worth more than a pin; the caller is told."""
    await fake.reset()
    told = await _ask(herd, "openai", logit_bias={"5": 1})
    assert told.status == 200
    assert told.headers["X-Fleet-Context"] == "unprotected; logit_bias cannot be said beside a context"
    (sent,) = await _sent(fake)
    assert (sent.path, sent.body["logit_bias"]) == (PATHS["openai"], {"5": 1})
    odd: dict[str, Any] = {"own\r\nX-Evil: 1": 1}
    told = await _ask(herd, "openai", **odd)
    assert (told.status, told.headers["X-Fleet-Context"]) == (
        200,
        "unprotected; a field cannot be said beside a context",
    )


async def _absurd(herd: Herd, fake: FakeEngine, dialect: str) -> None:
    """No context has that length: the caller's fault, in the caller's words."""
    await fake.reset()
    for num_ctx in (-1, 0, 2**24 + 1, 10**30, "8192", 1.5, True, [8192]):
        told = await _ask(herd, dialect, "a secret", num_ctx=num_ctx)
        assert told.status == 400, (num_ctx, told)
        assert "num_ctx" in told.error
        assert "secret" not in told.error
        if dialect == "openai":
            assert told.body["error"]["type"] == "invalid_request_error"
    assert await _sent(fake) == []


async def test_the_call_goes_to_the_node_that_has_the_context(
    tmp_path: Path, fakes: list[FakeEngine]
) -> None:
    async with fleet_of_fakes(tmp_path, fakes, agents=DEFAULT, settle_time=0) as herd:
        for dialect in PATHS:
            for prompt, asked in (("hello", 16 * K), ("word " * 9000, None)):
                told = await _ask(herd, dialect, prompt, num_ctx=asked)
                assert (told.status, told.headers["X-Fleet-Node"]) == (200, "node-2"), told
        assert [each.num_ctx for each in await _sent(fakes[1])] == [32 * K] * 4
        assert [(await fake.state()).loads for fake in fakes] == [0, 0]
        for fake in fakes:
            await fake.reset()
        for dialect in PATHS:
            told = await _ask(herd, dialect, "word " * 120_000)
            assert told.status == 400
            assert "about 150004 tokens, the largest context is 65536 tokens" in told.error
            if dialect == "openai":
                assert told.body["error"]["code"] == "context_length_exceeded"
                assert told.body["error"]["type"] == "invalid_request_error"
            else:
                assert told.body["code"] == "context_length_exceeded"
        assert [await _sent(fake) for fake in fakes] == [[], []], "it fits nowhere: nobody was asked"


@pytest.mark.parametrize("dialect", PATHS)
async def test_an_engine_that_counts_more_is_asked_again_with_more(tmp_path: Path, dialect: str) -> None:
    contexts = CONTEXTS | {"max_context": 16 * K}
    async with (
        FakeEngine.run(["m"], name="node-1", context_length=8 * K, **contexts) as fake,
        fleet_of_fakes(tmp_path, [fake], agents=DEFAULT, settle_time=0) as herd,
    ):
        told = await _ask(herd, dialect, "ab " * 10_000)  # estimated as 7,504
        assert told.status == 200, told
        sent = await _sent(fake)
        assert [each.num_ctx for each in sent] == [8 * K, 16 * K]
        assert sent[0].body["truncate"] is False
        assert told.headers["X-Fleet-Retries"] == "0"
        counted = told.body.get("prompt_eval_count") or told.body["usage"]["prompt_tokens"]
        assert counted == 10_000, "all of it was read"
        told = await _ask(herd, dialect, "ab " * 20_000)
        assert told.status == 400
        assert (
            told.error == "the prompt is too long: it has 20000 tokens, the largest context is 16384 tokens"
        )
        assert (await herd.get("/fleet/queue"))["in_flight"] == 0
        assert (await _ask(herd, dialect)).status == 200, "no fault of the node's"


async def test_what_needs_no_word_goes_as_it_came(alone: Herd, fakes: list[FakeEngine]) -> None:
    await fakes[0].switch(context_length=4 * K)

    async def known() -> bool:
        (replica,) = (await alone.nodes())["node-1"]["engines"][0]["replicas"]
        return bool(replica["context_length"] == 4 * K)

    await eventually(known)
    for path in PATHS.values():
        body = b'  {"model":"m","stream":false, "messages":[{"role":"user","content":"h\\u0065llo"}],"x_own":1.50}'
        async with alone.session.post(alone.address + path, data=body) as response:
            assert response.status == 200
            assert "X-Fleet-Context" not in response.headers
        call = next(each for each in reversed((await fakes[0].state()).calls) if each.path == path)
        assert call.body == body


@pytest.mark.parametrize("mode", ["warn", "passthrough"])
async def test_the_other_modes(tmp_path: Path, fakes: list[FakeEngine], mode: str) -> None:
    settings: dict[str, Any] = {"settle_time": 0, "context_protection": mode}
    async with fleet_of_fakes(tmp_path, fakes[:1], agents=DEFAULT, **settings) as herd:
        told = await _ask(herd, "ollama", "word " * 9000, num_ctx=4 * K)
        assert told.status == 200
        (sent,) = await _sent(fakes[0])
        assert (sent.num_ctx, sent.body.get("truncate")) == (4 * K, None)
        expected = "unprotected; asked=4096; loaded=8192" if mode == "warn" else None
        assert told.headers.get("X-Fleet-Context") == expected
        assert told.headers["X-Fleet-Context-Overflow"] == "estimated_tokens=11254; context_length=4096"

        async def traced() -> Any:
            traces = (await herd.get("/dashboard/api/traces"))["traces"]
            return traces[0]["context_overflow"] if traces else None

        cut = "prompt_tokens=4096; estimated_tokens=11254; context_length=4096"
        await eventually(traced)
        assert await traced() == cut, "found out by the engine's own count"


async def test_the_fleets_own_choice_and_what_was_used(tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"dynamic_num_ctx": True, "num_ctx_overrides": "m=16384"}
    async with (
        FakeEngine.run(["m"], name="node-1", **CONTEXTS | {"loaded": []}) as fake,
        fleet_of_fakes(tmp_path, [fake], agents=DEFAULT, settle_time=0, **chosen) as herd,
    ):
        told = await _ask(herd, "openai")
        assert (told.status, told.headers["X-Fleet-Context"]) == (200, "override=16384")
        told = await _ask(herd, "ollama")
        assert (told.status, told.headers["X-Fleet-Context"]) == (200, "pinned=16384")
        assert [each.num_ctx for each in await _sent(fake)] == [16 * K, 16 * K]
        assert (await fake.state()).loads == 1

        async def used() -> Any:
            models = (await herd.get("/dashboard/api/context-usage?days=7"))["models"]
            return models and models[0]["request_count"] == 2 and models[0]["allocated_ctx"] and models[0]

        await eventually(used)
        model = await used()
        assert (model["model"], model["allocated_ctx"], model["override_ctx"]) == (
            "m:latest",
            16 * K,
            16 * K,
        )
        assert (model["recommended_ctx"], model["savings_pct"]) == (4 * K, 75.0)
        shown = (await herd.get("/dashboard/api/settings"))["config"]
        assert shown["toggles"]["dynamic_num_ctx"] is True
        assert shown["context"] == {"num_ctx_overrides": {"m:latest": 16 * K}}
        async with herd.session.get(f"{herd.address}/dashboard/api/context-usage?days=0") as response:
            assert response.status == 400
