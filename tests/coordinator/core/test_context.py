"""Context protection as tables: what is sent, which place is preferred, how long a prompt is."""

from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.core import context
from coordinator.core.call import Call
from coordinator.core.protection import Protection, describe
from shared.errors import ContextExceeded, NodeFailure
from tests.fakes.builders import a_call, a_candidate

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
    ({"loaded": 4 * K, "asked": 16 * K, "maximum": 8 * K}, "enlarge", 8 * K),
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
    assert warned.action == "warn", "the prompt may be cut"
    for made in (context.protect("passthrough", **arguments), warned):
        assert (made.num_ctx, made.whole_prompt, made.changes) == (None, False, False)


@pytest.mark.parametrize(
    ("given", "warns"),
    [
        ({"loaded": 8 * K, "default": 8 * K}, False),
        ({"loaded": 8 * K, "default": 4 * K}, True),
        ({"loaded": 8 * K, "asked": 4 * K}, True),
        ({"loaded": 8 * K, "asked": 8 * K}, False),
        ({"default": 4 * K, "estimated": 3000, "most": 4000}, False),
        ({"default": 4 * K, "estimated": 3000, "most": 5000}, True),
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
    buckets = [context.bucket(a_call(num_ctx=tokens)) for tokens in (None, 1, 2048, 2049, 4096, 4097)]
    assert buckets == [0, 0, 0, 4096, 4096, 8192]


def test_an_engine_with_a_fixed_context_is_told_nothing() -> None:
    fixed = replace(a_candidate(context_length=8 * K), fixed_context=True)
    made = context.on(fixed, _long(100_000, num_ctx=4 * K), "strip")
    assert (made.action, made.changes, made.context) == ("leave", False, 8 * K)


def test_inputs_of_embeddings_may_be_cut() -> None:
    call = replace(_long(100_000), operation="embed", estimated_tokens=25_000)
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
        (Protection(action="override", num_ctx=8192, whole_prompt=True), "override=8192; truncate=false"),
        (Protection(action="warn", asked=4096, loaded=8192), "unprotected; asked=4096; loaded=8192"),
    ],
)
def test_it_is_told(made: Protection, text: str) -> None:
    assert describe(made) == text


# How long a prompt is


def _long(chars: int, **more: Any) -> Call:
    call = a_call(estimated_tokens=chars // 4, **more)
    return replace(call, prompt_chars=chars, prompt_bytes=chars)


def test_the_least_is_known_before_a_call_is_refused() -> None:
    call = _long(80_000)
    assert context.measured(call, "strip", lambda _: 8.0).least_tokens == 10_000
    assert context.measured(call, "strip", lambda _: 5.0).least_tokens == 16_000
    assert context.measured(call, "warn", lambda _: 8.0).least_tokens == 0
    assert context.measured(replace(call, operation="embed"), "strip", lambda _: 8.0).least_tokens == 0


def test_the_most_is_a_token_a_byte() -> None:
    assert context.most_tokens(a_call()) == 0
    assert context.most_tokens(_long(1000)) == 1000 + context.TEMPLATE_TOKENS
    assert context.most_tokens(replace(_long(1000), dialect="openai")) == 500 + context.TEMPLATE_TOKENS


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (
            b'{"error":"{\\"error\\":{\\"message\\":\\"request (8889 tokens) exceeds the available context size'
            b' (4096 tokens)\\",\\"type\\":\\"exceed_context_size_error\\",'
            b'\\"n_prompt_tokens\\":8889,\\"n_ctx\\":4096}}"}',
            (8889, 4096, True),
        ),
        (
            b'{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":30,"n_ctx":20}}',
            (30, 20, True),
        ),
        (b'{"error":"the input length exceeds the context length"}', (0, 0, False)),
        (
            b'{"error":"the prompt is longer than the context length currently available to the model"}',
            (0, 0, False),
        ),
        (b'{"error":"illegal base64 data at input byte 0"}', None),
        (b'{"error":"\\"m\\" does not support tools"}', None),
        (b"\xff\xfe", None),
    ],
)
def test_what_engines_say_of_a_prompt_that_is_too_long(body: bytes, numbers: Any) -> None:
    told = context.overflow_told(body)
    assert (told and (told.tokens, told.context, told.counted)) == numbers


def test_both_numbers_are_named() -> None:
    told = context.overflow_told(b'{"error":"the input length exceeds the context length"}')
    assert told is not None
    error = context.completed(told, _long(40_000), 8192)
    assert (
        str(error) == "the prompt is too long: it has about 10000 tokens, the largest context is 8192 tokens"
    )
    assert (error.status, error.code, error.kind) == (400, "context_length_exceeded", "invalid_request_error")
    other = NodeFailure("it broke")
    assert context.completed(other, _long(1), 1) is other
    counted = context.too_long(9000, 8192, counted=True)
    assert context.completed(counted, _long(1), 1) is counted
    assert "it has 9000 tokens" in str(counted)


def test_what_an_engine_counted_is_known_from_then_on() -> None:
    call = _long(4000)
    error = ContextExceeded("", tokens=5000, context=4096, counted=True)
    again = context.counted(call, error)
    assert (again.least_tokens, again.estimated_tokens) == (5000, 5000)
    assert context.counted(again, error) is again, "no news"
    assert context.counted(call, ContextExceeded("", tokens=5000, context=4096)) is call, "an estimate"
    assert context.counted(call, NodeFailure("")) is call


@pytest.mark.parametrize(
    ("chars", "loaded", "prompt_tokens", "expected"),
    [
        (1000, 4096, 250, False),
        (40_000, 4096, 4096, True),
        (40_000, 4096, 4095, True),
        (40_000, 4096, 2050, True),  # newer ones keep about half of the window
        (16_000, 4096, 12, False),  # the rest was found in a cache
        (40_000, 16_384, 9500, False),
        (40_000, 4096, None, False),
        (40_000, None, 4096, False),
    ],
)
def test_a_cut_is_seen_in_the_engines_own_count(
    chars: int, loaded: int | None, prompt_tokens: int | None, expected: bool
) -> None:
    assert context.cut(_long(chars), loaded, prompt_tokens) == expected
    assert not context.cut(replace(_long(chars), operation="embed"), loaded, prompt_tokens)
