"""What is remembered of engines, and what of it a beat tells."""

import msgspec

from agent.supervision.events import MOST_EVENTS, Event, Events
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from shared.wire import EVENT_LINE, EVENT_LINES, EngineEvent


def an_event(at: float, engine: str = "it", lines: tuple[str, ...] = (), code: int | None = -9) -> Event:
    """A kill."""
    return Event(
        at=at,
        engine=engine,
        kind=Kind.KILLED,
        rung=Rung.AS_IT_WAS,
        then="again at once",
        code=code,
        lines=lines,
    )


def test_those_of_each_engine_are_bounded() -> None:
    events = Events()
    events.add(an_event(0.5, "quiet"))
    for number in range(1, MOST_EVENTS + 2):
        events.add(an_event(float(number)))
    assert [event.at for event in events.all()] == [0.5, *range(2, MOST_EVENTS + 2)]
    assert [event.number for event in events.all()] == [1, *range(3, MOST_EVENTS + 3)]


def test_a_beat_tells_the_next_few() -> None:
    events = Events()
    for at in (10.0, 11.0, 12.0):
        events.add(an_event(at))
    assert [(each.number, each.at) for each in events.after(0, 2)] == [(1, 10.0), (2, 11.0)]
    assert [(each.number, each.at) for each in events.after(2, 2)] == [(3, 12.0)]
    assert events.after(3, 2) == []


def test_words_are_cut_and_obey_nobody() -> None:
    events = Events()
    events.add(an_event(1.0, lines=("old", *["x" * 1000] * EVENT_LINES)))
    events.add(an_event(2.0, lines=("CUDA\x1b[31m error\nnext\u202e",)))
    long, sly = events.after(0, 2)
    assert long.lines == ["x" * EVENT_LINE] * EVENT_LINES
    assert sly.lines == ["CUDA [31m error next "]
    assert msgspec.json.decode(msgspec.json.encode([long, sly]), type=list[EngineEvent]) == [long, sly]
