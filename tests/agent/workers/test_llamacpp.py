"""The llama.cpp worker as a real process: its one line, its HTTP interface, and every way it ends."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientError

from tests.agent.workers.llamacpp_process import PROGRAM, Worker, first_line, running, start, wait_until
from tests.fakes.random_model import ensure_random_model, write_random_model
from tests.fakes.waiting import eventually

real_engine = pytest.mark.real_engine

QUESTION = [{"role": "user", "content": "What is the weather like?"}]
# So long a context that a reply without a limit outlasts any test.
ENDLESS = ("--context-length", "32768")
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Bern"]}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
# Stands between the test and the worker, so that there is a parent to kill.
PARENT = """
import subprocess, sys
worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
worker.wait()
"""


async def outcome(
    *arguments: str, program: tuple[str, ...] = (sys.executable, PROGRAM)
) -> tuple[int, str, str]:
    """Exit status, standard output and the reason on standard error of a worker that must fail."""
    process = await start(*arguments, program=program)
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    reasons = [line for line in errors.decode().splitlines() if line.startswith("llamacpp worker: ")]
    return process.returncode, output.decode(), "".join(reasons)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_random_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
async def worker(model: Path) -> AsyncIterator[Worker]:
    async with running(model) as ready:
        yield ready


@pytest.fixture
async def endless(model: Path) -> AsyncIterator[Worker]:
    async with running(model, *ENDLESS) as ready:
        yield ready


@real_engine
async def test_it_writes_one_line_when_it_is_ready(worker: Worker) -> None:
    assert worker.line.keys() == {"address", "pid", "engine_version"}
    assert worker.line["address"].startswith("http://127.0.0.1:")
    assert worker.line["pid"] == worker.process.pid
    assert worker.line["engine_version"].startswith("xllamacpp 20")
    assert worker.process.stdout is not None
    assert await worker.process.stdout.read() == b""
    assert await worker.get("/health") == {"status": "ok"}


@real_engine
async def test_the_context_length_holds_for_each_slot(model: Path) -> None:
    async with running(model, "--context-length", "1024", "--slots", "3") as worker:
        properties = await worker.get("/props")
        assert properties["total_slots"] == 3
        assert properties["default_generation_settings"]["n_ctx"] == 1024
        assert [slot["n_ctx"] for slot in await worker.get("/slots")] == [1024] * 3
        assert [entry["id"] for entry in (await worker.get("/v1/models"))["data"]] == ["tiny"]


@real_engine
async def test_chat_gives_readable_text_of_the_wanted_length(worker: Worker) -> None:
    reply = await worker.post("/v1/chat/completions", messages=QUESTION, max_tokens=40)
    choice = reply["choices"][0]
    assert choice["message"]["content"].isprintable()
    assert choice["message"]["content"].isascii()
    assert choice["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 40


@real_engine
async def test_a_stream_ends_with_its_usage(worker: Worker) -> None:
    options = {"include_usage": True}
    events = await worker.events(
        "/v1/chat/completions", messages=QUESTION, max_tokens=5, stream_options=options
    )
    assert events[-1] == "[DONE]"
    *text, finish, usage = map(json.loads, events[:-1])
    assert sum(bool(chunk["choices"][0]["delta"]["content"]) for chunk in text) == 5
    assert finish["choices"][0]["finish_reason"] == "length"
    assert usage["usage"]["completion_tokens"] == usage["timings"]["predicted_n"] == 5


@real_engine
async def test_completion_infill_and_embedding_work_in_the_same_server(worker: Worker) -> None:
    completion = await worker.post("/v1/completions", prompt="Once upon", max_tokens=3)
    assert completion["usage"]["completion_tokens"] == 3
    infill = await worker.post("/infill", input_prefix="one ", input_suffix=" three", n_predict=3)
    assert infill["tokens_predicted"] == 3
    embeddings = await worker.post("/v1/embeddings", input=["hello", "1" * 2000])
    first, second = (entry["embedding"] for entry in embeddings["data"])
    assert len(first) == len(second) == 64
    assert first != second


@real_engine
async def test_a_reply_sent_back_gives_the_same_tokens(worker: Worker) -> None:
    reply = await worker.post("/completion", prompt="A", n_predict=30, return_tokens=True)
    again = await worker.post("/tokenize", content=reply["content"])
    assert again["tokens"] == reply["tokens"]


@real_engine
@pytest.mark.parametrize("choice", ["required", "auto"])
async def test_a_question_with_tools_is_answered_by_one_call(worker: Worker, choice: str) -> None:
    reply = await worker.post("/v1/chat/completions", messages=QUESTION, tools=[TOOL], tool_choice=choice)
    assert reply["choices"][0]["finish_reason"] == "tool_calls"
    (call,) = reply["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"])["city"] in {"Oslo", "Bern"}


@real_engine
async def test_a_tool_s_answer_is_answered_by_text(worker: Worker) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    history = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "sun"},
    ]
    reply = await worker.post("/v1/chat/completions", messages=history, tools=[TOOL], max_tokens=5)
    assert "tool_calls" not in reply["choices"][0]["message"]
    assert reply["choices"][0]["finish_reason"] == "length"


@real_engine
async def test_a_web_page_of_another_site_may_not_read_it(worker: Worker) -> None:
    async with worker.http.get("/v1/models", headers={"Origin": "http://example.com"}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers


@real_engine
@pytest.mark.xfail(reason="llama.cpp#24496: only a stream is given up when its caller leaves")
async def test_a_caller_that_leaves_before_a_whole_reply_frees_its_slot(endless: Worker) -> None:
    call = asyncio.create_task(endless.post("/v1/chat/completions", messages=QUESTION))
    await wait_until(endless.busy, 10)
    call.cancel()
    await wait_until(endless.idle, 1)


@real_engine
async def test_a_stopped_stream_frees_its_slot_within_a_second(endless: Worker) -> None:
    body = {"messages": QUESTION, "stream": True}
    async with endless.http.post("/v1/chat/completions", json=body) as response:
        await response.content.readuntil(b'content":"')
        assert await endless.busy()
    await wait_until(endless.idle, 1)


@real_engine
async def test_a_stopped_stream_frees_its_slot_while_its_prompt_is_read(endless: Worker) -> None:
    """Only because it asks for progress: writing that is how the engine notices that nobody is there."""
    body = {"prompt": "1" * 30_000, "stream": True, "return_progress": True}
    async with endless.http.post("/v1/completions", json=body) as response:
        await response.content.readuntil(b"prompt_progress")
    await wait_until(endless.idle, 2)


@real_engine
@pytest.mark.parametrize(("how", "status"), [("end of input", -signal.SIGIO), ("terminate", -signal.SIGTERM)])
async def test_it_ends_within_a_second_while_generating(endless: Worker, how: str, status: int) -> None:
    call = asyncio.create_task(endless.post("/v1/chat/completions", messages=QUESTION))
    await wait_until(endless.busy, 10)
    if how == "terminate":
        endless.process.terminate()
    else:
        assert endless.process.stdin is not None
        endless.process.stdin.close()
    assert await asyncio.wait_for(endless.process.wait(), 1) == status
    with pytest.raises(ClientError):
        await call


@real_engine
async def test_it_ends_when_its_parent_is_killed(model: Path) -> None:
    between = (sys.executable, "-c", PARENT, sys.executable, PROGRAM)
    parent = await start("--model", str(model), "--alias", "tiny", program=between)
    child = psutil.Process((await first_line(parent))["pid"])

    async def gone() -> bool:
        # What adopts orphans may take its time to reap this one.
        return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    parent.kill()
    await wait_until(gone, 1)
    await parent.communicate()


@real_engine
async def test_it_ends_with_its_parent_during_an_endless_load(tmp_path: Path) -> None:
    pipe = tmp_path / "model.gguf"
    os.mkfifo(pipe)
    process = await start("--model", str(pipe), "--alias", "tiny")
    writing = -1

    def is_read() -> bool:
        nonlocal writing
        with contextlib.suppress(OSError):  # nobody reads the pipe yet
            writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        return writing >= 0

    await eventually(is_read, 20)
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.communicate(), 1)
    os.close(writing)
    assert process.returncode == -signal.SIGIO


@real_engine
async def test_a_bad_model_or_port_gives_status_1_and_a_reason(model: Path, tmp_path: Path) -> None:
    junk, part = tmp_path / "junk.gguf", tmp_path / "part.gguf"
    junk.write_bytes(b"junk" * 100)
    write_random_model(part)
    os.truncate(part, 400_000)
    for path, reason in (
        (tmp_path / "none.gguf", "cannot read"),
        (junk, "cannot serve"),
        (part, "cannot serve"),
    ):
        status, output, error = await outcome("--model", str(path), "--alias", "tiny")
        assert (status, output) == (1, "")
        assert error.startswith(f"llamacpp worker: {reason}")
        assert path.name in error
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert (await outcome("--model", str(model), "--alias", "tiny", "--port", port))[0] == 1


@pytest.mark.parametrize("extra", [("--slots", "0"), ("--port", "70000"), ("--nonsense",)])
async def test_wrong_usage_gives_status_2(model: Path, extra: tuple[str, ...]) -> None:
    assert (await outcome("--model", str(model), "--alias", "tiny", *extra))[0] == 2


async def test_without_the_binding_it_gives_help_and_else_status_3(model: Path) -> None:
    bare = (sys.executable, "-I", "-S", PROGRAM)  # without site-packages
    status, _, error = await outcome("--model", str(model), "--alias", "tiny", program=bare)
    assert status == 3
    assert "pip install '.[embedded]'" in error
    helped = await start("--help", program=bare)
    assert b"--context-length" in (await helped.communicate())[0]
    assert helped.returncode == 0
