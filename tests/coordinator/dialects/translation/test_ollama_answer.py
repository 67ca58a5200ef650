"""An OpenAI engine's answer in Ollama's words, whole and streamed."""

import itertools
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.dialects.translation.ollama_answer import GenerationDecoder
from shared.errors import NodeFailure, StreamBroken

LIMIT = 1 << 16
USAGE = {"usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}
TIMINGS = {"timings": {"prompt_ms": 1.5, "predicted_ms": 20.0}}
DONE = b"data: [DONE]\n\n"
ROLE: dict[str, Any] = {"delta": {"role": "assistant", "content": None}}


def _decoder(*, chat: bool = True) -> GenerationDecoder:
    return GenerationDecoder("as-asked", chat=chat, frame_limit=LIMIT, started_ns=time.monotonic_ns())


def _event(choice: dict[str, Any] | None = None, **more: Any) -> bytes:
    body = {"choices": [{"index": 0, "finish_reason": None} | choice] if choice is not None else [], **more}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _word(text: str) -> bytes:
    return _event({"delta": {"content": text}})


def _finish(reason: str) -> bytes:
    return _event({"delta": {}, "finish_reason": reason})


def _tool(index: int, **function: str) -> bytes:
    return _event({"delta": {"tool_calls": [{"index": index, "function": function}]}})


def _lines(out: bytes) -> list[dict[str, Any]]:
    assert out.endswith(b"\n") or not out
    return [msgspec.json.decode(line) for line in out.splitlines()]


def _stream(*events: bytes, chat: bool = True) -> list[dict[str, Any]]:
    decoder = _decoder(chat=chat)
    return _lines(b"".join(map(decoder.feed, events)) + decoder.finish())


def _steady(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: line[key] for key in line if key not in ("created_at", "total_duration")} for line in lines]


PLAIN = [
    *(_event(ROLE), _word("Hel"), _word("lo ü"), _finish("stop")),
    *(_event(None, **USAGE, **TIMINGS), DONE),
]
TOOLS = [
    *(_event(ROLE), _word("so:"), _tool(0, name="weather", arguments=""), _tool(0, arguments='{"town"')),
    *(_tool(1, name="time", arguments="{}"), _tool(0, arguments=':"x","n":1.5}')),
    *(_finish("tool_calls"), _event(None, **USAGE), DONE),
]


def test_a_whole_chat() -> None:
    choice = {
        "message": {"role": "assistant", "content": "Hello", "reasoning_content": "hm"},
        "finish_reason": "stop",
    }
    answer = msgspec.json.decode(
        _decoder().whole(msgspec.json.encode({"choices": [choice]} | USAGE | TIMINGS))
    )
    assert answer.pop("created_at").endswith("Z")
    assert answer.pop("total_duration") > 0
    assert answer == {
        "model": "as-asked",
        "message": {"role": "assistant", "content": "Hello", "thinking": "hm"},
        "done": True,
        "done_reason": "stop",
        "load_duration": 0,
        "prompt_eval_count": 4,
        "prompt_eval_duration": 1_500_000,
        "eval_count": 2,
        "eval_duration": 20_000_000,
    }


def test_a_whole_generate_from_a_chat_or_a_completion() -> None:
    for choice in ({"message": {"content": "Hello"}}, {"text": "Hello"}):
        body = msgspec.json.encode({"choices": [choice | {"finish_reason": "length"}]} | USAGE)
        answer = msgspec.json.decode(_decoder(chat=False).whole(body))
        assert (answer["response"], answer["done"], answer["done_reason"]) == ("Hello", True, "length")
        assert "message" not in answer


def test_whole_tool_calls_and_logprobs() -> None:
    calls = [{"id": "1", "function": {"name": "f", "arguments": '{"a":[1.5]}'}}, {"function": {"name": "g"}}]
    logprobs = {"content": [{"token": "a", "logprob": -0.25, "top_logprobs": []}]}
    choice = {
        "message": {"content": None, "tool_calls": calls},
        "finish_reason": "tool_calls",
        "logprobs": logprobs,
    }
    answer = msgspec.json.decode(_decoder().whole(msgspec.json.encode({"choices": [choice]})))
    assert answer["message"]["content"] == ""
    assert [call["function"] for call in answer["message"]["tool_calls"]] == [
        {"index": 0, "name": "f", "arguments": {"a": [1.5]}},
        {"index": 1, "name": "g", "arguments": {}},
    ]
    assert [call.get("id") for call in answer["message"]["tool_calls"]] == ["1", None]
    assert answer["logprobs"] == [{"token": "a", "logprob": -0.25}]
    assert answer["done_reason"] == "stop"


def test_logprobs_are_ollamas_own_and_as_many_as_asked() -> None:
    other = {"id": 7, "token": "b", "logprob": -1.50, "bytes": [98]}
    entry = {"id": 5, "token": "a", "logprob": -0.25, "bytes": [97], "top_logprobs": [other, other, other]}
    choice = {"message": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": [entry]}}
    for asked in range(3):
        decoder = GenerationDecoder("m", chat=True, frame_limit=LIMIT, started_ns=0, top_logprobs=asked)
        (told,) = msgspec.json.decode(decoder.whole(msgspec.json.encode({"choices": [choice]})))["logprobs"]
        alternatives = [{"token": "b", "logprob": -1.5, "bytes": [98]}] * asked
        expected = {"token": "a", "logprob": -0.25, "bytes": [97]}
        assert told == (expected | {"top_logprobs": alternatives} if asked else expected)


def test_arguments_that_were_cut_off_are_shown() -> None:
    calls = [{"function": {"name": "f", "arguments": '{"a": "unfin'}}]
    body = msgspec.json.encode({"choices": [{"message": {"tool_calls": calls}, "finish_reason": "length"}]})
    answer = msgspec.json.decode(_decoder().whole(body))
    assert answer["message"]["tool_calls"][0]["function"]["arguments"] == {"raw": '{"a": "unfin'}
    assert answer["done_reason"] == "length"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"<html>",
            b"[]",
            b"null",
            b"{}",
            b'{"choices":[]}',
            b'{"choices":null}',
            b'{"choices":[null]}',
        ),
        *(b'{"choices":{}}', b'{"choices":["x"]}', b'{"choices":[{"message":"x"}]}'),
        *(b'{"choices":[{"message":{"tool_calls":[{}]}}]}', b'{"choices":[{"message":{"tool_calls":7}}]}'),
        *(b'{"choices":[{"text":"x"}],"usage":[1]}', b'{"choices":[{"text":"x"}],"timings":"x"}', b"\xff"),
    ],
)
def test_a_whole_answer_that_is_none_is_the_nodes_failure(body: bytes) -> None:
    with pytest.raises(NodeFailure):
        _decoder().whole(body)


def test_a_streamed_chat() -> None:
    assert _steady(_stream(*PLAIN)) == [
        {"model": "as-asked", "message": {"role": "assistant", "content": "Hel"}, "done": False},
        {"model": "as-asked", "message": {"role": "assistant", "content": "lo ü"}, "done": False},
        {
            **{"model": "as-asked", "message": {"role": "assistant", "content": ""}},
            **{"done": True, "done_reason": "stop", "load_duration": 0},
            **{"prompt_eval_count": 4, "prompt_eval_duration": 1_500_000},
            **{"eval_count": 2, "eval_duration": 20_000_000},
        },
    ]


def test_a_streamed_generate() -> None:
    words = [
        _event({"text": "Hel"}),
        _event({"text": "lo"}),
        _event({"text": "", "finish_reason": "length"}),
        DONE,
    ]
    lines = _stream(*words, chat=False)
    assert [line["response"] for line in lines] == ["Hel", "lo", ""]
    assert [line["done"] for line in lines] == [False, False, True]
    assert lines[-1]["done_reason"] == "length"


def test_streamed_thinking_and_logprobs() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.25}]}
    thought = _event({"delta": {"reasoning_content": "hm"}})
    lines = _stream(thought, _event({"delta": {"content": "a"}, "logprobs": logprobs}), _finish("stop"))
    assert lines[0]["message"] == {"role": "assistant", "content": "", "thinking": "hm"}
    assert lines[1]["logprobs"] == logprobs["content"]
    assert "logprobs" not in lines[0]


def test_tool_calls_in_pieces_come_once_and_whole() -> None:
    lines = _stream(*TOOLS)
    assert [line["message"]["content"] for line in lines] == ["so:", "", ""]
    assert [len(line["message"].get("tool_calls", [])) for line in lines] == [0, 2, 0]
    assert lines[1]["done"] is False
    assert [call["function"] for call in lines[1]["message"]["tool_calls"]] == [
        {"index": 0, "name": "weather", "arguments": {"town": "x", "n": 1.5}},
        {"index": 1, "name": "time", "arguments": {}},
    ]
    assert (lines[-1]["done"], lines[-1]["done_reason"], lines[-1]["eval_count"]) == (True, "stop", 2)


def test_words_after_a_tool_call_do_not_repeat_it() -> None:
    late = [
        _tool(0, name="f", arguments='{"a"'),
        _word("and"),
        _tool(0, arguments=":1}"),
        _finish("tool_calls"),
        DONE,
    ]
    lines = _stream(*late)
    calls = [call for line in lines for call in line["message"].get("tool_calls", [])]
    assert calls == [{"function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]
    assert "".join(line["message"]["content"] for line in lines) == "and"


@pytest.mark.parametrize("events", [PLAIN, TOOLS], ids=["plain", "tools"])
def test_a_cut_at_any_byte_gives_the_same_lines(events: list[bytes]) -> None:
    whole = b"".join(events)
    expected = _steady(_stream(whole))
    for stream in (whole, whole.replace(b"\n", b"\r\n")):
        for at in range(len(stream) + 1):
            assert _steady(_stream(stream[:at], stream[at:])) == expected, at
        assert _steady(_stream(*(stream[at : at + 1] for at in range(len(stream))))) == expected


@given(st.lists(st.integers(0, 2000), max_size=6))
def test_any_cutting_gives_the_same_lines(places: list[int]) -> None:
    whole = b"".join(TOOLS)
    at = sorted({place % len(whole) for place in places} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in itertools.pairwise(at)]
    assert _steady(_stream(*pieces)) == _steady(_stream(whole))


def test_comments_other_fields_and_white_space_are_skipped() -> None:
    noise = b": keep-alive\n\n", b"event: ping\nid: 7\nretry: 10\n\n", b"\n\n", b":\r\n\r\n", b"data:\n\n"
    mixed = [piece for event in PLAIN for piece in (*noise, event)]
    assert _steady(_stream(*mixed)) == _steady(_stream(*PLAIN))
    tight = [event.replace(b"data: ", b"data:") for event in PLAIN]
    assert _steady(_stream(*tight)) == _steady(_stream(*PLAIN))
    commented = [b": x\n" + event for event in PLAIN]
    assert _steady(_stream(*commented)) == _steady(_stream(*PLAIN))


def test_a_stream_may_end_without_done_or_without_its_last_line_end() -> None:
    assert _steady(_stream(*PLAIN[:-1])) == _steady(_stream(*PLAIN))
    assert _steady(_stream(*PLAIN[:-1], DONE.rstrip())) == _steady(_stream(*PLAIN))
    assert _steady(_stream(b"".join(PLAIN[:-1]).rstrip())) == _steady(_stream(*PLAIN))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("end", [b"", DONE, b'data: {"choi'])
def test_a_stream_that_ends_early_is_broken(count: int, end: bytes) -> None:
    decoder = _decoder()
    out = b"".join(map(decoder.feed, PLAIN[:count]))
    assert not any(line["done"] for line in _lines(out))
    with pytest.raises(NodeFailure):
        out += decoder.feed(end) + decoder.finish()
    assert not any(line["done"] for line in _lines(out))
    if not end:
        with pytest.raises(StreamBroken):
            decoder.finish()


def test_an_error_inside_the_stream_is_told() -> None:
    decoder = _decoder()
    decoder.feed(PLAIN[0] + PLAIN[1])
    with pytest.raises(StreamBroken, match="out of memory"):
        decoder.feed(b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n')
    with pytest.raises(StreamBroken, match="error"):
        _decoder().feed(b'data: {"error":{}}\n\n')


def test_an_error_of_null_is_none() -> None:
    assert _steady(_stream(*(event.replace(b"{", b'{"error":null,', 1) for event in PLAIN))) == _steady(
        _stream(*PLAIN)
    )


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"7", b'{"choices":[7]}', b'{"choices":[{"delta":7}]}', b"\xff"]
)
def test_nonsense_inside_the_stream_is_the_nodes_failure(data: bytes) -> None:
    with pytest.raises(NodeFailure):
        _decoder().feed(b"data: " + data + b"\n\n")
