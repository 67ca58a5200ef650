"""Ollama's API on the real llama.cpp: every case of the table is sent, and what a field asks for can be seen."""

import math
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.coordinator.dialects.translation.cases import SCHEMA, Case
from tests.coordinator.dialects.translation.ollama_cases import CASES, WHOLE
from tests.fleet.harness import Herd, real_fleet

pytestmark = pytest.mark.real_engine

MODEL = "herd-random"
DAYS = {"type": "object", "properties": {"days": {"enum": [1, 2]}}, "required": ["days"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "tells", "parameters": DAYS}}
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
NOT_OF_THIS_MODEL = re.compile("vision|insert")
"""Refused by name where the model lacks the ability, before anything is translated."""


@pytest.fixture
async def herd(tmp_path: Path) -> AsyncIterator[Herd]:
    async with real_fleet(tmp_path, settle_time=0, agents={"embedded_context": 4096}) as running:
        yield running


@pytest.fixture
async def client(herd: Herd) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(herd.address, trust_env=False) as running:
        yield running


async def test_every_case_of_the_table(herd: Herd) -> None:
    sent = 0
    for table, fields in CASES.items():
        for case in (each for cases in fields.values() for each in cases):
            path, body = WHOLE[table].path, WHOLE[table].body(case.given)
            async with herd.session.post(herd.address + path, json=body | {"model": MODEL}) as response:
                status, text = response.status, await response.text()
            _check(table, case, status, text)
            sent += 1
    assert sent > 200


def _check(table: str, case: Case, status: int, text: str) -> None:
    if status == 400 and NOT_OF_THIS_MODEL.search(text):
        assert {"images", "suffix"} & set(case.given), (table, case, text)
    elif case.refused:
        wanted = f"{case.refused}|^invalid request: "
        assert (status, bool(re.search(wanted, _error(text)))) == (400, True), (table, case, text)
    else:
        assert status == 200, (table, case, text)


def _error(text: str) -> str:
    found = re.search(r'"error":"((?:[^"\\]|\\.)*)"', text)
    assert found, text
    return found[1]


async def _chat(client: ollama.AsyncClient, options: dict[str, Any], **more: Any) -> ollama.ChatResponse:
    answer: ollama.ChatResponse = await client.chat(
        MODEL, HELLO, options={"num_predict": 8, "seed": 1} | options, **more
    )
    return answer


async def _says(client: ollama.AsyncClient, **options: Any) -> str:
    return (await _chat(client, options)).message.content or ""


async def test_what_chooses_words_is_heeded(client: ollama.AsyncClient) -> None:
    """Each option alone makes another answer, or the most likely one; the same options make the same one."""
    free = await _says(client, temperature=1.5)
    likeliest = await _says(client, temperature=0)
    assert free == await _says(client, temperature=1.5) != likeliest
    assert free != await _says(client, temperature=1.5, seed=2)
    for only_one in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert await _says(client, temperature=1.5, **only_one) == likeliest, only_one
    for other in (
        {"typical_p": 0.1},
        {"mirostat": 2, "mirostat_tau": 0.1},
        {"mirostat": 1, "mirostat_eta": 0.9},
    ):
        assert await _says(client, temperature=1.5, **other) != free, other


async def test_penalties_are_heeded(client: ollama.AsyncClient) -> None:
    """With a bias towards what was said, a model without sense repeats itself; without, it does not."""

    async def variety(**options: Any) -> int:
        answer = await _chat(client, {"num_predict": 40, "temperature": 0.7, **options}, logprobs=True)
        return len({entry.token for entry in answer.logprobs or []})

    for rewarded, penalised in [
        ({"presence_penalty": -20.0}, {"presence_penalty": 20.0}),
        ({"frequency_penalty": -20.0}, {"frequency_penalty": 20.0}),
        ({"repeat_penalty": 0.1}, {"repeat_penalty": 10.0}),
    ]:
        fewer, more = await variety(**rewarded), await variety(**penalised)
        assert more > 3 * fewer, (rewarded, fewer, more)
        forgotten = await variety(**rewarded, repeat_last_n=0)
        assert forgotten > fewer, (rewarded, fewer, forgotten)


async def test_where_an_answer_ends(client: ollama.AsyncClient) -> None:
    whole = await _chat(client, {"num_predict": 12, "temperature": 1.0})
    assert (whole.eval_count, whole.done_reason) == (12, "length")
    text = whole.message.content or ""
    first, second = text.split()[2:4]
    for stop in ([first], ["never said", second, first]):
        cut = await _chat(client, {"num_predict": 12, "temperature": 1.0, "stop": stop})
        assert (cut.message.content, cut.done_reason) == (text[: text.index(first)], "stop")
    for count in (1, 5):
        for ask in (_chat(client, {"num_predict": count}), _raw(client, {"num_predict": count})):
            answer = await ask
            assert (answer.eval_count, answer.done_reason) == (count, "length")


async def _raw(client: ollama.AsyncClient, options: dict[str, Any], **more: Any) -> ollama.GenerateResponse:
    answer: ollama.GenerateResponse = await client.generate(
        MODEL, "hello", raw=True, options={"seed": 1} | options, **more
    )
    return answer


@pytest.mark.parametrize("raw", [False, True])
async def test_logprobs_are_ollamas(herd: Herd, raw: bool) -> None:
    """As many alternatives as asked, 20 at most, in the shape of Ollama's own; none where none are asked."""
    for asked in (None, 0, 1, 20):
        body = {"model": MODEL, "prompt": "hello", "raw": raw, "stream": False, "logprobs": True}
        body |= {"options": {"num_predict": 3, "temperature": 0}, "top_logprobs": asked}
        async with herd.session.post(f"{herd.address}/api/generate", json=body) as response:
            answer = await response.json()
        assert len(answer["logprobs"]) == 3
        assert "".join(each["token"] for each in answer["logprobs"]) == answer["response"]
        for each in answer["logprobs"]:
            others = each.pop("top_logprobs", None)
            assert set(each) == {"token", "logprob", "bytes"}
            assert bytes(each["bytes"]).decode() == each["token"]
            assert (len(others) if others is not None else 0) == (asked or 0)
            assert not others or others[0] == each, "greedy: the likeliest is what was said"


async def test_durations_and_counts_add_up(client: ollama.AsyncClient) -> None:
    parts = [part async for part in await client.chat(MODEL, HELLO, stream=True, options={"num_predict": 9})]
    whole = await _chat(client, {"num_predict": 9})
    for last in (parts[-1], whole):
        assert (last.done, last.eval_count, last.load_duration) == (True, 9, 0)
        assert last.eval_duration
        assert last.prompt_eval_duration
        assert last.total_duration
        assert last.total_duration >= last.eval_duration + last.prompt_eval_duration
        assert last.prompt_eval_count == whole.prompt_eval_count
    assert not any(part.done_reason or part.eval_count for part in parts[:-1])


async def test_tool_calls_carry_ids_and_their_results_find_them(herd: Herd) -> None:
    async def ask(messages: list[Any]) -> Any:
        body = {"model": MODEL, "messages": messages, "tools": [TOOL], "stream": False}
        body |= {"options": {"num_predict": 400, "temperature": 0}}
        async with herd.session.post(f"{herd.address}/api/chat", json=body) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["message"]

    message = await ask(HELLO)
    (call,) = message["tool_calls"]
    assert call["id"]
    assert (call["function"]["index"], call["function"]["name"]) == (0, "weather")
    assert isinstance(call["function"]["arguments"], dict)
    for named in ({"tool_name": "weather"}, {"tool_call_id": call["id"]}, {}):
        again = await ask([*HELLO, message, {"role": "tool", "content": "rain", **named}])
        assert again["role"] == "assistant"


async def test_a_schema_shapes_every_kind_of_answer(client: ollama.AsyncClient) -> None:
    options = {"num_predict": 60, "temperature": 1.0}
    chat = await client.chat(MODEL, HELLO, format=SCHEMA, options=options)
    made = await client.generate(MODEL, "hello", format=SCHEMA, options=options)
    raw = await client.generate(MODEL, "hello", raw=True, format=SCHEMA, options=options)
    free = await client.generate(MODEL, "hello", raw=True, options=options)
    for text in (chat.message.content, made.response, raw.response):
        assert (text or "").lstrip().startswith("{"), text
    assert not (free.response or "").lstrip().startswith("{")


async def test_vectors_have_the_length_that_was_asked_for(client: ollama.AsyncClient) -> None:
    whole = list((await client.embed(MODEL, "hello")).embeddings[0])
    assert math.hypot(*whole) == pytest.approx(1.0, abs=1e-4)
    several = (await client.embed(MODEL, ["hello", "good day"], dimensions=4)).embeddings
    assert [len(vector) for vector in several] == [4, 4]
    scale = math.hypot(*whole[:4])
    assert list(several[0]) == pytest.approx([value / scale for value in whole[:4]], abs=1e-4)
    uncut = (await client.embed(MODEL, "hello", dimensions=10_000)).embeddings[0]
    assert list(uncut) == pytest.approx(whole, abs=1e-4)


async def test_no_more_context_than_is_loaded(client: ollama.AsyncClient) -> None:
    for num_ctx in (128, 4096):
        assert (await _chat(client, {"num_ctx": num_ctx})).eval_count == 8
    with pytest.raises(ollama.ResponseError, match=r"num_ctx: 4097 tokens.* 4096") as caught:
        await _chat(client, {"num_ctx": 4097})
    assert caught.value.status_code == 400


async def test_unloading_is_refused(herd: Herd, client: ollama.AsyncClient) -> None:
    """What `ollama stop` sends: the model stays, so nothing else would be true."""
    for path in ("/api/generate", "/api/chat"):
        for keep_alive in (0, "0s"):
            body = {"model": MODEL, "keep_alive": keep_alive}
            async with herd.session.post(herd.address + path, json=body) as response:
                assert response.status == 400
                assert "keep_alive: this engine keeps its model loaded" in (await response.json())["error"]
    answered = await client.generate(MODEL, "hello", keep_alive=0, options={"num_predict": 1})
    assert answered.done_reason == "length", "beside a prompt it asks for what comes after the answer"


async def test_an_input_that_is_too_long_is_shortened_unless_that_is_forbidden(
    herd: Herd, client: ollama.AsyncClient
) -> None:
    """The first 2048 tokens count: what comes after them changes nothing, what comes before does."""
    start, other = "hello there " * 3000, "good day " * 3000
    cut = await client.embed(MODEL, [start, start + other, other, "hello"])
    first, longer, differs, _ = cut.embeddings
    assert list(first) == pytest.approx(list(longer), abs=1e-6)
    assert list(first) != pytest.approx(list(differs), abs=1e-2)
    alone = await client.embed(MODEL, start, truncate=True)
    assert alone.prompt_eval_count == 2048
    assert list(alone.embeddings[0]) == pytest.approx(list(first), abs=1e-4)
    with pytest.raises(ollama.ResponseError, match=r"too large|larger than") as caught:
        await client.embed(MODEL, start, truncate=False)
    assert caught.value.status_code == 400
    body = {"model": MODEL, "input": start}
    async with herd.session.post(f"{herd.address}/v1/embeddings", json=body) as response:
        assert response.status == 400, "OpenAI's callers asked for nothing else"
