"""What viewers are told: a whole first, then changes; few pictures; nobody waits for a slow one."""

import asyncio
from typing import Any

import msgspec

from coordinator.watching.difference import Picture
from coordinator.watching.feed import BEHIND, VIEWERS, Feed, Message, Viewer
from shared.serving import cancelled
from tests.fakes.waiting import eventually


class Fleet:
    """Pictures with a figure that goes up when told to."""

    def __init__(self) -> None:
        self.figure = 0
        self.pictures = 0

    def picture(self) -> Picture:
        """Counts how often it is asked for."""
        self.pictures += 1
        fleet = {"figure": self.figure}
        return {
            "nodes": {},
            "models": {},
            "requests": {},
            "fleet": fleet,
            "events": [],
            "timestamp": self.pictures,
        }


def a_feed(fleet: Fleet) -> Feed:
    """Of one run."""
    return Feed(fleet.picture, lambda: None, "run1")


def turn(feed: Feed, fleet: Fleet) -> None:
    """One of the turns of run(), with something changed."""
    fleet.figure += 1
    feed._publish()


def waiting(viewer: Viewer) -> list[Message | None]:
    """All that it has still to be told."""
    return [viewer.waiting.get_nowait() for _ in range(viewer.waiting.qsize())]


def events(viewer: Viewer) -> list[str]:
    """The words of it."""
    return [each.event if each else "end" for each in waiting(viewer)]


def test_first_the_whole_then_changes() -> None:
    fleet = Fleet()
    feed = a_feed(fleet)
    viewer = feed.join()
    turn(feed, fleet)
    feed._publish()
    first, second = waiting(viewer)
    assert first is not None
    assert second is not None
    assert (first.event, first.number, second.event, second.number) == (
        *("snapshot", "run1.0"),
        *("change", "run1.1"),
    )
    told: dict[str, Any] = msgspec.json.decode(second.data)
    assert told == {"fleet": {"figure": 1}, "timestamp": 2}


def test_who_comes_back_is_told_what_was_missed() -> None:
    fleet = Fleet()
    feed = a_feed(fleet)
    viewer = feed.join()
    for _ in range(3):
        turn(feed, fleet)
    feed.leave(viewer)
    assert [each.number for each in waiting(feed.join("run1.1")) if each] == ["run1.2", "run1.3"]
    assert events(feed.join("run1.3")) == []
    assert events(feed.join("run0.3")) == ["snapshot"]
    assert events(feed.join("nonsense")) == ["snapshot"]
    for _ in range(BEHIND + 1):
        turn(feed, fleet)
    assert events(feed.join("run1.3")) == ["snapshot"]


def test_a_slow_viewer_is_dropped_and_the_others_are_not() -> None:
    fleet = Fleet()
    feed = a_feed(fleet)
    slow, quick = feed.join(), feed.join()
    for _ in range(BEHIND * 2):
        turn(feed, fleet)
        waiting(quick)
    assert slow.dropped
    assert not quick.dropped
    assert slow.waiting.qsize() == BEHIND
    assert waiting(slow)[-1] is None


def test_many_who_come_at_once_make_one_picture() -> None:
    fleet = Fleet()
    feed = a_feed(fleet)
    for _ in range(VIEWERS):
        feed.join()
    assert fleet.pictures == 1
    assert feed.is_full


async def test_no_picture_is_made_for_nobody_and_the_end_is_told() -> None:
    fleet, looks = Fleet(), []
    feed = Feed(fleet.picture, lambda: looks.append(1), "run1")
    running = asyncio.create_task(feed.run())
    await eventually(lambda: len(looks) >= 2)
    assert fleet.pictures == 0
    viewer = feed.join()
    await eventually(lambda: fleet.pictures >= 2)
    await cancelled(running)
    assert events(viewer)[-1] == "end"
    assert feed.is_full


async def test_who_may_not_look_any_more_is_told_the_end() -> None:
    fleet, may = Fleet(), {"one": True}
    feed = a_feed(fleet)
    one, other = feed.join(may_look=lambda: may["one"]), feed.join()
    running = asyncio.create_task(feed.run())
    try:
        await eventually(lambda: fleet.pictures > 1)
        assert one in feed._viewers
        may["one"] = False
        await eventually(lambda: one not in feed._viewers)
        assert other in feed._viewers
        messages = [one.waiting.get_nowait() for _ in range(one.waiting.qsize())]
        assert [each is None for each in messages] == [False] * (len(messages) - 1) + [True]
        assert not one.dropped
    finally:
        await cancelled(running)
