"""Auto-pull as values: who may fetch what, what calls are told meanwhile, and how the Desk holds them."""

from typing import Any

import pytest

from coordinator.core.call import Decisions, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.pulls import ASKED_A_MINUTE, PullRules, Setback
from coordinator.core.room import GIB, Room, choose
from shared.names import ModelName, NodeId, normalise
from tests.fakes.builders import a_beat, a_call, a_model, an_engine, join, told, with_loaded

NEW = normalise("new:7b")
RULES = PullRules(on=True, wait_s=300.0, per_hour=2)
LIMITS = Limits(settle_s=0.0, beat_late_s=1e6, lease_s=1e6)


def a_room(
    node_id: str = "n1",
    *,
    free: float = 16.0,
    idle: float = 0.0,
    busy: float = 0.0,
    disk: float = 100.0,
    total: float = 32.0,
    ceiling: float | None = None,
    closed: str = "",
) -> Room:
    """Sizes in GiB."""
    return Room(
        node_id=NodeId(node_id),
        engine="ollama",
        closed=closed,
        total=int(total * GIB),
        free=int(free * GIB),
        loaded=int((idle + busy) * GIB),
        idle=int(idle * GIB),
        disk_free=int(disk * GIB),
        ceiling=None if ceiling is None else int(ceiling * GIB),
    )


def a_desk(rules: PullRules = RULES, **limits: float) -> Desk:
    """With two nodes that have llama3.2, and whose Ollama could pull."""
    desk = Desk(Limits(settle_s=0.0, beat_late_s=1e6, lease_s=1e6, **limits), Weights(), 0.0, pulls=rules)  # type: ignore[arg-type]
    for node_id in ("n1", "n2"):
        join(desk, a_beat(node_id, with_loaded()))
    return desk


def reason(decisions: Decisions) -> str:
    """Of the one refusal."""
    (refused,) = [each for each in decisions if isinstance(each, Refused)]
    return str(refused.error)


def arrives(desk: Desk, model: str, now: float = 1.0, call_id: str = "c1", **fields: Any) -> Decisions:
    return desk.arrived(a_call(call_id, model, **fields), now)


# Which node


@pytest.mark.parametrize(
    ("rooms", "expected"),
    [
        ([a_room("n1", free=16), a_room("n2", free=20)], "n2"),
        ([a_room("n1", free=4, idle=20), a_room("n2", free=20)], "n1"),  # what is idle is put out for it
        ([a_room("n1", free=4, busy=20), a_room("n2", free=12.5)], "n2"),
        ([a_room("n1", free=20, ceiling=11), a_room("n2", free=12.5)], "n2"),  # what the owner leaves
        ([a_room("n1", free=20, ceiling=16, busy=5), a_room("n2", free=12.5)], "n2"),
        ([a_room("n1", free=20, closed="is cordoned"), a_room("n2", free=12.5)], "n2"),
        ([a_room("n1", free=20, disk=12.9), a_room("n2", free=12.5, disk=13.1)], "n2"),
        ([a_room("n1", free=20, disk=50), a_room("n2", free=20, disk=80)], "n2"),
    ],
)
def test_the_node_with_most_room_pulls(rooms: list[Room], expected: str) -> None:
    chosen = choose(rooms, 10 * GIB)
    assert isinstance(chosen, Room), chosen
    assert chosen.node_id == expected


def test_where_nobody_has_room_each_node_says_why() -> None:
    rooms = [a_room("n1", free=8), a_room("n2", disk=9), a_room("n3", closed="is draining")]
    assert choose(rooms, 10 * GIB) == (
        "n1 has 8.0 GiB of memory for it, 12.0 GiB are needed;"
        " n2 has 9.0 GiB of disk, 13.0 GiB are needed; n3 is draining"
    )
    assert choose([], 1) == "no node is there"
    assert isinstance(choose([a_room(free=0, disk=0)], 0), Room), (
        "of no size yet: whether anybody pulls at all"
    )


# Calls


def test_calls_wait_for_one_pull_and_go_once_the_model_is_there() -> None:
    desk = a_desk()
    for number in range(3):
        assert told(arrives(desk, "new:7b", call_id=f"c{number}")) == [f"c{number} held"]
    assert (desk.pulls.wanted, desk.pulls.take(), desk.pulls.take()) == (True, [NEW], [])
    desk.pulls.began(NEW, NodeId("n2"), 8 * GIB, 2.0)
    desk.pulls.progressed(NEW, 2 * GIB)
    (shown,) = desk.pulls.status(12.0, desk.holding.counts())
    assert (shown["percent"], shown["since_s"], shown["eta_s"], shown["waiters"]) == (25.0, 10.0, 30.0, 3)
    assert desk.pulls.coming() == {"n2": 6 * GIB}
    assert desk.expired(100.0) == [], "longer than calls wait for a place"
    there = a_beat("n2", an_engine(a_model("new:7b"), slots=2), seq=2)
    assert told(desk.heard(there, "http://n2:11436", 120.0)) == ["c0 on n2", "c1 on n2"]
    assert desk.pulled(NEW, None, 120.0) == []
    assert desk.expired(149.0) == [], "the third waits for a place, and not since its arrival"
    assert told(desk.expired(150.5)) == ["c2 refused 503"]


def test_a_pull_that_takes_too_long_goes_on_and_its_callers_are_told() -> None:
    desk = a_desk()
    arrives(desk, "new:7b")
    assert "is being fetched; the pull goes on" in str(desk.pulls.too_slow(a_call("x", "new:7b"), 2.0))
    desk.pulls.began(NEW, NodeId("n2"), 8 * GIB, 2.0)
    desk.pulls.progressed(NEW, 6 * GIB)
    decisions = desk.expired(302.0)
    assert reason(decisions) == (
        'model "new:7b" is being pulled onto n2: 75 % of 8.0 GiB, about 100 s left; the pull goes on, ask again later'
    )
    (refused,) = [each for each in decisions if isinstance(each, Refused)]
    assert (refused.error.status, refused.error.retry_after) == (503, 100)
    assert told(arrives(desk, "new:7b", 303.0)) == ["c1 held"]
    assert desk.pulls.take() == [NEW], "still the first wish"


def test_a_caller_does_not_wait_for_what_cannot_come_in_time() -> None:
    desk = a_desk()
    arrives(desk, "new:7b")
    desk.pulls.began(NEW, NodeId("n2"), 100 * GIB, 2.0)
    desk.pulls.progressed(NEW, GIB)
    assert desk.expired(30.9) == []
    assert "1 % of 100.0 GiB, about 2871 s left" in reason(desk.expired(31.0))
    assert desk.pulls.status(31.0, {})[0]["stage"] == "pulling"


def test_a_setback_refuses_those_who_wait_and_for_a_while_who_comes() -> None:
    desk = a_desk()
    arrives(desk, "new:7b")
    decisions = desk.pulled(NEW, Setback("the registry does not know it", 60.0), 2.0)
    assert told(decisions) == ["c1 refused 404"]
    said = 'model "new:7b" not found, try pulling it first; the registry does not know it'
    assert reason(decisions) == said
    desk.pulls.take()
    assert reason(arrives(desk, "new:7b", 61.0)) == said
    assert not desk.pulls.wanted
    assert told(arrives(desk, "new:7b", 62.0)) == ["c1 held"]
    assert desk.pulls.take() == [NEW]


def test_what_is_there_or_allowed_otherwise_is_not_pulled() -> None:
    desk = a_desk()
    assert told(arrives(desk, "new:7b", fallbacks=["llama3.2"])) == ["c1 on n1"]
    assert told(arrives(desk, "llama3.2", call_id="c2")) == ["c2 on n2"]
    assert told(arrives(desk, "llama3.2", call_id="c3")) == ["c3 held"], "busy is not missing"
    assert told(arrives(desk, "llama3.2", call_id="c4", abilities=["chat"])) == ["c4 held"]
    assert not desk.pulls.wanted
    off = a_desk(PullRules())
    assert reason(arrives(off, "new:7b")) == 'model "new:7b" not found, try pulling it first'
    nobody = Desk(LIMITS, Weights(), 0.0, pulls=RULES)
    assert told(arrives(nobody, "new:7b")) == ["c1 refused 503"]
    assert not nobody.pulls.wanted


@pytest.mark.parametrize(
    ("allow", "model", "may"),
    [
        ((), "anything:7b", True),
        (("new",), "new:7b", True),
        (("new:7b",), "new:70b", False),
        (("qwen*", "hf.co/u/*"), "qwen3:8b", True),
        (("qwen*", "hf.co/u/*"), "hf.co/u/m:Q4_K_M", True),
        (("qwen*", "hf.co/u/*"), "hf.co/v/m:Q4_K_M", False),
    ],
)
def test_a_list_of_names_bounds_what_is_pulled(allow: tuple[str, ...], model: str, may: bool) -> None:
    desk = a_desk(PullRules(on=True, allow=allow))
    decisions = arrives(desk, model)
    assert desk.pulls.wanted == may
    assert may or "FLEET_AUTO_PULL_ALLOW" in reason(decisions)


def test_a_flood_of_misspelt_names_reaches_no_registry() -> None:
    desk = a_desk()
    for number in range(ASKED_A_MINUTE):
        arrives(desk, f"tipo{number}", call_id=f"c{number}")
        desk.pulled(ModelName(f"tipo{number}:latest"), Setback("unknown", 5.0), 1.0)
    assert len(desk.pulls.take()) == ASKED_A_MINUTE
    assert "too many unknown models" in reason(arrives(desk, "tipo-more", 60.9))
    assert told(arrives(desk, "tipo-more", 61.0)) == ["c1 held"]
    assert len(desk.pulls.status(61.0, {})) == 1, "what was only asked for is forgotten"


def test_size_and_number_of_pulls_are_bounded() -> None:
    desk = a_desk(PullRules(on=True, largest_bytes=5 * GIB, per_hour=2))
    too_large = desk.pulls.size_forbidden(6 * GIB, 0.0)
    assert too_large is not None
    assert too_large.reason == "it has 6.0 GiB, FLEET_AUTO_PULL_MAX_GB allows 5.0 GiB"
    for number in range(2):
        assert desk.pulls.size_forbidden(GIB, 1.0) is None
        arrives(desk, f"new:{number}", call_id=f"c{number}")
        desk.pulls.began(ModelName(f"new:{number}"), NodeId("n1"), GIB, 1.0)
        desk.pulls.began(ModelName(f"new:{number}"), NodeId("n2"), GIB, 1.0)  # a second node is the same pull
    too_many = desk.pulls.size_forbidden(GIB, 100.0)
    assert too_many is not None
    assert "2 models were pulled within the last hour" in too_many.reason
    assert desk.pulls.size_forbidden(GIB, 3601.0) is None


def test_a_pull_without_effect_is_begun_anew_and_no_call_waits_for_ever() -> None:
    desk = a_desk()
    arrives(desk, "new:7b")
    desk.pulls.take()
    desk.pulls.began(NEW, NodeId("n1"), GIB, 1.0)
    assert desk.pulled(NEW, None, 2.0) == []
    assert desk.expired(16.9) == []
    assert not desk.pulls.wanted
    desk.expired(17.5)
    assert desk.pulls.take() == [NEW]
    assert told(desk.expired(301.5)) == ["c1 refused 503"]
