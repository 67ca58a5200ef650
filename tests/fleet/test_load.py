"""More calls than places: held in order, refused honestly, never lost, never too many at once. Fakes."""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, WAYS, Reply, Streaming, ask, together
from tests.fleet.harness import Herd, fleet_of_fakes

SLOTS = 4
"""As the agents tell it. The fakes take more at once, so that they would notice more."""


async def has_held(herd: Herd, count: int) -> bool:
    """Whether exactly so many calls wait."""
    return await herd.held() == count


async def is_busy(fake: FakeEngine, count: int) -> bool:
    """Whether so many calls have begun there: a switch that is set now no longer touches them."""
    return (await fake.state()).active == count


def calls(herd: Herd, count: int) -> list[asyncio.Task[Reply]]:
    """So many at once, in all ways by turns."""
    ways = (WAYS[number % len(WAYS)] for number in range(count))
    return [asyncio.create_task(ask(herd, dialect, stream=stream)) for dialect, stream in ways]


def must_be_refused(reply: Reply, reason: str) -> None:
    """503 with a reason and a time to come back."""
    assert reply.status == 503, reply.raw
    assert int(reply.headers["Retry-After"]) >= 1
    assert reason in reply.error


async def test_two_hundred_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    """Fake engines. Eight places; the others wait their turn."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", token_delay_s=0.005) as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2", token_delay_s=0.005) as second,
        fleet_of_fakes(tmp_path, [first, second], slots=SLOTS) as herd,
    ):
        replies = await together(*calls(herd, 200))
        for reply in replies:
            reply.must_be_from(reply.node)
            assert reply.retries == 0
        assert await herd.idle()
        states = [await fake.state() for fake in (first, second)]
        assert [state.max_active for state in states] == [SLOTS, SLOTS]
        assert sum(state.started for state in states) == sum(state.completed for state in states) == 200
        assert min(state.started for state in states) > 60, "both nodes carry the load"
        assert (await herd.get("/fleet/queue"))["completed"] == 200


async def test_two_hundred_calls_and_room_for_twenty_to_wait(tmp_path: Path) -> None:
    """Fake engines. Each is answered or refused; none is lost or answered twice."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", token_delay_s=0.05) as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2", token_delay_s=0.05) as second,
        fleet_of_fakes(tmp_path, [first, second], slots=SLOTS, hold_limit=20) as herd,
    ):
        replies = await together(*calls(herd, 200))
        good = [reply for reply in replies if reply.status == 200]
        for reply in replies:
            if reply.status == 200:
                reply.must_be_from(reply.node)
            else:
                must_be_refused(reply, "waiting already")
        assert len(good) >= 2 * SLOTS + 20
        assert len(good) < 200
        states = [await fake.state() for fake in (first, second)]
        assert sum(state.started for state in states) == len(good)
        assert max(state.max_active for state in states) == SLOTS
        assert await herd.idle()


async def test_a_full_house_refuses_at_once(tmp_path: Path) -> None:
    """A fake engine that is busy for a while. The refused do not wait, and those that wait are served."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", first_token_delay_s=3) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=SLOTS, hold_limit=20) as herd,
    ):
        taken = calls(herd, SLOTS + 20)
        await eventually(lambda: has_held(herd, 20))
        await eventually(lambda: is_busy(fake, SLOTS))
        await fake.switch(first_token_delay_s=0)
        started = time.monotonic()
        for reply in await together(*calls(herd, 12)):
            must_be_refused(reply, "20 calls are waiting already")
        assert time.monotonic() - started < 1
        assert not any(task.done() for task in taken)
        for reply in await together(*taken):
            reply.must_be_from("node-1")


async def test_held_calls_are_served_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """A fake engine with one place."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", first_token_delay_s=1) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as herd,
    ):
        tasks = calls(herd, 1)
        await eventually(lambda: is_busy(fake, 1))
        await fake.switch(first_token_delay_s=0)
        ids = [f"turn-{number}" for number in range(12)]
        for number, call_id in enumerate(ids):
            dialect, stream = WAYS[number % len(WAYS)]
            tasks.append(asyncio.create_task(ask(herd, dialect, stream=stream, call_id=call_id)))
            await eventually(partial(has_held, herd, number + 1))
        for call_id, reply in zip(ids, (await together(*tasks))[1:], strict=True):
            reply.must_be_from("node-1")
            assert reply.headers["X-Request-Id"] == call_id
        seen = [call.header("X-Request-Id") for call in (await fake.state()).calls]
        assert [each for each in seen if each and each.startswith("turn-")] == ids


async def test_a_call_that_leaves_the_queue_lets_the_others_move_up(tmp_path: Path) -> None:
    """A fake engine with one place; the first and a middle one of the waiting go away."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", first_token_delay_s=1) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as herd,
    ):
        running = asyncio.create_task(ask(herd, call_id="running"))
        await eventually(lambda: is_busy(fake, 1))
        await fake.switch(first_token_delay_s=0)
        waiting = []
        for number in range(6):
            waiting.append(asyncio.create_task(ask(herd, call_id=f"turn-{number}")))
            await eventually(partial(has_held, herd, number + 1))
        for number in (0, 3):
            waiting[number].cancel()
        await eventually(lambda: has_held(herd, 4))
        await together(running, *(waiting[number] for number in (1, 2, 4, 5)))
        seen = [call.header("X-Request-Id") for call in (await fake.state()).calls]
        assert [each for each in seen if each] == ["running", "turn-1", "turn-2", "turn-4", "turn-5"]
        assert await herd.idle()


async def test_waiting_ends_with_a_reason_and_a_time_to_come_back(tmp_path: Path) -> None:
    """A fake engine whose only place is taken by a stream that goes on."""
    slow: dict[str, Any] = {"token_delay_s": 0.3, "tokens": 7}
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", **slow) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1, hold_timeout=1) as herd,
    ):
        for dialect in DIALECTS:
            stream = await Streaming.begin(herd, dialect)
            started = time.monotonic()
            for reply in await together(*calls(herd, 4)):
                must_be_refused(reply, "every place for it is taken")
            assert 0.9 < time.monotonic() - started < 2.5
            assert await herd.held() == 0
            (await stream.rest()).must_be_from("node-1")
        assert (await fake.state()).started == len(DIALECTS)


async def test_a_place_that_frees_in_time_is_taken_at_once(tmp_path: Path) -> None:
    """A fake engine. From the end of one call to the start of the next no tick of a timer may pass."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1) as herd,
    ):
        started = time.monotonic()
        for reply in await together(*calls(herd, 100)):
            reply.must_be_from("node-1")
        assert time.monotonic() - started < 5, "a hundred ticks of a quarter second would be 25 s"
        assert (await fake.state()).max_active == 1
