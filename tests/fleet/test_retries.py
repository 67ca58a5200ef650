"""Failures before the first byte: who is asked next, with what, and how often. Fake engines."""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.steal import again_where_stolen
from tests.fakes.waiting import eventually
from tests.fleet.asking import PATHS, WAYS, ask, together
from tests.fleet.several import asked, have_started, several, started

ONE_BEAT: dict[str, Any] = {"heartbeat_interval": 12}
"""At the start: none may tell of a failure before a call has met it."""


async def test_killing_one_of_three_nodes_loses_no_call(tmp_path: Path) -> None:
    """Thirty calls are open, none has had a byte; the agent of ten of them and its engine are killed."""
    async with several(tmp_path, 3) as (herd, fakes):
        await fakes[0].switch(first_token_delay_s=30)
        for fake in fakes[1:]:
            await fake.switch(first_token_delay_s=2)
        calls = asked(herd, 30)

        await eventually(partial(have_started, fakes, 30))
        doomed = (await fakes[0].state()).started
        assert doomed >= 9
        await herd.agents["node-1"].kill()
        fakes[0].kill()
        replies = await together(*calls)
        for reply in replies:
            reply.must_be_from(reply.node)
            assert reply.node != "node-1"
        assert sum(reply.retries for reply in replies) == doomed
        assert await herd.idle()


@pytest.mark.alone
@again_where_stolen
async def test_when_all_engines_fail_they_are_asked_a_fifth_more(tmp_path: Path) -> None:
    """At more than 150 calls a second. Each caller is told the engine's failure, not that a budget is spent."""
    rate, total = 220, 660
    async with several(tmp_path, 3) as (herd, fakes):
        for fake in fakes:
            await fake.switch(fail_status=500)
        calls, began = [], time.monotonic()
        for number in range(total):
            calls.append(asyncio.create_task(ask(herd)))
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        seconds = time.monotonic() - began
        replies = await together(*calls)
        attempts = await started(fakes)
        print(  # noqa: T201 - the figure is the point
            f"amplification {attempts / total:.3f}: {attempts} attempts for {total} calls at {total / seconds:.0f}/s"
        )
        assert {reply.status for reply in replies} == {502}
        assert all("answered 500" in reply.error for reply in replies)
        assert total / seconds > 150, "too slow to tell"
        assert 1.0 < attempts / total <= 1.2
        assert await herd.idle()


async def test_the_second_engine_gets_the_same_bytes(tmp_path: Path) -> None:
    """Spelling of numbers, order, escapes, unknown fields and all."""
    sent = (
        b'{ "stream":false, "model":"m","options":{"temperature":0.10,"num_ctx":4096,"seed":1e2},\n'
        b'"messages":[{"role":"user","content":"h\\u00e9llo"}],"later":{"a":[1,2.50]}}'
    )
    async with several(tmp_path, 2) as (herd, fakes):
        await fakes[0].switch(fail_first_n=1)
        url = herd.address + PATHS["ollama"]
        async with herd.session.post(url, data=sent, headers={"traceparent": "00-1-2-3"}) as response:
            assert response.status == 200
            assert response.headers["X-Fleet-Retries"] == "1"
        first, second = [
            next(each for each in (await fake.state()).calls if each.path == "/api/chat") for fake in fakes
        ]
        assert first.body == second.body == sent
        assert first.header("traceparent") == second.header("traceparent") == "00-1-2-3"


async def test_a_model_removed_by_hand_is_asked_of_another_node(tmp_path: Path) -> None:
    """The beat of a moment ago still names it. Where nobody has it, that is a 404 in the caller's dialect."""
    async with several(tmp_path, 2, agents=ONE_BEAT) as (herd, fakes):
        await fakes[0].switch(models=[], loaded=[])
        for reply in await together(*asked(herd, 8)):
            reply.must_be_from("node-2")
        assert await started(fakes[:1]) >= 1
        await fakes[1].switch(models=[], loaded=[])
        for dialect, stream in WAYS:
            reply = await ask(herd, dialect, stream=stream)
            assert reply.status == 404, reply.raw
            assert "not found" in reply.error
            if dialect == "openai":
                assert reply.frames[0]["error"]["code"] == "model_not_found"
        assert await herd.idle()
