"""A caller who goes away takes the engine's work along, within a second: through the real clients' own means."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import ollama
import openai
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes, real_fleet

SOON_S = 1.0
MESSAGES: Any = [{"role": "user", "content": "Tell me all you know"}]
SLOW: dict[str, Any] = {"token_delay_s": 0.1, "tokens": 500}
TOKENS = 15_000
LONG = {"embedded_context": 16_384, "embedded_slots": 2}
"""Room for an answer that the little random model writes for many seconds."""

Caller = Callable[[Herd, str], Awaitable[None]]


async def openai_stream(herd: Herd, model: str) -> None:
    """Three chunks, then the stream is closed."""
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=model, messages=MESSAGES, max_tokens=TOKENS, stream=True, extra_body={"ignore_eos": True}
        )
        chunks = aiter(stream)
        for _ in range(3):
            await anext(chunks)
        assert await herd.in_flight() == 1
        await stream.close()


async def openai_stream_in_a_thread(herd: Herd, model: str) -> None:
    """As `openai_stream`, by the synchronous client."""

    def call() -> None:
        with openai.OpenAI(base_url=f"{herd.address}/v1", api_key="none", max_retries=0) as client:
            stream = client.chat.completions.create(
                model=model,
                messages=MESSAGES,
                max_tokens=TOKENS,
                stream=True,
                extra_body={"ignore_eos": True},
            )
            for _ in zip(range(3), stream, strict=False):
                pass
            stream.close()

    await asyncio.to_thread(call)


async def ollama_stream(herd: Herd, model: str) -> None:
    """Three lines, then the iterator is closed."""
    options: Any = {"num_predict": TOKENS, "ignore_eos": True}
    async with ollama.AsyncClient(host=herd.address) as client:
        lines: Any = await client.chat(model, MESSAGES, options=options, stream=True)
        for _ in range(3):
            await anext(lines)
        assert await herd.in_flight() == 1
        await lines.aclose()


STREAMS: list[Caller] = [openai_stream, openai_stream_in_a_thread, ollama_stream]


async def openai_whole(herd: Herd, model: str) -> None:
    """Waits for the whole answer, for ever."""
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key="none", max_retries=0) as client:
        await client.chat.completions.create(
            model=model, messages=MESSAGES, max_tokens=TOKENS, extra_body={"ignore_eos": True}
        )


async def ollama_whole(herd: Herd, model: str) -> None:
    """Likewise."""
    options: Any = {"num_predict": TOKENS, "ignore_eos": True}
    async with ollama.AsyncClient(host=herd.address) as client:
        await client.chat(model, MESSAGES, options=options)


WHOLE: list[Caller] = [openai_whole, ollama_whole]


async def abandon(task: "asyncio.Future[None]") -> None:
    """Cancels it; the client then closes its connection."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def is_held(herd: Herd, count: int) -> bool:
    """Whether exactly so many calls wait."""
    return await herd.held() == count


# The fake engine


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_closed_stream_ends_the_engines_work(tmp_path: Path, stream: Caller) -> None:
    """A fake engine."""
    async with FakeEngine.run(["m"], slots=8, **SLOW) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        await stream(herd, "m")
        await eventually(lambda: has_cancelled(fake, 1), SOON_S)
        await eventually(herd.idle, SOON_S)


@pytest.mark.parametrize("whole", WHOLE)
async def test_an_abandoned_whole_answer_ends_the_engines_work(tmp_path: Path, whole: Caller) -> None:
    """A fake engine. No byte has come yet."""
    async with FakeEngine.run(["m"], slots=8, **SLOW) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        task = asyncio.ensure_future(whole(herd, "m"))
        await eventually(lambda: is_working(fake))
        await abandon(task)
        await eventually(lambda: has_cancelled(fake, 1), SOON_S)
        await eventually(herd.idle, SOON_S)


@pytest.mark.parametrize("whole", WHOLE)
async def test_a_call_abandoned_while_it_waits_never_reaches_the_engine(
    tmp_path: Path, whole: Caller
) -> None:
    """A fake engine with one place, which is taken."""
    async with (
        FakeEngine.run(["m"], slots=8, **SLOW) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as herd,
    ):
        running = asyncio.ensure_future(openai_whole(herd, "m"))
        await eventually(lambda: is_working(fake))
        waiting = asyncio.ensure_future(whole(herd, "m"))
        await eventually(lambda: is_held(herd, 1))
        await abandon(waiting)
        await eventually(lambda: is_held(herd, 0), SOON_S)
        assert await herd.in_flight() == 1, "the running one is not affected"
        await abandon(running)
        await eventually(lambda: has_cancelled(fake, 1), SOON_S)
        await eventually(herd.idle, SOON_S)
        assert (await fake.state()).started == 1


async def has_cancelled(fake: FakeEngine, count: int) -> bool:
    """Whether the fake saw so many callers go, and works on nothing."""
    state = await fake.state()
    return state.cancelled == count and state.active == 0


async def is_working(fake: FakeEngine) -> bool:
    """Whether a call holds one of its places."""
    return (await fake.state()).active > 0


# The real llama.cpp


async def engine_address(log: Path) -> str:
    """What the agent's log tells of its engine, once it does: lines come a moment after what they tell of."""

    def told() -> list[str]:
        return re.findall(r"embedded is ready at (http://\S+)", log.read_text())

    await eventually(told)
    return told()[-1]


async def busy_slots(log: Path) -> int:
    """As the engine itself tells."""
    address = await engine_address(log)
    async with aiohttp.ClientSession() as session, session.get(f"{address}/slots") as response:
        return sum(slot["is_processing"] for slot in await response.json())


async def all_idle(herd: Herd) -> bool:
    """Whether the engine works on nothing, and the place is free."""
    return await busy_slots(herd.agents["node-1"].log) == 0 and await herd.idle()


@pytest.mark.real_engine
async def test_a_closed_stream_ends_llamacpps_work(tmp_path: Path) -> None:
    """The real llama.cpp; each client in turn."""
    async with real_fleet(tmp_path, agents=LONG) as herd:
        for stream in STREAMS:
            await stream(herd, "herd-random")
            await eventually(lambda: all_idle(herd), SOON_S)


@pytest.mark.real_engine
@pytest.mark.parametrize("whole", WHOLE)
async def test_an_abandoned_whole_answer_ends_llamacpps_work(tmp_path: Path, whole: Caller) -> None:
    """The real llama.cpp, which does not notice by itself that such a caller has gone."""
    async with real_fleet(tmp_path, agents=LONG) as herd:
        log = herd.agents["node-1"].log
        task = asyncio.ensure_future(whole(herd, "herd-random"))
        await eventually(lambda: busy_slots(log))
        await abandon(task)
        await eventually(lambda: all_idle(herd), SOON_S)


@pytest.mark.real_engine
async def test_a_call_abandoned_while_it_waits_never_reaches_llamacpp(tmp_path: Path) -> None:
    """The real llama.cpp with two places, both taken."""
    async with real_fleet(tmp_path, agents=LONG) as herd:
        log = herd.agents["node-1"].log
        running = [asyncio.ensure_future(whole(herd, "herd-random")) for whole in WHOLE]
        await eventually(lambda: are_busy(log, 2))
        waiting = [asyncio.ensure_future(whole(herd, "herd-random")) for whole in WHOLE]
        await eventually(lambda: is_held(herd, 2))
        for task in waiting:
            await abandon(task)
        await eventually(lambda: is_held(herd, 0), SOON_S)
        assert await busy_slots(log) == await herd.in_flight() == 2
        assert not any(task.done() for task in running)
        for task in running:
            await abandon(task)


async def are_busy(log: Path, count: int) -> bool:
    """Whether so many of llama.cpp's slots work."""
    return await busy_slots(log) == count
