"""Ageing lifts a class against the others, never a client against those of its own class."""

from coordinator.core.call import Decisions, Placed, Priority
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.names import CallId, normalise
from tests.fakes.builders import a_beat, a_call, a_desk, with_loaded

AGEING_S = 10.0
NOW = AGEING_S + 5
LIMITS = Limits(beat_late_s=1e9, lease_s=1e9, hold_s=1e9, ageing_s=AGEING_S)
LONG = 64_000


def arrives(
    desk: Desk, name: str, now: float, client: str, priority: Priority, num_ctx: int | None = None
) -> Decisions:
    return desk.arrived(a_call(name, "a", client=client, priority=priority, num_ctx=num_ctx), now)


def aged_flood(priority: Priority, now: float = NOW, calls: int = 6) -> Desk:
    """One place, which has the first of a client's calls. The others have waited since second 0."""
    desk = a_desk(a_beat("n1", with_loaded("a", slots=1)), limits=LIMITS)
    for number in range(1, calls + 1):
        arrives(desk, f"f{number}", 0.0, "flood", priority)
    desk.expired(now)
    return desk


def goes_when(desk: Desk, ended: str, now: float) -> str:
    """Who has the place of that call."""
    told = ", ".join(str(each.call.id) for each in desk.holding.ordered_of(normalise("a"))[:1])
    [placed] = [each for each in desk.finished(CallId(ended), now) if isinstance(each, Placed)]
    assert told == str(placed.call_id), "the queue that people read agrees"
    return str(placed.call_id)


def test_a_client_whose_calls_have_aged_leaves_another_of_its_class_its_turn() -> None:
    desk = aged_flood("batch")
    arrives(desk, "x1", NOW, "x", "batch")
    assert goes_when(desk, "f1", NOW) == "x1"
    assert goes_when(desk, "x1", NOW) == "f2", "one call at a time: the other has its share as well"


def test_a_turn_that_was_earned_by_age_goes_over_lines_of_other_contexts() -> None:
    now = 2 * AGEING_S
    desk = aged_flood("background", now)
    arrives(desk, "x1", now, "x", "background", LONG)
    arrives(desk, "y1", now, "y", "background")
    assert goes_when(desk, "f1", now) == "x1"
    assert goes_when(desk, "x1", now) == "y1"
    assert goes_when(desk, "y1", now) == "f2"


def test_who_has_not_waited_passes_nobody_of_a_higher_class_by_the_age_of_others() -> None:
    """The aged call comes after the interactive one by its share: there is no turn to be given on."""
    desk = aged_flood("batch")
    arrives(desk, "x1", NOW, "x", "batch")
    arrives(desk, "i1", NOW, "i", "interactive")
    assert goes_when(desk, "f1", NOW) == "i1"
    assert goes_when(desk, "i1", NOW) == "x1"


def test_one_aged_call_gets_its_class_no_more_than_one_turn() -> None:
    """However many clients of its class have the fairer claim, each of another class has its share beside it."""
    desk = aged_flood("batch", calls=3)
    for name in "vwxy":
        arrives(desk, name, NOW, name, "batch")
    for number in range(1, 4):
        arrives(desk, f"i{number}", NOW, "i", "interactive")
    went, running = [], "f1"
    for _ in range(9):
        running = goes_when(desk, running, NOW)
        went.append(running)
    assert went == ["i1", "v", "i2", "w", "i3", "x", "y", "f2", "f3"]


def test_another_class_has_no_part_in_it() -> None:
    desk = aged_flood("batch")
    arrives(desk, "x1", NOW, "x", "background")
    assert goes_when(desk, "f1", NOW) == "f2"
