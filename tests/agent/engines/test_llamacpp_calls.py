"""How calls are carried to llama.cpp: plain values."""

from typing import Any

import msgspec
import pytest

from agent.engines.engine import EngineError
from agent.engines.llamacpp_calls import carriage, true_fault

CHAT = "/v1/chat/completions"


def event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def piece(delta: dict[str, object], index: int = 0, **more: object) -> bytes:
    return event(
        {
            "choices": [{"index": index, "delta": delta, "finish_reason": None, **more}],
            "id": "a",
            "model": "m",
        }
    )


def end(reason: str, index: int = 0) -> bytes:
    return event({"choices": [{"index": index, "delta": {}, "finish_reason": reason}], "id": "a"})


def put_together(stream: bytes, body: bytes = b'{"model":"m"}', path: str = CHAT) -> dict[str, Any]:
    carried = carriage(path, body)
    assert carried is not None
    for at in range(0, len(stream), 7):
        assert carried.feed(stream[at : at + 7]) == b""
    decoded: dict[str, Any] = msgspec.json.decode(carried.finish())
    return decoded


def test_a_whole_answer_is_asked_for_as_a_stream_and_nothing_else_changes() -> None:
    carried = carriage(CHAT, b'{"model":"m","temperature":1.0e0,"stream":false,"x":"\\u00e9"}')
    assert carried is not None
    assert carried.content_type == "application/json; charset=utf-8"
    sent = msgspec.json.decode(carried.body, type=dict[str, msgspec.Raw])
    assert bytes(sent["temperature"]) == b"1.0e0"
    assert bytes(sent["x"]) == b'"\\u00e9"'
    assert bytes(sent["stream"]) == bytes(sent["return_progress"]) == b"true"
    assert bytes(sent["stream_options"]) == b'{"include_usage":true}'


@pytest.mark.parametrize(
    "body", [b"nonsense", b"[]", b'{"stream":"yes"}', b"\xff", b'{"return_progress":true}']
)
def test_a_call_that_the_engine_shall_judge_itself_goes_as_it_is(body: bytes) -> None:
    assert carriage(CHAT, body) is None


def test_an_event_that_nests_without_end_is_the_engines_fault() -> None:
    with pytest.raises(EngineError, match="nonsense"):
        put_together(b"data: {" + b'"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n")


def test_text_is_joined_and_the_rest_kept() -> None:
    usage = {"completion_tokens": 2}
    stream = (
        piece({"role": "assistant", "content": None})
        + event({"choices": [], "prompt_progress": {"total": 3}, "timings": {"prompt_n": 0}})
        + piece({"content": " Hel"}, logprobs={"content": [{"token": " Hel"}]})
        + b": keep-alive\n\n"
        + piece({"content": "lo", "reasoning_content": "hm"}, logprobs={"content": [{"token": "lo"}]})
        + end("stop")
        + event({"choices": [], "usage": usage, "timings": {"prompt_n": 3}})
        + b"data: [DONE]\n\n"
    )
    assert put_together(stream) == {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": {"content": [{"token": " Hel"}, {"token": "lo"}]},
                "message": {"role": "assistant", "content": " Hello", "reasoning_content": "hm"},
            }
        ],
        "id": "a",
        "model": "m",
        "object": "chat.completion",
        "usage": usage,
        "timings": {"prompt_n": 3},
    }


def test_tool_calls_are_joined_by_their_index() -> None:
    def call(index: int, **function: str) -> dict[str, object]:
        return {"tool_calls": [{"index": index, "function": function}]}

    stream = (
        piece({"role": "assistant", "content": None})
        + piece(
            {
                "tool_calls": [
                    {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{"}}
                ]
            }
        )
        + piece(call(0, arguments='"a":'))
        + piece(call(1, name="g", arguments="{}"))
        + piece(call(0, arguments="1}"))
        + end("tool_calls")
    )
    message = put_together(stream)["choices"][0]["message"]
    assert message["tool_calls"] == [
        {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"function": {"name": "g", "arguments": "{}"}},
    ]


def test_several_choices_and_plain_completions() -> None:
    def text(index: int, words: str, reason: str | None) -> bytes:
        return event(
            {
                "choices": [{"index": index, "text": words, "finish_reason": reason}],
                "object": "text_completion",
            }
        )

    answer = put_together(
        text(1, "b", None) + text(0, "a", None) + text(0, "", "stop") + text(1, "c", "length"),
        path="/v1/completions",
    )
    assert [(each["text"], each["finish_reason"]) for each in answer["choices"]] == [
        ("a", "stop"),
        ("bc", "length"),
    ]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        piece({"content": "a"}),
        piece({"content": "a"}, 1) + end("stop"),
        event({"error": {"message": "no"}}),
        b"data: {\n\n",
    ],
)
def test_an_answer_that_is_not_complete_is_none(stream: bytes) -> None:
    with pytest.raises(EngineError):
        put_together(stream)


def test_a_stream_loses_its_progress_events_only() -> None:
    carried = carriage(CHAT, b'{"stream":true}')
    assert carried is not None
    told = piece({"content": 'the word "prompt_progress" is harmless'}) + end("stop") + b"data: [DONE]\n\n"
    progress = event({"choices": [{"delta": {"role": "assistant"}}], "prompt_progress": {"total": 9}})
    stream = progress + told + progress
    fed = b"".join(carried.feed(stream[at : at + 5]) for at in range(0, len(stream), 5))
    assert fed + carried.finish() == told
    assert carried.content_type is None


@pytest.mark.parametrize(
    ("status", "body", "true"),
    [
        (500, b'{"error":{"message":"input (9 tokens) is too large to process."}}', 400),
        (500, b'{"error":{"message":"image input is not supported"}}', 400),
        (500, b'{"error":{"message":"boom"}}', 500),
        (501, b"is not supported", 501),
    ],
)
def test_a_callers_fault_is_not_the_engines(status: int, body: bytes, true: int) -> None:
    assert true_fault(status, body)[0] == true


@pytest.mark.parametrize(
    ("status", "error", "true"),
    [
        (
            500,
            {"code": 500, "message": "Failed to parse tools: [x]", "type": "server_error"},
            (400, "invalid_request_error"),
        ),
        (
            400,
            {"code": 400, "message": "too long", "type": "exceed_context_size_error", "n_ctx": 64},
            (400, "exceed_context_size_error"),
        ),
        (500, {"code": 500, "message": "boom", "type": "server_error"}, (500, "server_error")),
        (404, {"message": "nobody"}, (404, "invalid_request_error")),
    ],
)
def test_an_errors_body_says_what_its_status_says(
    status: int, error: dict[str, Any], true: tuple[int, str]
) -> None:
    answered, body = true_fault(status, msgspec.json.encode({"error": error}))
    told = msgspec.json.decode(body)["error"]
    assert (answered, told["type"]) == true
    assert told == error | {"param": None, "code": answered, "type": true[1]}
    assert {"message", "type", "param", "code"} <= set(told)


@pytest.mark.parametrize("body", [b"", b"busy", b'{"error":"text"}', b"[" * 9999, b"\xff", b'{"error":{}}'])
def test_an_error_in_another_form_is_passed_on_as_it_is(body: bytes) -> None:
    assert true_fault(500, body) == (500, body)
