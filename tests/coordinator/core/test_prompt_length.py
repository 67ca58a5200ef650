"""How long a prompt is: what is known before it is sent, and what engines say of it."""

from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.core import context
from shared.errors import ContextExceeded, NodeFailure
from tests.fakes.builders import a_call, a_candidate, a_long_call

K = 1024


def test_a_caller_may_let_its_prompt_be_cut() -> None:
    call = replace(a_long_call(400_000), may_cut=True)
    made = context.on(a_candidate(context_length=8 * K), call, "strip")
    assert (made.action, made.num_ctx, made.whole_prompt) == ("pin", 8 * K, False)
    assert context.measured(call, "strip", lambda _: 8.0).least_tokens == 0
    assert context.rank(replace(a_candidate(context_length=8 * K), max_context=8 * K), call) == 0


def test_the_least_is_known_before_a_call_is_refused() -> None:
    call = a_long_call(80_000)
    assert context.measured(call, "strip", lambda _: 8.0).least_tokens == 10_000
    assert context.measured(call, "strip", lambda _: 5.0).least_tokens == 16_000
    assert context.measured(call, "warn", lambda _: 8.0).least_tokens == 0
    assert context.measured(replace(call, operation="embed"), "strip", lambda _: 8.0).least_tokens == 0


def test_the_most_is_a_token_a_byte() -> None:
    assert context.most_tokens(a_call()) == 0
    assert context.most_tokens(a_long_call(1000)) == 1000 + context.TEMPLATE_TOKENS
    assert context.most_tokens(replace(a_long_call(1000), dialect="openai")) == 500 + context.TEMPLATE_TOKENS


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
    error = context.completed(told, a_long_call(40_000), 8192)
    assert (
        str(error) == "the prompt is too long: it has about 10000 tokens, the largest context is 8192 tokens"
    )
    assert (error.status, error.code, error.kind) == (400, "context_length_exceeded", "invalid_request_error")
    other = NodeFailure("it broke")
    assert context.completed(other, a_long_call(1), 1) is other
    counted = context.too_long(9000, 8192, counted=True)
    assert context.completed(counted, a_long_call(1), 1) is counted
    assert "it has 9000 tokens" in str(counted)


def test_what_an_engine_counted_is_known_from_then_on() -> None:
    call = a_long_call(4000)
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
    assert context.cut(a_long_call(chars), loaded, prompt_tokens) == expected
    assert not context.cut(replace(a_long_call(chars), operation="embed"), loaded, prompt_tokens)
