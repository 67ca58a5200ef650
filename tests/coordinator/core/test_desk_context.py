"""The Desk and contexts: which node gets a call, what it is sent, and a prompt that fits nowhere."""

import pytest
from msgspec.structs import replace

from coordinator.core.call import Call, Held, Placed, Refused
from coordinator.core.densities import ENOUGH, GENERATION, Densities
from coordinator.core.expected_contexts import ExpectedContexts
from coordinator.core.limits import Limits
from coordinator.core.protection import Mode
from shared.errors import ContextExceeded, NodeFailure
from shared.names import CallId, normalise
from shared.wire import Engine
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, a_model, a_replica, an_engine, told

K = 1024
NAME = normalise(MODEL)


def an_ollama(
    *, loaded: int | None = None, default: int | None = None, maximum: int | None = None, slots: int = 1
) -> Engine:
    model = replace(a_model(), max_context=maximum)
    replicas = [a_replica(context=loaded, slots=slots)] if loaded else []
    return replace(an_engine(model, replicas=replicas, slots=slots), default_context=default)


def a_llamacpp(loaded: int) -> Engine:
    return replace(
        an_engine(a_model(), replicas=[a_replica(context=loaded)], name="embedded"),
        kind="llama.cpp",
        dialects=frozenset({"openai"}),
    )


def a_long_call(call_id: str, tokens: int) -> Call:
    return replace(a_call(call_id, estimated_tokens=tokens), prompt_chars=4 * tokens, prompt_bytes=4 * tokens)


def limits(mode: Mode = "strip") -> Limits:
    return Limits(context_protection=mode)


def test_the_call_goes_to_the_node_that_has_the_context() -> None:
    desk = a_desk(
        a_beat("small", an_ollama(loaded=8 * K, default=8 * K)),
        a_beat("large", an_ollama(loaded=32 * K, default=8 * K)),
    )
    (decision,) = desk.arrived(a_call("c1", num_ctx=16 * K), 1.0)
    assert isinstance(decision, Placed)
    made = decision.placement.protection
    assert decision.placement.place.node_id == "large"
    assert (made.action, made.num_ctx) == ("pin", 32 * K)


def test_it_waits_for_that_node_and_reloads_another_at_the_end_of_its_waiting() -> None:
    desk = a_desk(
        a_beat("small", an_ollama(loaded=8 * K, default=8 * K)),
        a_beat("large", an_ollama(loaded=32 * K, default=8 * K)),
    )
    assert told(desk.arrived(a_call("c1", num_ctx=16 * K), 1.0)) == ["c1 on large"]
    (held,) = desk.arrived(a_call("c2", num_ctx=16 * K), 2.0)
    assert isinstance(held, Held)
    assert told(desk.arrived(a_call("c3"), 3.0)) == ["c3 on small"], "nobody waits behind it in vain"
    assert told(desk.finished(CallId("c3"), 4.0)) == []
    for beat in range(2, 7):
        desk.heard(a_beat("small", an_ollama(loaded=8 * K), seq=beat), "http://small:11436", 5.0 * beat)
        desk.heard(a_beat("large", an_ollama(loaded=32 * K), seq=beat), "http://large:11436", 5.0 * beat)
        assert desk.expired(5.0 * beat) == []
    (placed,) = desk.expired(33.0)
    assert isinstance(placed, Placed)
    assert placed.placement.place.node_id == "small"
    assert placed.placement.protection.action == "reload"


def test_a_load_that_is_under_way_is_known_before_any_beat_tells() -> None:
    engine = an_ollama(default=4 * K, slots=4)
    desk = a_desk(a_beat("n1", engine))
    (first,) = desk.arrived(a_call("c1", num_ctx=16 * K), 1.0)
    (second,) = desk.arrived(a_call("c2"), 1.1)
    assert isinstance(first, Placed)
    assert isinstance(second, Placed)
    assert first.placement.protection.num_ctx is None
    assert second.placement.protection.num_ctx == 16 * K, "saying nothing would reload it with the default"
    desk.heard(a_beat("n1", engine, seq=2), "http://n1:11436", 5.0)
    (third,) = desk.arrived(a_call("c3"), 6.0)
    assert isinstance(third, Placed)
    assert third.placement.protection.num_ctx == 16 * K, "it is still being loaded"


def test_what_is_expected_ends_with_the_calls_that_it_came_from() -> None:
    contexts: ExpectedContexts[str] = ExpectedContexts()
    contexts.expect("m", 16 * K)
    contexts.expect("other", None)
    assert (contexts.get("m", 4 * K), contexts.get("other", 4 * K)) == (16 * K, 4 * K)
    contexts.heard(lambda _: 4 * K, lambda _: 1)
    assert contexts.get("m", 4 * K) == 16 * K
    contexts.heard(lambda _: 4 * K, lambda _: 0)
    assert contexts.get("m", 4 * K) == 16 * K, "that beat may be older than the end of the call"
    contexts.heard(lambda _: 4 * K, lambda _: 0)
    assert contexts.get("m", 4 * K) == 4 * K
    contexts.expect("m", 16 * K)
    contexts.heard(lambda _: 16 * K, lambda _: 1)
    assert contexts.get("m", 32 * K) == 32 * K, "confirmed: from here on the beats tell"


def test_a_load_that_failed_is_not_expected() -> None:
    desk = a_desk(a_beat("n1", an_ollama(loaded=4 * K, default=4 * K, slots=4)), limits=Limits(retries=0))
    assert told(desk.arrived(a_call("c1", num_ctx=16 * K), 1.0)) == ["c1 on n1"]
    desk.failed(CallId("c1"), NodeFailure("no memory"), 2.0)
    (placed,) = desk.arrived(a_call("c2"), 3.0)
    assert isinstance(placed, Placed)
    assert placed.placement.protection.action == "leave"


def test_a_model_that_runs_elsewhere_is_left_alone() -> None:
    model = a_model("big:cloud")
    desk = a_desk(a_beat("n1", replace(an_engine(model), default_context=4 * K)))
    call = replace(a_long_call("c1", 40_000), model=normalise("big:cloud"))
    (placed,) = desk.arrived(call, 1.0)
    assert isinstance(placed, Placed)
    assert not placed.placement.protection.changes


def test_a_prompt_that_fits_nowhere_is_refused_with_both_numbers() -> None:
    desk = a_desk(
        a_beat("n1", an_ollama(loaded=8 * K, maximum=8 * K)),
        a_beat("n2", an_ollama(loaded=8 * K, maximum=16 * K)),
        a_beat("n3", a_llamacpp(4 * K)),
    )
    (refused,) = desk.arrived(a_long_call("c1", 40_000), 1.0)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, ContextExceeded)
    assert (
        str(refused.error)
        == "the prompt is too long: it has about 40000 tokens, the largest context is 16384 tokens"
    )
    (tried,) = desk.arrived(a_long_call("c2", 20_000), 2.0)
    assert isinstance(tried, Placed), "the estimate may be wrong by half: the engine is asked"
    assert tried.placement.protection.whole_prompt


@pytest.mark.parametrize("mode", ["warn", "passthrough"])
def test_it_is_not_refused_where_that_was_not_wanted(mode: Mode) -> None:
    desk = a_desk(a_beat("n1", an_ollama(loaded=8 * K, maximum=8 * K)), limits=limits(mode))
    (placed,) = desk.arrived(a_long_call("c1", 40_000), 1.0)
    assert isinstance(placed, Placed)
    assert not placed.placement.protection.changes


def test_an_unknown_maximum_refuses_nothing() -> None:
    desk = a_desk(a_beat("n1", an_ollama(loaded=8 * K)))
    (placed,) = desk.arrived(a_long_call("c1", 40_000), 1.0)
    assert isinstance(placed, Placed)
    assert (placed.placement.protection.action, placed.placement.protection.num_ctx) == ("enlarge", 64 * K)


def test_the_same_node_is_asked_again_with_more_once_it_has_counted() -> None:
    desk = a_desk(a_beat("n1", an_ollama(loaded=4 * K, default=4 * K, maximum=32 * K)))
    assert told(desk.arrived(a_long_call("c1", 3_000), 1.0)) == ["c1 on n1"]
    error = ContextExceeded("too long", tokens=6_000, context=4 * K, counted=True)
    (again,) = desk.failed(CallId("c1"), error, 2.0)
    assert isinstance(again, Placed)
    assert again.placement.protection.num_ctx == 8 * K
    assert again.placement.retries == 0, "no failure of anybody's"
    (ended,) = desk.failed(CallId("c1"), error, 3.0)
    assert isinstance(ended, Refused), "it has nothing new to say"
    assert ended.error is error


def test_a_prompt_that_was_counted_goes_where_it_fits_or_nowhere() -> None:
    desk = a_desk(a_beat("n1", a_llamacpp(4 * K)), a_beat("n2", an_ollama(loaded=4 * K, maximum=4 * K)))
    (first,) = desk.arrived(a_long_call("c1", 3_000), 1.0)
    assert isinstance(first, Placed)
    error = ContextExceeded("too long", tokens=6_000, context=4 * K, counted=True)
    (refused,) = desk.failed(CallId("c1"), error, 2.0)
    assert isinstance(refused, Refused)
    assert refused.error is error


def test_the_fleets_own_choice_is_said_where_the_call_says_nothing() -> None:
    desk = a_desk(a_beat("n1", an_ollama(default=32 * K, slots=4)))
    desk.fleet.overrides = {NAME: 8 * K}
    (first,) = desk.arrived(a_call("c1"), 1.0)
    assert isinstance(first, Placed)
    assert (first.placement.protection.action, first.placement.protection.num_ctx) == ("override", 8 * K)


def test_characters_a_token_are_believed_after_enough_counts() -> None:
    densities = Densities(8.0)
    for _ in range(ENOUGH - 1):
        densities.add(NAME, 4_000, 1_000)
    assert densities.most(NAME) == 8.0
    densities.add(NAME, 4_800, 1_000)
    assert densities.most(NAME) == 4.8 * 1.25
    for chars, tokens in ((100, 100), (4_000, 0), (4_000, None)):
        densities.add(NAME, chars, tokens)
    assert densities.most(NAME) == 4.8 * 1.25, "nothing to be learned from those"
    densities.add(NAME, 80_000, 1_000)
    assert densities.most(NAME) == 8.0, "a count of what was not cached only: no tighter than before"
    for _ in range(2 * GENERATION + 1):
        densities.add(NAME, 4_000, 1_000)
    assert densities.most(NAME) == 5.0, "and forgotten in time"


def test_a_desk_learns_from_what_engines_count() -> None:
    desk = a_desk(a_beat("n1", an_ollama(loaded=8 * K, maximum=8 * K)))
    (before,) = desk.arrived(a_long_call("c1", 10_000), 1.0)
    assert isinstance(before, Placed)
    for _ in range(ENOUGH):
        desk.counted(NAME, 4_000, 1_000)
    (after,) = desk.arrived(a_long_call("c2", 20_000), 2.0)
    assert isinstance(after, Refused)
