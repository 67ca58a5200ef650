"""Events on their way: from the agent's list, over beats that are lost, to a coordinator that is started anew."""

from pathlib import Path

import pytest
from msgspec import json

from agent.report import Reporter
from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
from agent.supervision.events import MOST_EVENTS, Event, Events
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from shared.wire import EVENTS_A_BEAT, Heartbeat, HeartbeatReply

LONGEST = "\x7f\U0001f999" * 1000


def happens(events: Events, times: int, engine: str = "it", lines: tuple[str, ...] = ()) -> None:
    for _ in range(times):
        events.add(
            Event(at=1.0, engine=engine, kind=Kind.CRASHED, rung=Rung.CPU, then="again", code=1, lines=lines)
        )


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def reporter(tmp_path: Path, events: Events) -> Reporter:
    host = HostSensor(tmp_path, measure_memory=False)
    secret = "a-secret-of-the-test"
    return Reporter("n", 1, secret, "", host, GpuSensor(), [], lambda: False, events=events)


def reply(taken: int) -> HeartbeatReply:
    return HeartbeatReply(status="ok", node_status="online", events_taken=taken)


def numbers(beat: Heartbeat) -> list[int]:
    return [each.number for each in beat.events]


async def test_only_new_ones_are_told_and_what_was_lost_again(reporter: Reporter, events: Events) -> None:
    happens(events, 3)
    for _ in range(2):  # the first is lost
        beat = await reporter.beat(9)
        assert (beat.events_after, numbers(beat)) == (0, [1, 2, 3])
    reporter.taken(reply(3))
    beat = await reporter.beat(9)
    assert (beat.events_after, numbers(beat)) == (3, [])
    happens(events, 1)
    assert numbers(await reporter.beat(9)) == [4]


async def test_a_coordinator_that_knows_none_is_told_all(reporter: Reporter, events: Events) -> None:
    happens(events, EVENTS_A_BEAT + 2)
    reporter.taken(reply(5))
    reporter.taken(reply(0))
    assert numbers(await reporter.beat(9)) == list(range(1, EVENTS_A_BEAT + 1))
    reporter.taken(reply(EVENTS_A_BEAT))
    assert numbers(await reporter.beat(9)) == [EVENTS_A_BEAT + 1, EVENTS_A_BEAT + 2]


async def test_a_beat_is_bounded(reporter: Reporter, events: Events) -> None:
    empty = len(json.encode(await reporter.beat(9)))
    for engine in ("a", "b"):
        happens(events, MOST_EVENTS, engine, (LONGEST,) * 9)
    beat = json.encode(await reporter.beat(9))
    assert len(beat) - empty < 64 * 2**10
    assert len(json.decode(beat, type=Heartbeat).events) == EVENTS_A_BEAT
