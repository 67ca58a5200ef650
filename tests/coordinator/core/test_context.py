"""Context protection as tables: what is sent, which place is preferred, how long a prompt is."""

from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st
from msgspec.structs import replace

from coordinator.core import context
from coordinator.core.protection import Protection, describe
from tests.fakes.builders import a_call, a_candidate, a_long_call

K = 1024

STRIP: list[tuple[dict[str, Any], str, int | None]] = [
    # What the call and the place say -> action, num_ctx to send.
    # Loaded with 8k; the node's default is the same.
    ({"loaded": 8 * K, "default": 8 * K}, "leave", None),
    ({"loaded": 8 * K, "default": 8 * K, "asked": 8 * K}, "leave", None),
    ({"loaded": 8 * K, "default": 8 * K, "asked": 4 * K}, "pin", 8 * K),
    ({"loaded": 8 * K, "default": 8 * K, "asked": 1}, "pin", 8 * K),
    # ... and it is another, or unknown: saying nothing would reload too.
    ({"loaded": 8 * K, "default": 4 * K}, "pin", 8 * K),
    ({"loaded": 8 * K, "default": 32 * K}, "pin", 8 * K),
    ({"loaded": 8 * K}, "pin", 8 * K),
    # A default above what the model can do is what it can do.
    ({"loaded": 8 * K, "default": 32 * K, "maximum": 8 * K}, "leave", None),
    # More than is loaded: the caller's word goes on, as far as the model goes.
    ({"loaded": 8 * K, "default": 8 * K, "asked": 16 * K}, "reload", None),
    ({"loaded": 8 * K, "asked": 16 * K, "maximum": 32 * K}, "reload", None),
    ({"loaded": 8 * K, "asked": 16 * K, "maximum": 8 * K}, "pin", 8 * K),
    ({"loaded": 4 * K, "asked": 16 * K, "maximum": 8 * K}, "limit", 8 * K),
    # Nothing is loaded: the caller's word, else the default.
    ({"default": 4 * K}, "leave", None),
    ({}, "leave", None),
    ({"default": 4 * K, "asked": 16 * K}, "leave", None),
    ({"asked": 2 * K}, "leave", None),
    # The prompt needs more than that: the next power of two with room for an answer.
    ({"loaded": 8 * K, "default": 8 * K, "estimated": 8 * K}, "leave", None),
    ({"loaded": 8 * K, "default": 8 * K, "estimated": 9000}, "enlarge", 16 * K),
    ({"loaded": 8 * K, "estimated": 9000, "asked": 4 * K}, "enlarge", 16 * K),
    ({"loaded": 8 * K, "estimated": 9000, "asked": 16 * K}, "reload", None),
    ({"loaded": 8 * K, "estimated": 9000, "maximum": 12_000}, "enlarge", 12_000),
    ({"loaded": 8 * K, "default": 8 * K, "estimated": 9000, "maximum": 8 * K}, "leave", None),
    ({"default": 4 * K, "estimated": 5000}, "enlarge", 8 * K),
    ({"default": 4 * K, "estimated": 5000, "asked": 4 * K}, "enlarge", 8 * K),
    ({"estimated": 4000}, "leave", None),
    ({"estimated": 5000}, "enlarge", 8 * K),
    # The fleet's own choice: where the call says nothing, and less is loaded or nothing.
    ({"default": 32 * K, "override": 8 * K}, "override", 8 * K),
    ({"default": 8 * K, "override": 8 * K}, "leave", None),
    ({"default": 32 * K, "override": 8 * K, "asked": 4 * K}, "leave", None),
    ({"default": 32 * K, "override": 8 * K, "estimated": 9000}, "enlarge", 16 * K),
    ({"loaded": 4 * K, "override": 8 * K}, "override", 8 * K),
    ({"loaded": 32 * K, "default": 32 * K, "override": 8 * K}, "leave", None),
    ({"loaded": 32 * K, "default": 8 * K, "override": 8 * K}, "pin", 32 * K),
    ({"default": 4 * K, "override": 64 * K, "maximum": 8 * K}, "override", 8 * K),
]


@pytest.mark.parametrize(("given", "action", "num_ctx"), STRIP)
def test_strip(given: dict[str, Any], action: str, num_ctx: int | None) -> None:
    made = context.protect("strip", **({"asked": None} | given))
    assert (made.action, made.num_ctx) == (action, num_ctx), made
    if action != "leave" and made.context:
        assert made.context >= given.get("loaded", 0), "what is loaded is never made smaller"


@pytest.mark.parametrize(("given", "action", "num_ctx"), STRIP)
def test_passthrough_and_warn_touch_nothing(given: dict[str, Any], action: str, num_ctx: int | None) -> None:
    arguments: dict[str, Any] = {"asked": None, "most": 10**6} | given
    assert context.protect("passthrough", **arguments).action == "leave"
    warned = context.protect("warn", **arguments)
    assert (warned.action == "warn") == (num_ctx is not None), "wherever it would have been touched"
    for made in (context.protect("passthrough", **arguments), warned):
        assert (made.num_ctx, made.whole_prompt, made.changes) == (None, False, False)


@pytest.mark.parametrize(
    ("given", "warns"),
    [
        ({"loaded": 8 * K, "default": 8 * K}, False),
        ({"loaded": 8 * K, "default": 4 * K}, True),
        ({"loaded": 8 * K, "asked": 4 * K}, True),
        ({"loaded": 8 * K, "asked": 8 * K}, False),
        ({"default": 4 * K, "estimated": 4000, "most": 16_000}, False),
        ({"default": 4 * K, "estimated": 5000, "most": 20_000}, True),
    ],
)
def test_warn_speaks_only_where_something_may_be_lost(given: dict[str, Any], warns: bool) -> None:
    assert (context.protect("warn", **({"asked": None} | given)).action == "warn") == warns


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ({"loaded": 8 * K, "default": 8 * K, "most": 8 * K}, False),
        ({"loaded": 8 * K, "default": 8 * K, "most": 8 * K + 1}, True),
        ({"loaded": 8 * K, "default": 8 * K, "most": 16_000, "estimated": 9000}, False),
        ({"most": 4096}, False),
        ({"most": 4097}, True),
        ({"asked": 2048, "most": 3000}, True),
    ],
)
def test_an_engine_is_told_not_to_cut_what_may_not_fit(given: dict[str, Any], whole: bool) -> None:
    assert context.protect("strip", **({"asked": None} | given)).whole_prompt == whole


TOKENS = st.one_of(st.none(), st.integers(1, 2**18))


@any_of(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, st.integers(0, 2**18), st.integers(0, 2**20))
def test_whatever_is_asked(
    asked: int | None,
    loaded: int | None,
    default: int | None,
    maximum: int | None,
    override: int | None,
    estimated: int,
    most: int,
) -> None:
    if loaded and maximum:
        loaded = min(loaded, maximum)  # no engine loads more
    made = context.protect(
        "strip",
        asked=asked,
        estimated=estimated,
        most=most,
        loaded=loaded,
        default=default,
        maximum=maximum,
        override=override,
    )
    said = made.num_ctx if made.num_ctx is not None else asked
    will = said if said is not None else default
    has = min(will, maximum) if will and maximum else will
    assert made.context == has, "what is told is what the engine will do"
    if loaded is not None:
        assert made.context is not None
        assert made.context >= loaded
        if max(asked or 0, estimated, override if asked is None and override else 0) <= loaded:
            assert made.context == loaded, "no reload"
    if has is not None and estimated > has:
        assert has == maximum, "only the model's own limit keeps a prompt from its context"
    if has is not None and most > has:
        assert made.whole_prompt


RANKS: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    # The call, the place -> rank.
    ({}, {"context_length": 4 * K}, 0),
    ({}, {}, 0),
    ({"num_ctx": 16 * K}, {"context_length": 8 * K}, 1),
    ({"num_ctx": 16 * K}, {"context_length": 32 * K}, 0),
    ({"num_ctx": 16 * K}, {"context_length": None, "loaded": False}, 0),
    ({"num_ctx": 16 * K}, {"context_length": 8 * K, "max_context": 8 * K}, 0),
    ({"num_ctx": 16 * K}, {"context_length": 8 * K, "max_context": 16 * K}, 1),
    ({"estimated_tokens": 9000}, {"context_length": 8 * K}, 1),
    ({"estimated_tokens": 9000}, {"context_length": 8 * K, "max_context": 8 * K}, 2),
    ({"estimated_tokens": 9000}, {"context_length": None, "max_context": 8 * K}, 2),
    ({"estimated_tokens": 9000, "operation": "embed"}, {"context_length": 2 * K}, 0),
    ({"num_ctx": 16 * K}, {"context_length": 8 * K, "fixed_context": True}, 2),
    ({"num_ctx": 4 * K}, {"context_length": 8 * K, "fixed_context": True}, 0),
    ({"num_ctx": 16 * K}, {"context_length": None, "fixed_context": True}, 0),
]


@pytest.mark.parametrize(("asked", "place", "expected"), RANKS)
def test_rank(asked: dict[str, Any], place: dict[str, Any], expected: int) -> None:
    candidate = replace(a_candidate(), **place)
    assert context.rank(candidate, a_call(**asked)) == expected


def test_the_lowest_rank_is_preferred() -> None:
    small, large = a_candidate("small", context_length=8 * K), a_candidate("large", context_length=32 * K)
    call = a_call(num_ctx=16 * K)
    assert context.preferred([small, large], call) == [large]
    assert context.preferred([small], call) == [small]
    assert context.preferred([small, large], a_call()) == [small, large]
    assert context.preferred([], call) == []


def test_calls_that_need_alike_stand_in_one_line() -> None:
    buckets = [context.bucket(tokens) for tokens in (0, 1, 2048, 2049, 4096, 4097)]
    assert buckets == [0, 0, 0, 2304, 4096, 4608]


def test_an_engine_with_a_fixed_context_is_told_nothing() -> None:
    fixed = replace(a_candidate(context_length=8 * K), fixed_context=True)
    made = context.on(fixed, a_long_call(100_000, num_ctx=4 * K), "strip")
    assert (made.action, made.changes, made.context) == ("leave", False, 8 * K)


def test_inputs_of_embeddings_may_be_cut() -> None:
    call = replace(a_long_call(100_000), operation="embed", estimated_tokens=25_000)
    made = context.on(a_candidate(context_length=8 * K), call, "strip")
    assert (made.action, made.num_ctx, made.whole_prompt) == ("pin", 8 * K, False)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Protection(), ""),
        (Protection(action="pin", num_ctx=8192, loaded=8192), "pinned=8192"),
        (Protection(action="pin", num_ctx=8192, loaded=8192, asked=4096), "pinned=8192; asked=4096"),
        (Protection(action="enlarge", num_ctx=16384, loaded=8192), "enlarged=16384; loaded=8192"),
        (
            Protection(action="reload", context=16384, asked=16384, loaded=8192),
            "reload=16384; asked=16384; loaded=8192",
        ),
        (Protection(action="limit", num_ctx=8192, asked=16384), "limited=8192; asked=16384"),
        (Protection(action="override", num_ctx=8192, whole_prompt=True), "override=8192; truncate=false"),
        (Protection(action="warn", asked=4096, loaded=8192), "unprotected; asked=4096; loaded=8192"),
    ],
)
def test_it_is_told(made: Protection, text: str) -> None:
    assert describe(made) == text
