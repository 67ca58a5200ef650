"""Events of engines come with beats, of which some are lost, to coordinators that may be new."""

from msgspec.structs import replace

from coordinator.core.engine_events import KEPT, EngineEvents
from shared.wire import EVENTS_A_BEAT, EngineEvent, Heartbeat
from tests.fakes.builders import a_beat


def an_event(number: int) -> EngineEvent:
    return EngineEvent(
        number=number, at=float(number), engine="it", kind="crashed", rung="as it was", then="again"
    )


def beat(after: int, *numbers: int, epoch: int = 1) -> Heartbeat:
    return replace(
        a_beat("n1", epoch=epoch), events_after=after, events=[an_event(number) for number in numbers]
    )


def numbers(events: EngineEvents) -> list[int]:
    return [each.number for each in events.last]


def test_each_is_taken_once() -> None:
    events = EngineEvents()
    for each in (beat(0), beat(0, 1, 2), beat(0, 1, 2, 3), beat(3), beat(3, 4)):
        events.heard(each)
    assert (numbers(events), events.taken) == ([1, 2, 3, 4], 4)


def test_one_that_was_started_anew_asks_for_all_again() -> None:
    events = EngineEvents()
    events.heard(beat(2, 3))
    assert (numbers(events), events.taken) == ([], 0)
    events.heard(beat(events.taken, 1, 2, 3))
    assert numbers(events) == [1, 2, 3]


def test_what_its_agent_has_forgotten_is_not_waited_for() -> None:
    events = EngineEvents()
    events.heard(beat(0, 40, 41))
    assert (numbers(events), events.taken) == ([40, 41], 41)


def test_an_agent_that_was_started_anew_counts_from_one() -> None:
    events = EngineEvents()
    events.heard(beat(0, 1, 2))
    events.heard(beat(0, 1, epoch=2))
    assert (numbers(events), events.taken) == ([1, 2, 1], 1)


def test_they_are_bounded() -> None:
    events = EngineEvents()
    for first in range(0, 10 * KEPT, EVENTS_A_BEAT):
        events.heard(beat(first, *range(first + 1, first + 1 + EVENTS_A_BEAT)))
    assert numbers(events) == list(range(9 * KEPT + 1, 10 * KEPT + 1))
