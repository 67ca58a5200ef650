"""Engines that cannot be had here, against doubles of them: what is read, and what is mended on the way."""

import asyncio
import json
import os
import signal

import aiohttp
import pytest

from agent.engines import krasis, serverlessllm, transformers_serve, vllm
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from tests.fakes.doubles.openai_answers import WORDS
from tests.fakes.doubles.running import behind_gateway, engine_session, running
from tests.fakes.waiting import eventually

LOOK_S = 2.0
TEXT = "".join(WORDS)


def events_of(body: bytes) -> list[object]:
    """The data of each, decoded; `[DONE]` as a text."""
    texts = [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event]
    return [text if text == "[DONE]" else json.loads(text) for text in texts]


def said(events: list[object]) -> str:
    """What a stream's chunks say together."""
    choices = [choice for event in events if isinstance(event, dict) for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def a_vllm(url: str, session: aiohttp.ClientSession, options: vllm.Options) -> OpenAIServer:
    return OpenAIServer(
        "vllm", vllm.CONTRACT, Adopted(url), lambda ask: vllm.read(options, ask), session, LOOK_S
    )


async def test_vllm_tells_its_model_context_and_load() -> None:
    async with running("vllm", "--max-model-len", "2048") as double, engine_session() as session:
        report = await a_vllm(double.address, session, vllm.Options(slots=4, tools=True)).look()
    assert (report.up, report.kind, report.version) == (True, "vllm", "0.32.0+double")
    (served,) = report.models
    assert (served.name, served.max_context, sorted(served.abilities)) == ("m", 2048, ["chat", "tools"])
    assert [(each.slots_total, each.slots_busy) for each in report.replicas] == [(4, 2)]


async def test_a_vllm_whose_engine_died_is_down_while_its_api_lives() -> None:
    async with running("vllm") as double, engine_session() as session:
        engine = a_vllm(double.address, session, vllm.Options())
        async with session.get(f"{double.address}/_double") as response:
            os.kill((await response.json())["parts"][1], signal.SIGKILL)

        async def dead() -> bool:
            report = await engine.look()
            return not report.up and "its engine is dead" in report.reason

        await eventually(dead, every_s=0.01)
        await eventually(lambda: _gone(engine), 10)


async def _gone(engine: OpenAIServer) -> bool:
    report = await engine.look()
    return not report.up and "dead" not in report.reason


def a_transformers(url: str, session: aiohttp.ClientSession) -> OpenAIServer:
    options = transformers_serve.Options(model="/models/tiny", context=2048, slots=1)
    return OpenAIServer(
        "transformers",
        transformers_serve.CONTRACT,
        Adopted(url),
        lambda ask: transformers_serve.read(options, ask),
        session,
        LOOK_S,
        mending=transformers_serve.mending(options),
    )


async def test_transformers_model_is_the_configured_one_and_streams_get_their_end() -> None:
    async with running("transformers_serve", "serve", "/models/tiny") as double, engine_session() as session:
        engine = a_transformers(double.address, session)
        report = await engine.look()
        assert [(each.name, each.max_context) for each in report.models] == [("tiny", 2048)]
        async with behind_gateway(engine, session) as door:
            _, _, listed = await door.ask("/v1/models")
            assert [each["id"] for each in json.loads(listed)["data"]] == ["tiny"]
            status, kind, body = await door.chat("tiny", stream=True)
            assert (status, kind, said(events_of(body)), events_of(body)[-1]) == (
                *(200, "text/event-stream", TEXT),
                "[DONE]",
            )
            assert {event["model"] for event in events_of(body) if isinstance(event, dict)} == {"tiny"}
            _, _, body = await door.chat("tiny", stream=False)
            assert json.loads(body)["choices"][0]["message"]["content"] == TEXT
            assert json.loads(body)["model"] == "tiny"
            assert (await door.ask("/v1/chat/completions", {"model": "other", "messages": []}))[0] == 404


async def test_a_transformers_stream_that_stops_short_gets_no_end() -> None:
    double = running("transformers_serve", "serve", "/models/tiny", "--cut-after", "2")
    async with double as it, engine_session() as session:
        engine = a_transformers(it.address, session)
        async with behind_gateway(engine, session) as door:
            with pytest.raises(aiohttp.ClientError):
                await door.chat("tiny", stream=True)


def a_krasis(url: str, session: aiohttp.ClientSession) -> OpenAIServer:
    return OpenAIServer(
        "krasis",
        krasis.CONTRACT,
        Adopted(url),
        lambda ask: krasis.read(krasis.Options(), ask),
        session,
        look_timeout_s=0.5,
        mending=krasis.MENDING,
    )


async def test_krasis_is_busy_not_dead_and_takes_one_call_after_the_other() -> None:
    double = running(
        "krasis", "--model-path", "/m/moe", "--host", "127.0.0.1", "--port", "0", "--pause", "0.4"
    )
    async with double as it, engine_session() as session:
        engine = a_krasis(it.address, session)
        assert [(each.name, each.max_context) for each in (await engine.look()).models] == [("moe", 8192)]
        async with behind_gateway(engine, session) as door:
            calls = [asyncio.create_task(door.chat("moe", stream=True)) for _ in range(2)]
            await eventually(lambda: _busy(engine))
            assert (await engine.look()).up
            status, _, listed = await door.ask("/v1/models")  # a sign of life, asked over the call
            assert (status, json.loads(listed)["data"][0]["id"]) == (200, "moe")
            assert not any(call.done() for call in calls)
            bodies = [body for _, _, body in await asyncio.gather(*calls)]
        assert [(said(events_of(body)), b"krasis_timing" in body) for body in bodies] == [(TEXT, False)] * 2
        assert bodies[0].endswith(b"data: [DONE]\n\n")
        await eventually(lambda: _idle(engine))  # once it was asked, and answered


async def _idle(engine: OpenAIServer) -> bool:
    report = await engine.look()
    return report.up and report.replicas[0].slots_busy == 0


async def _busy(engine: OpenAIServer) -> bool:
    return (await engine.look()).replicas[0].slots_busy == 1


def a_serverless(url: str, session: aiohttp.ClientSession, answer_timeout_s: float = 5.0) -> OpenAIServer:
    options = serverlessllm.Options(url=url, answer_timeout=answer_timeout_s)
    return OpenAIServer(
        "serverlessllm",
        serverlessllm.contract(options),
        Adopted(url),
        lambda ask: serverlessllm.read(options, ask),
        session,
        LOOK_S,
        mending=serverlessllm.MENDING,
    )


async def test_serverless_answers_become_streams_and_its_errors_errors() -> None:
    double = running("serverlessllm", "--models", "a,b", "--without-instance", "b")
    async with double as it, engine_session() as session:
        engine = a_serverless(it.address, session)
        assert [each.name for each in (await engine.look()).models] == ["a", "b"]
        async with behind_gateway(engine, session) as door:
            _, _, listed = await door.ask("/v1/models")
            assert [each["id"] for each in json.loads(listed)["data"]] == ["a", "b"]
            status, kind, body = await door.chat("a", stream=True, stream_options={"include_usage": True})
            events = events_of(body)
            assert (status, kind, said(events), events[-1]) == (200, "text/event-stream", TEXT, "[DONE]")
            assert isinstance(events[-2], dict)
            assert events[-2]["usage"]["completion_tokens"] == len(WORDS)
            for stream in (True, False):
                status, kind, body = await door.chat("b", stream=stream)
                error = json.loads(body)["error"]
                assert (status, kind, error["message"]) == (503, "application/json", "Instance not found")
            status, kind, body = await door.chat("unregistered", stream=False)
            assert (status, kind) == (500, "application/json")
            assert json.loads(body)["error"]["message"] == "Internal Server Error"


async def test_a_serverless_without_capacity_is_not_waited_for_for_ever() -> None:
    double = running("serverlessllm", "--models", "a", "--without-capacity", "a")
    async with double as it, engine_session() as session:
        engine = a_serverless(it.address, session, 0.3)
        async with behind_gateway(engine, session) as door:
            status, _, body = await door.chat("a", stream=False)
    assert status == 502
    assert b"no answer within 0.3 s" in body
