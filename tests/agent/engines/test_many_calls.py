"""100 calls in a row and 50 at once through each engine: none fails, no process ends, and memory stays flat.

The embedded llama.cpp and the wheel's server behind llama-server's driver are real; the others are doubles, of which
flat memory says nothing, but that what carries the calls breaks none of them.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from agent.engines import llama_server
from agent.engines.embedded_model import ModelFile
from agent.engines.engine import Engine
from agent.engines.llamacpp import LlamaCpp
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from agent.swapping.room import resident
from tests.agent.engines.test_doubles import a_krasis, a_serverless, a_transformers
from tests.agent.engines.test_started import started
from tests.agent.workers.llamacpp_process import running as running_llamacpp
from tests.agent.workers.test_glinthawk import door as glinthawk_door
from tests.fakes.doubles.running import Door, behind_gateway, engine_session, running
from tests.fakes.random_model import ensure_random_model

IN_A_ROW, AT_ONCE = 100, 50
TOKENS = 8
FLAT = 1.05
FLAT_BYTES = 8 * 2**20
"""What may come on top of that: an allocator takes pages in pieces."""


class Case(NamedTuple):
    """An engine that is up. `pids`: of its processes' leaders, now."""

    engine: Engine
    model: str
    pids: Callable[[], list[int]]


async def embedded(directory: Path, stack: AsyncExitStack) -> Case:
    model = ModelFile("tiny", ensure_random_model(directory))
    session = await stack.enter_async_context(engine_session())
    engine = LlamaCpp(
        *(session, directory, model),
        slots=4,
        context_length=512,
        threads=1,
        start_timeout_s=60.0,
        look_timeout_s=10.0,
    )
    stack.push_async_callback(engine.stop)
    await engine.start()
    assert (await engine.look()).up
    return Case(engine, "tiny", lambda: list(engine.pids))


async def stock_server(directory: Path, stack: AsyncExitStack) -> Case:
    model = ensure_random_model(directory)
    worker = await stack.enter_async_context(running_llamacpp(model, "--threads", "1"))
    session = await stack.enter_async_context(engine_session())
    engine = OpenAIServer(
        "llama-server",
        llama_server.CONTRACT,
        Adopted(worker.line["address"]),
        lambda ask: llama_server.read(llama_server.Options(), ask),
        session,
        10.0,
        mending=llama_server.MENDING,
    )
    return Case(engine, (await engine.look()).models[0].name, lambda: [worker.process.pid])


async def vllm_double(directory: Path, stack: AsyncExitStack) -> Case:
    engine = await stack.enter_async_context(started(directory, "vllm", "vllm:model=/m/tiny"))
    return Case(engine, "tiny", lambda: list(engine.pids))


async def adopted(
    stack: AsyncExitStack, program: tuple[str, ...], make: Callable[..., OpenAIServer], model: str
) -> Case:
    double = await stack.enter_async_context(running(*program))
    session = await stack.enter_async_context(engine_session())
    return Case(make(double.address, session), model, lambda: [double.pid])


async def transformers_double(_directory: Path, stack: AsyncExitStack) -> Case:
    return await adopted(stack, ("transformers_serve", "serve", "/models/tiny"), a_transformers, "tiny")


async def krasis_double(_directory: Path, stack: AsyncExitStack) -> Case:
    words = ("krasis", "--model-path", "/m/moe", "--host", "127.0.0.1", "--port", "0")
    return await adopted(stack, words, a_krasis, "moe")


async def serverless_double(_directory: Path, stack: AsyncExitStack) -> Case:
    return await adopted(stack, ("serverlessllm", "--models", "a"), a_serverless, "a")


CASES: list[Callable[[Path, AsyncExitStack], Awaitable[Case]]] = [
    embedded,
    stock_server,
    vllm_double,
    transformers_double,
    krasis_double,
    serverless_double,
]


@asynccontextmanager
async def behind_door(
    directory: Path, make: Callable[[Path, AsyncExitStack], Awaitable[Case]]
) -> AsyncIterator[tuple[Case, Door]]:
    async with AsyncExitStack() as stack:
        case = await make(directory, stack)
        assert (await case.engine.look()).up
        session = await stack.enter_async_context(engine_session())
        yield case, await stack.enter_async_context(behind_gateway(case.engine, session))


async def one(door: Door, model: str, number: int) -> None:
    stream = bool(number % 2)
    status, _, body = await door.chat(model, stream=stream, max_tokens=TOKENS, seed=number)
    assert status == 200, body
    if stream:
        assert body.rstrip().endswith(b"data: [DONE]"), body
    else:
        assert json.loads(body)["choices"][0]["message"]["content"], body


@pytest.mark.real_engine
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
async def test_many_calls_end_no_process_and_memory_is_flat(
    tmp_path: Path, make: Callable[[Path, AsyncExitStack], Awaitable[Case]]
) -> None:
    async with behind_door(tmp_path, make) as (case, door):
        await asyncio.gather(
            *(one(door, case.model, number) for number in range(AT_ONCE))
        )  # buffers are made
        pids, before, began = case.pids(), resident(case.pids()), time.monotonic()
        for number in range(IN_A_ROW):
            await one(door, case.model, number)
        row_s, began = time.monotonic() - began, time.monotonic()
        await asyncio.gather(*(one(door, case.model, number) for number in range(AT_ONCE)))
        once_s, after = time.monotonic() - began, resident(case.pids())
        assert case.pids() == pids
        assert all(psutil.pid_exists(pid) for pid in pids)
        assert (await case.engine.look()).up
    sys.stdout.write(
        f"\n{make.__name__}: {IN_A_ROW} in a row {row_s:.1f} s, {AT_ONCE} at once {once_s:.1f} s, 0 crashes,"
        f" RSS {before / 2**20:.1f} -> {after / 2**20:.1f} MiB\n"
    )
    assert after <= before * FLAT + FLAT_BYTES


@pytest.mark.long
async def test_glinthawks_batches_too(tmp_path: Path) -> None:
    """Its double; completions, which wait for each other to fill a batch."""
    asked = {"model": "stories", "prompt": "ab a b", "max_tokens": 3}

    async def complete(door: Door) -> None:
        status, _, body = await door.ask("/v1/completions", asked)
        assert (status, json.loads(body)["choices"][0]["text"]) == (200, "b a"), body

    async with glinthawk_door(tmp_path) as door:
        began = time.monotonic()
        for _ in range(IN_A_ROW):
            await complete(door)
        await asyncio.gather(*(complete(door) for _ in range(AT_ONCE)))
    took = time.monotonic() - began
    sys.stdout.write(
        f"\nglinthawk_double: {IN_A_ROW} in a row and {AT_ONCE} at once {took:.1f} s, 0 crashes\n"
    )
