"""Whatever fleet and call: who answers instead of whom, by rules that are told a second time here."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.core.call import Call, Placed
from coordinator.core.categories import category_of
from coordinator.core.limits import Limits
from shared.names import NodeId
from shared.wire import Engine
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, a_replica, an_engine

MODELS = ("a:8b", "b:70b", "c:14b", "code-d:7b")
ALL = ("chat", "tools", "thinking")
ABILITIES: tuple[tuple[str, ...], ...] = ((), ("chat",), ("chat", "tools"), ("embedding",), ALL, ALL, ALL)
CONTEXTS = (None, 2048, 8192, 8192, 8192)


@st.composite
def engines(draw: st.DrawFn) -> Engine:
    states = {name: draw(st.sampled_from(["loaded", "on disk", "absent"])) for name in MODELS}
    states["a:8b"] = draw(st.sampled_from(["on disk", "on disk", "loaded"]))
    models = [
        a_model(name, gib=1.0, abilities=draw(st.sampled_from(ABILITIES)))
        for name, state in states.items()
        if state != "absent"
    ]
    replicas = [
        a_replica(name, context=draw(st.sampled_from(CONTEXTS)))
        for name, state in states.items()
        if state == "loaded"
    ]
    return an_engine(*models, replicas=replicas)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    call = a_call(
        "c",
        draw(st.sampled_from(["a:8b", "a:8b", *MODELS])),
        fallbacks=draw(st.sampled_from([(), (), (), ("code-d:7b",), ("a:8b", "b:70b")])),
        abilities=draw(st.sampled_from([("chat",), ("chat",), ("chat", "tools"), ("embedding",)])),
        num_ctx=draw(st.sampled_from([None, None, 4096])),
        estimated_tokens=draw(st.sampled_from([10, 10, 4000])),
    )
    return msgspec.structs.replace(
        call,
        may_substitute=draw(st.sampled_from([None, True, True, False])),
        asks_thinking=draw(st.sampled_from([False, False, True])),
    )


SUBSTITUTED: list[str] = []


@settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(fleet=st.lists(engines(), min_size=1, max_size=3), call=calls(), on=st.booleans())
def check(fleet: list[Engine], call: Call, on: bool) -> None:
    nodes = {NodeId(f"n{number}"): engine for number, engine in enumerate(fleet)}
    beats = [a_beat(name, engine) for name, engine in nodes.items()]
    decision = a_desk(*beats, limits=Limits(substitute=on)).arrived(call, 1.0)[0]
    if not isinstance(decision, Placed):
        return
    placement = decision.placement
    served = placement.place.model
    assert placement.fallback == (served != call.model)
    if served in call.models:
        return
    SUBSTITUTED.append(served)
    engine = nodes[placement.place.node_id]
    replica = next(each for each in engine.replicas if each.model == served)
    able = next(each for each in engine.models if each.name == served).abilities
    assert on if call.may_substitute is None else call.may_substitute
    assert category_of(served) == category_of(call.model)
    assert call.abilities <= able
    assert "thinking" in able or not call.asks_thinking
    assert replica.context_length is not None
    assert replica.context_length >= max(call.num_ctx or 0, call.estimated_tokens)
    assert not any(
        each.model in call.models and _may(engine, each.model, call)
        for engine in fleet
        for each in engine.replicas
    ), "one that the caller named is loaded"


def test_a_substitute_is_allowed_able_loaded_and_of_the_same_kind() -> None:
    SUBSTITUTED.clear()
    check()
    assert len(SUBSTITUTED) >= 5, "else nothing was shown"


def _may(engine: Engine, name: str, call: Call) -> bool:
    able = next(each for each in engine.models if each.name == name).abilities
    return not able or call.abilities <= able
