"""Which engine a call gets while one takes another's place. Engines are small records; tasks are real."""

import asyncio

import pytest

from agent.engines.ollama import Ollama
from agent.swapping.roster import Roster
from shared.errors import GatewayUnreachable
from tests.fakes.doubles.running import engine_session
from tests.fakes.waiting import eventually


async def test_a_call_keeps_its_engine_and_the_next_one_gets_the_new() -> None:
    async with engine_session() as session:
        old, new = (Ollama("http://127.0.0.1:9", session, 1.0, {}) for _ in range(2))
        roster, may_end = Roster([old]), asyncio.Event()

        async def call() -> bool:
            async with roster.using("ollama") as engine:
                await may_end.wait()
                return engine is old

        running = asyncio.create_task(call())
        await eventually(lambda: roster.calls(old))
        roster.beside(new)
        roster.put(new)
        async with roster.using("ollama") as engine:
            assert engine is new
        assert not await roster.idle(old, 0.01)
        assert await roster.idle(new, 0.01)
        may_end.set()
        assert await roster.idle(old, 5)
        assert await running
        roster.gone(old)
        assert list(roster.values()) == [new]


async def test_calls_wait_while_it_is_closed_and_no_longer_than_they_may() -> None:
    async with engine_session() as session:
        only = Ollama("http://127.0.0.1:9", session, 1.0, {})
        roster = Roster([only], wait_s=5)
        roster.close("ollama", "it is being swapped")

        async def call() -> bool:
            async with roster.using("ollama") as engine:
                return engine is only

        waiting = asyncio.create_task(call())
        await asyncio.sleep(0)
        assert not roster.calls(only)
        roster.open("ollama")
        assert await waiting
        hurried = Roster([only], wait_s=0.01)
        hurried.close("ollama", "it is being swapped")
        with pytest.raises(GatewayUnreachable, match="it is being swapped"):
            async with hurried.using("ollama"):
                pass
