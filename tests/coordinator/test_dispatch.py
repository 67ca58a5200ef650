"""The Dispatcher's own races, with a Forwarder whose answers the test holds in its hand. No sockets."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from coordinator.core.call import Placement, Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.dispatch import Dispatcher
from coordinator.forward import EngineRequest
from coordinator.journal import Trace
from shared.errors import FleetError, Stuck
from tests.fakes.builders import a_beat, a_call, a_desk, join, with_loaded
from tests.fakes.waiting import eventually


class HeldForwarder:
    """Says whom it was asked to reach, and answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ends: list[asyncio.Future[Any]] = []

    async def infer(self, target: Target, _request: EngineRequest) -> Any:
        self.asked.append(target.node_id)
        self.ends.append(asyncio.get_running_loop().create_future())
        return await self.ends[-1]


def encode(_placement: Placement) -> EngineRequest:
    return EngineRequest("/api/chat", b"{}", {}, whole=False)


def dispatching(desk: Desk, clock: Callable[[], float]) -> tuple[Dispatcher, HeldForwarder]:
    forwarder = HeldForwarder()
    return Dispatcher(desk, forwarder, clock), forwarder  # type: ignore[arg-type]  # the one method it uses


def in_flight(desk: Desk) -> int:
    return sum(node.in_flight.total() for node in desk.fleet.nodes.values())


LIMITS = Limits(stale_s=20.0, lease_s=1000.0, beat_late_s=1000.0)


async def test_a_stuck_attempt_is_ended_and_another_node_tried() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()), limits=LIMITS)
    now = [1.0]
    dispatcher, forwarder = dispatching(desk, lambda: now[0])
    task = asyncio.create_task(dispatcher.answer(a_call(), encode))
    await eventually(lambda: forwarder.asked == ["n1"])
    now[0] = 21.0
    dispatcher.apply(desk.expired(21.0))
    await eventually(lambda: forwarder.asked == ["n1", "n2"])
    now[0] = 41.0
    dispatcher.apply(desk.expired(41.0))
    with pytest.raises(Stuck):
        await task
    assert task.cancelling() == 0
    assert in_flight(desk) == 0
    assert desk.open_calls() == []


async def test_every_attempt_that_failed_and_the_end_are_recorded() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()), limits=LIMITS)
    now = [1.0]
    traces: list[Trace] = []
    forwarder: Any = HeldForwarder()
    dispatcher = Dispatcher(desk, forwarder, lambda: now[0], traces.append)
    task = asyncio.create_task(dispatcher.answer(a_call(), encode))
    await eventually(lambda: forwarder.asked == ["n1"])
    for at in (21.0, 41.0):
        now[0] = at
        dispatcher.apply(desk.expired(at))
        await eventually(lambda: forwarder.asked == ["n1", "n2"])
    with pytest.raises(Stuck):
        await task
    assert [(each.status, each.node_id, each.excluded, each.retries) for each in traces] == [
        ("retried", "n1", (), 0),
        ("failed", "n2", ("n1",), 1),
    ]
    assert [(each.latency_s, each.run_s, each.code) for each in traces] == [
        (20.0, 20.0, 504),
        (40.0, 20.0, 504),
    ]
    assert {each.reason for each in traces} == {"no_progress"}


async def test_a_call_that_is_moved_before_its_task_has_heard_of_its_place_goes_to_the_next() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), limits=LIMITS)
    now = [1.0]
    traces: list[Trace] = []
    forwarder: Any = HeldForwarder()
    dispatcher = Dispatcher(desk, forwarder, lambda: now[0], traces.append)
    first = asyncio.create_task(dispatcher.answer(a_call("c1"), encode))
    second = asyncio.create_task(dispatcher.answer(a_call("c2"), encode))
    await eventually(lambda: len(desk.holding) == 1)
    dispatcher.apply(desk.cancelled(a_call("c1").id, 1.0))  # c2 is placed on n1, and its task will run
    dispatcher.apply(join(desk, a_beat("n2", with_loaded()), 1.0))
    now[0] = 21.0
    dispatcher.apply(desk.expired(21.0))  # the loop stood still: n1 had its time
    await eventually(lambda: forwarder.asked == ["n1", "n2"])
    assert second.cancelling() == 0
    assert [(each.call.id, each.status, each.node_id, each.reason) for each in traces] == [
        ("c2", "retried", "n1", "no_progress")
    ]
    assert [node.in_flight.total() for node in desk.fleet.nodes.values()] == [0, 1]
    for task in (first, second):
        task.cancel()
    await asyncio.wait([first, second])
    assert in_flight(desk) == 0
    assert [(each.call.id, each.status, each.retries) for each in traces[1:]] == [
        ("c1", "client_disconnected", 0),
        ("c2", "client_disconnected", 1),
    ]


@pytest.mark.parametrize("end", [None, Stuck("of itself")])
async def test_an_attempt_that_ends_in_the_moment_in_which_its_call_is_moved_does_not_count(
    end: FleetError | None,
) -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()), limits=LIMITS)
    now = [1.0]
    dispatcher, forwarder = dispatching(desk, lambda: now[0])
    task = asyncio.create_task(dispatcher.answer(a_call(), encode))
    await eventually(lambda: forwarder.asked == ["n1"])
    if end is None:
        forwarder.ends[0].set_result(None)
    else:
        forwarder.ends[0].set_exception(end)
    now[0] = 21.0
    dispatcher.apply(desk.expired(21.0))
    await eventually(lambda: forwarder.asked == ["n1", "n2"])
    assert (task.cancelling(), in_flight(desk)) == (0, 1)
    task.cancel()
    await asyncio.wait([task])
    assert in_flight(desk) == 0


async def test_a_call_that_is_moved_twice_at_once_goes_to_the_last() -> None:
    desk = a_desk(*(a_beat(name, with_loaded()) for name in ("n1", "n2", "n3")), limits=LIMITS)
    now = [1.0]
    dispatcher, forwarder = dispatching(desk, lambda: now[0])
    task = asyncio.create_task(dispatcher.answer(a_call(), encode))
    await eventually(lambda: forwarder.asked == ["n1"])
    for at in (21.0, 41.0):
        now[0] = at
        dispatcher.apply(desk.expired(at))
    await eventually(lambda: forwarder.asked == ["n1", "n3"])
    assert task.cancelling() == 0
    now[0] = 61.0
    dispatcher.apply(desk.expired(61.0))
    with pytest.raises(Stuck):
        await task
    assert in_flight(desk) == 0


async def test_a_caller_that_leaves_while_its_call_is_moved_takes_it_along() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()), limits=LIMITS)
    now = [1.0]
    dispatcher, forwarder = dispatching(desk, lambda: now[0])
    task = asyncio.create_task(dispatcher.answer(a_call(), encode))
    await eventually(lambda: forwarder.asked == ["n1"])
    now[0] = 21.0
    dispatcher.apply(desk.expired(21.0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert forwarder.asked == ["n1"]
    assert in_flight(desk) == 0
    assert desk.open_calls() == []


async def test_a_caller_that_leaves_the_queue_leaves_nothing_behind() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    dispatcher, forwarder = dispatching(desk, lambda: 1.0)
    first = asyncio.create_task(dispatcher.answer(a_call("c1"), encode))
    second = asyncio.create_task(dispatcher.answer(a_call("c2"), encode))
    await eventually(lambda: len(desk.holding) == 1)
    second.cancel()
    await asyncio.wait([second])
    assert len(desk.holding) == 0
    first.cancel()
    await asyncio.wait([first])
    assert in_flight(desk) == 0
    assert forwarder.asked == ["n1"]


async def test_a_grant_to_a_caller_that_has_just_left_comes_back() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    dispatcher, forwarder = dispatching(desk, lambda: 1.0)
    first = asyncio.create_task(dispatcher.answer(a_call("c1"), encode))
    second = asyncio.create_task(dispatcher.answer(a_call("c2"), encode))
    third = asyncio.create_task(dispatcher.answer(a_call("c3"), encode))
    await eventually(lambda: len(desk.holding) == 2)
    second.cancel()
    dispatcher.apply(desk.cancelled(a_call("c1").id, 1.0))  # frees the place: c2 is next in turn
    await asyncio.wait([second])
    await eventually(lambda: forwarder.asked == ["n1", "n1"])
    assert in_flight(desk) == 1
    for task in (first, third):
        task.cancel()
    await asyncio.wait([first, third])
    assert in_flight(desk) == 0


async def test_the_same_id_twice_at_once_is_two_calls() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=2)))
    dispatcher, forwarder = dispatching(desk, lambda: 1.0)
    tasks = [asyncio.create_task(dispatcher.answer(a_call("same"), encode)) for _ in range(2)]
    await eventually(lambda: len(forwarder.asked) == 2)
    assert {each.call.id for each in desk.open_calls()} == {"same", "same.2"}
    await dispatcher.close(0.0)
    for task in tasks:
        with pytest.raises(FleetError, match="stopping"):
            await task
    assert in_flight(desk) == 0
