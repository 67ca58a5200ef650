"""Who may stand in for whom, and when: never across ability, never unseen, and only where it is allowed."""

from typing import Any

import msgspec
import pytest

from coordinator.core.call import Call, Operation, Place, Placed, Placement
from coordinator.core.categories import category_of
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.substitution import Offer, Use, allowed, choose, quality, same_kind
from coordinator.core.usage import HOUR_S, MODELS_KEPT, Usage
from shared.names import ModelName, NodeId, normalise
from shared.wire import Engine, Model
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, a_replica, an_address, an_engine, told

BIG, SMALL = "llama3.1:70b", "llama3.1:8b"
CHAT = frozenset({"chat"})


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("nomic-embed-text", "embedding"),
        ("bge-m3", "embedding"),
        ("qwen3:8b", "general"),
        ("qwen3-coder:30b", "coding"),
        ("deepseek-r1", "reasoning"),
        ("deepseek-r1:14b", "reasoning"),
        ("gpt-oss:120b", "reasoning"),
        ("gpt-oss:20b", "general"),
        ("gpt-oss", "general"),
        ("llava", "vision"),
        ("llava:7b", "vision"),
        ("llama3.2-vision:11b", "vision"),
        ("x/flux", "image"),
        ("phi4:14b", "general"),
        ("llama3.2", "fast-chat"),
        ("llama3.2:1b-instruct-q4_0", "fast-chat"),
        ("hf.co/somebody/Story-Writer-GGUF:Q4_K_M", "creative"),
        ("nobody-knows-it:7b", "general"),
    ],
)
def test_the_kind_of_a_model_is_in_its_name(name: str, category: str) -> None:
    assert category_of(normalise(name)) == category


def test_same_kind_leaves_out_the_model_itself() -> None:
    names = [normalise(name) for name in (BIG, SMALL, "qwen3-coder:30b", "bge-m3")]
    assert same_kind(normalise(BIG), names) == [SMALL]


def test_quality_is_size_where_it_is_known() -> None:
    assert quality(normalise("m:8b")) == quality(normalise("m"), "8.0B") == pytest.approx(45.2, abs=0.1)
    assert quality(normalise("m:500m")) < quality(normalise("m:1b")) < quality(normalise("m:70b"))
    assert quality(normalise("m:400b")) == 100
    assert quality(normalise("m:latest")) == 0


def offer(model: str = SMALL, **changed: Any) -> Offer:
    fields: dict[str, Any] = {"abilities": CHAT, "context_length": 8192, "score": 50.0}
    return Offer(place=Place(NodeId("n1"), "ollama", normalise(model)), **{**fields, **changed})


def asks(model: str = BIG, **changed: Any) -> Call:
    return msgspec.structs.replace(a_call(model=model, abilities=CHAT), **changed)


def chosen(call: Call, *offers: Offer, uses: dict[ModelName, Use] | None = None) -> str | None:
    found = choose(call, offers, uses or {})
    return found.place.model if found else None


@pytest.mark.parametrize(
    ("call", "offered", "fits"),
    [
        (asks(), offer(), True),
        (asks(), offer(abilities=frozenset()), False),
        (asks(), offer(abilities=frozenset({"embedding"})), False),
        (asks(abilities=frozenset({"chat", "vision"})), offer(), False),
        (asks(abilities=frozenset({"chat", "vision"})), offer(abilities=frozenset({"chat", "vision"})), True),
        (asks(abilities=frozenset({"chat", "tools"})), offer(), False),
        (asks(asks_thinking=True), offer(), False),
        (asks(asks_thinking=True), offer(abilities=frozenset({"chat", "thinking"})), True),
        (asks(estimated_tokens=8193), offer(), False),
        (asks(estimated_tokens=8192), offer(), True),
        (asks(num_ctx=16_384), offer(), False),
        (asks(num_ctx=8192), offer(), True),
        (asks(), offer(context_length=None), False),
        (asks(), offer(BIG), False),
    ],
)
def test_only_what_can_certainly_do_all_of_it(call: Call, offered: Offer, fits: bool) -> None:
    assert (chosen(call, offered) is not None) == fits


def test_points_and_quality_decide() -> None:
    assert chosen(asks(), offer("a:8b"), offer("b:32b")) == "b:32b"
    assert chosen(asks(), offer("a:8b", score=70.0), offer("b:32b")) == "a:8b"
    found = choose(asks(), [offer("b:32b")], {})
    assert found is not None
    assert found.quality_bonus == pytest.approx(0.3 * quality(normalise("b:32b")))


@pytest.mark.parametrize(
    ("asked", "other", "replaced"),
    [
        (Use(), Use(), True),
        (Use(day=2), Use(day=1), True),
        (Use(day=3), Use(day=1), False),
        (Use(week=15), Use(week=7), False),
        (Use(week=14), Use(week=7), True),
        (Use(day=1, week=1), Use(), False),
    ],
)
def test_what_is_used_much_more_is_loaded_rather_than_replaced(
    asked: Use, other: Use, replaced: bool
) -> None:
    uses = {normalise(BIG): asked, normalise(SMALL): other}
    assert (chosen(asks(), offer(), uses=uses) is not None) == replaced


@pytest.mark.parametrize(
    ("model", "operation", "caller", "fleet", "may"),
    [
        (BIG, "chat", None, True, True),
        (BIG, "chat", None, False, False),
        (BIG, "generate", True, False, True),
        (BIG, "chat", False, True, False),
        (BIG, "embed", True, True, False),
        ("bge-m3", "chat", True, True, False),
        ("x/flux", "generate", True, True, False),
    ],
)
def test_the_callers_word_goes_before_the_fleets(
    model: str, operation: Operation, caller: bool | None, fleet: bool, may: bool
) -> None:
    call = msgspec.structs.replace(a_call(model=model, operation=operation), may_substitute=caller)
    assert allowed(call, fleet) == may


def test_usage_counts_days_and_weeks() -> None:
    usage, hour = Usage(), HOUR_S
    for age_hours in (0, 1, 23, 24, 100, 167, 168):
        usage.add(normalise("m"), (1000 - age_hours) * hour)
    usage.add(normalise("m"), -5 * hour, 7)
    assert usage.uses({normalise("m"), normalise("n")}, 1000 * hour) == {normalise("m"): Use(day=3, week=6)}
    for number in range(1000, 2000):
        usage.add(normalise("m"), number * hour)
    assert usage.uses({normalise("m")}, 1999 * hour) == {normalise("m"): Use(day=24, week=168)}
    assert usage.uses({normalise("m")}, 9999 * hour) == {}


def test_usage_is_kept_of_the_models_that_answered_last_and_of_one_week() -> None:
    usage, first, last = Usage(), normalise("m0"), normalise(f"m{MODELS_KEPT}")
    for number in range(MODELS_KEPT + 1):
        usage.add(normalise(f"m{number}"), 0.0)
    assert usage.uses({first, last}, 0.0) == {last: Use(day=1, week=1)}
    for hours_ago in range(2_000):  # as the file tells it at the start, in any order
        usage.add(last, -hours_ago * HOUR_S)
    assert usage.uses({last}, -2_000 * HOUR_S)[last].week == 1 + 7 * 24


# Through the Desk


def model(name: str, *abilities: str) -> Model:
    return a_model(name, abilities=abilities or ("chat",))


def engine(*loaded: str, disk: tuple[str, ...] = (), context: int | None = 8192, slots: int = 1) -> Engine:
    models = [model(name) for name in (*loaded, *disk)]
    return an_engine(*models, replicas=[a_replica(name, context=context, slots=slots) for name in loaded])


def placed(desk: Desk, call: Call) -> Placement:
    decision = desk.arrived(call, 1.0)[0]
    assert isinstance(decision, Placed), decision
    return decision.placement


def fleet(*engines: Engine, allow: bool = False, **limits: Any) -> Desk:
    beats = [a_beat(f"n{number}", each) for number, each in enumerate(engines, start=1)]
    return a_desk(*beats, limits=Limits(substitute=allow, **limits))


def test_by_default_the_model_that_was_named_is_loaded() -> None:
    placement = placed(fleet(engine(SMALL), engine(disk=(BIG,))), asks())
    assert (placement.place.node_id, placement.fallback) == ("n2", False)


@pytest.mark.parametrize(("fleet_allows", "caller"), [(True, None), (False, True)])
def test_where_it_is_allowed_a_loaded_one_answers_and_it_shows(
    fleet_allows: bool, caller: bool | None
) -> None:
    desk = fleet(engine(SMALL), engine(disk=(BIG,)), allow=fleet_allows)
    placement = placed(desk, asks(may_substitute=caller))
    assert (placement.place.model, placement.engine_model, placement.fallback) == (SMALL, SMALL, True)
    assert placement.scores["quality_bonus"] == pytest.approx(0.3 * quality(normalise(SMALL)))
    parts = [value for key, value in placement.scores.items() if key != "total"]
    assert placement.scores["total"] == pytest.approx(sum(parts))


@pytest.mark.parametrize(
    ("engines", "call", "expected"),
    [
        ((engine(SMALL), engine(BIG)), asks(), BIG),
        ((engine(SMALL), engine(disk=(BIG,))), asks(may_substitute=False), BIG),
        ((engine("qwen3-coder:30b"), engine(disk=(BIG,))), asks(), BIG),
        ((engine(SMALL, context=1024), engine(disk=(BIG,))), asks(num_ctx=4096), BIG),
        ((engine(SMALL, context=None), engine(disk=(BIG,))), asks(), BIG),
        (
            (engine(SMALL), engine("phi4:14b"), engine(disk=(BIG,))),
            asks(fallbacks=(normalise("phi4:14b"),)),
            "phi4:14b",
        ),
        (
            (engine(SMALL), engine(disk=(BIG, "phi4:14b"))),
            asks(fallbacks=(normalise("phi4:14b"),)),
            SMALL,
        ),
    ],
    ids=[
        "it is loaded",
        "the caller forbids it",
        "another kind",
        "too little context",
        "context unknown",
        "the caller's own fallback first",
        "a cold fallback is no better",
    ],
)
def test_the_order(engines: tuple[Engine, ...], call: Call, expected: str) -> None:
    assert placed(fleet(*engines, allow=True), call).place.model == expected


def test_a_busy_model_is_waited_for_and_not_replaced() -> None:
    desk = fleet(engine(SMALL), engine(BIG), allow=True)
    placed(desk, asks())
    assert told(desk.arrived(asks(id="c2"), 1.0)) == ["c2 held"]


def test_a_full_or_troubled_substitute_is_none() -> None:
    desk = fleet(engine(SMALL), engine(disk=(BIG,)), allow=True)
    placed(desk, a_call("full", SMALL))
    assert placed(desk, asks()).place.model == BIG
    lame = fleet(engine(SMALL), engine(disk=(BIG,)), allow=True)
    lame.fleet.nodes[NodeId("n1")].suspect("broken", 1.0)
    assert placed(lame, asks()).place.model == BIG


@pytest.mark.parametrize(
    ("others", "allow", "expected"),
    [
        ((engine(SMALL), engine(disk=(BIG,))), True, ("n2", SMALL)),
        ((engine(SMALL), engine(disk=(BIG,))), False, ("n3", BIG)),
        ((engine(SMALL),), True, ("n1", BIG)),
        ((engine(SMALL), engine(BIG)), True, ("n3", BIG)),
    ],
    ids=[
        "a loaded substitute rather than a load",
        "a load, where none is allowed",
        "the model itself, where nobody could load it",
        "the model itself, where it is loaded elsewhere",
    ],
)
def test_a_model_in_memory_at_a_troubled_place(
    others: tuple[Engine, ...], allow: bool, expected: tuple[str, str]
) -> None:
    desk = fleet(engine(BIG), *others, allow=allow)
    place = Place(NodeId("n1"), "ollama", normalise(BIG))
    desk.fleet.nodes[place.node_id].trouble(place, 30.0)
    found = placed(desk, asks()).place
    assert (found.node_id, found.model) == expected


def test_a_name_that_nobody_has_is_not_replaced() -> None:
    desk = fleet(engine(SMALL), allow=True, settle_s=0.0)
    assert told(desk.arrived(asks("llama9:8b"), 1.0)) == ["c1 refused 404"]


def test_a_model_that_is_used_much_is_loaded() -> None:
    desk = fleet(engine(SMALL), engine(disk=(BIG,)), allow=True)
    desk.remember_use(normalise(BIG), -HOUR_S, 10)
    assert placed(desk, asks()).place.model == BIG
    desk.remember_use(normalise(SMALL), -HOUR_S, 10)
    assert placed(desk, asks(id="c2")).place.model == SMALL


def test_a_call_that_waits_for_a_cold_model_is_answered_once_another_has_room() -> None:
    desk = fleet(engine(SMALL), engine(disk=(BIG,)), allow=True)
    placed(desk, a_call("on small", SMALL))
    placed(desk, asks(id="loads"))
    assert told(desk.arrived(asks(id="c3"), 1.0)) == ["c3 held"]
    assert told(desk.finished(a_call("on small").id, 2.0)) == ["c3 on n1"]
    assert desk.heard(a_beat("n1", engine(SMALL), seq=2), an_address("n1"), 3.0) == []
