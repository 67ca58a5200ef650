"""An Ollama's own answer in OpenAI's words, whole and streamed."""

import base64
import itertools
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.call import Tokens
from coordinator.dialects.counts import tokens_of
from coordinator.dialects.translation.openai_answer import EmbeddingDecoder, GenerationDecoder
from shared.errors import NodeFailure, StreamBroken

LIMIT = 1 << 16
COUNTS = {"prompt_eval_count": 4, "eval_count": 2}
DONE: dict[str, Any] = {"done": True, "done_reason": "stop"} | COUNTS
CALL = {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"n": 1.5}}}


def _decoder(*, chat: bool = True, include_usage: bool = False) -> GenerationDecoder:
    return GenerationDecoder("as-asked", chat=chat, include_usage=include_usage, frame_limit=LIMIT)


def _line(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "created_at": "x", "done": False} | fields) + b"\n"


def _word(text: str, **more: Any) -> bytes:
    return _line(message={"role": "assistant", "content": text, **more})


PLAIN = [_word("", thinking="hm"), _word("Hel"), _word("lo \u00fc"), _line(message={"content": ""}, **DONE)]
TOOLS = [
    _word("so"),
    _word("", tool_calls=[CALL]),
    _word("", tool_calls=[{"function": {"name": "g"}}]),
    _line(**DONE),
]


def _events(out: bytes) -> list[Any]:
    assert out.endswith(b"\n\n") or not out
    data = [event.removeprefix(b"data: ") for event in out.split(b"\n\n")[:-1]]
    return [each.decode() if each == b"[DONE]" else msgspec.json.decode(each) for each in data]


def _stream(*chunks: bytes, **how: bool) -> list[Any]:
    decoder = _decoder(**how)
    return _events(b"".join(map(decoder.feed, chunks)) + decoder.finish())


def _deltas(events: list[Any]) -> list[Any]:
    return [event["choices"][0]["delta"] for event in events if event != "[DONE]" and event["choices"]]


def test_a_stream_in_order() -> None:
    events = _stream(*PLAIN)
    assert events[-1] == "[DONE]"
    assert _deltas(events) == [
        {"role": "assistant", "content": ""},
        {"reasoning": "hm"},
        {"content": "Hel"},
        {"content": "lo \u00fc"},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in events[:-1]] == [None] * 4 + ["stop"]
    assert len({(event["id"], event["created"], event["model"]) for event in events[:-1]}) == 1
    assert not any("usage" in event for event in events[:-1])


def test_the_usage_comes_last_where_it_is_asked_for() -> None:
    *chunks, last, done = _stream(*PLAIN, include_usage=True)
    assert done == "[DONE]"
    assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)
    assert (last["choices"], last["usage"]) == (
        [],
        {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
    )


def test_what_the_engine_counted_is_known_though_nobody_is_told() -> None:
    decoder = _decoder()
    for chunk in PLAIN:
        decoder.feed(chunk)
    assert tokens_of(decoder.ends()) == Tokens(4, 2)


def test_tool_calls_have_ids_and_count_up() -> None:
    events = _stream(*TOOLS)
    calls = [call for delta in _deltas(events) for call in delta.get("tool_calls", [])]
    assert [(call["index"], call["type"], call["function"]["name"]) for call in calls] == [
        (0, "function", "f"),
        (1, "function", "g"),
    ]
    assert [call["function"]["arguments"] for call in calls] == ['{"n":1.5}', "{}"]
    assert calls[0]["id"] == "c1"
    assert calls[1]["id"].startswith("call_")
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("how", [{}, {"include_usage": True}])
@pytest.mark.parametrize("chunks", [PLAIN, TOOLS], ids=["plain", "tools"])
def test_a_cut_at_any_byte_gives_the_same_events(chunks: list[bytes], how: dict[str, bool]) -> None:
    whole = b"".join(chunks).replace(b'{"function":{"name":"g"', b'{"id":"c2","function":{"name":"g"')

    def steady(events: list[Any]) -> list[Any]:
        varies = ("id", "created")
        return [
            event if event == "[DONE]" else {key: event[key] for key in event if key not in varies}
            for event in events
        ]

    expected = steady(_stream(whole, **how))
    for cut in range(len(whole) + 1):
        assert steady(_stream(whole[:cut], whole[cut:], **how)) == expected
    pieces = [whole[start : start + 1] for start in range(len(whole))]
    assert steady(_stream(*pieces, **how)) == expected
    assert steady(_stream(whole.rstrip(b"\n"), **how)) == expected, "no end of line after the last"


@given(st.lists(st.sampled_from(["word", "thought", "call", "nothing"]), max_size=6), st.booleans())
def test_everything_said_arrives_in_order(kinds: list[str], at_the_end: bool) -> None:
    """Streamed or whole, words and thoughts and calls are those of the engine."""
    made: dict[str, Any] = {
        "word": {"content": "w"},
        "thought": {"content": "", "thinking": "t"},
        "call": {"content": "", "tool_calls": [CALL]},
        "nothing": {"content": ""},
    }
    lines = [_line(message=made[kind]) for kind in kinds]
    last = {"message": {"content": "e", "thinking": "t"}} if at_the_end else {}
    deltas = _deltas(_stream(*lines, _line(**last, **DONE)))
    assert [delta.get("role") for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
    words = "".join(delta.get("content") or "" for delta in deltas)
    assert words == "w" * kinds.count("word") + "e" * at_the_end
    assert sum("reasoning" in delta for delta in deltas) == kinds.count("thought") + at_the_end
    indexes = [call["index"] for delta in deltas for call in delta.get("tool_calls", [])]
    assert indexes == list(range(kinds.count("call")))


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([], "before it was complete"),
        (PLAIN[:-1], "before it was complete"),
        ([*PLAIN[:2], _line(error="out of memory")], "out of memory"),
        ([_line(error="busy")], "busy"),
        ([PLAIN[0], PLAIN[-1][:-20]], "makes no sense"),
    ],
)
@pytest.mark.parametrize("chat", [True, False])
def test_a_stream_without_its_end_is_broken(chunks: list[bytes], said: str, chat: bool) -> None:
    decoder = _decoder(chat=chat)
    out = b""
    with pytest.raises(NodeFailure, match=said):  # noqa: PT012 - where it breaks is the decoder's to say
        for chunk in chunks:
            out += decoder.feed(chunk)
        decoder.finish()
    assert b"[DONE]" not in out


def test_what_came_before_an_error_is_passed_on_first() -> None:
    decoder = _decoder()
    out = decoder.feed(PLAIN[1] + _line(error="out of memory"))
    assert b"Hel" in out
    with pytest.raises(StreamBroken, match="out of memory"):
        decoder.feed(b"")
    with pytest.raises(StreamBroken, match="out of memory"):
        decoder.finish()


def test_nothing_follows_done() -> None:
    decoder = _decoder()
    out = b"".join(map(decoder.feed, PLAIN))
    assert decoder.feed(PLAIN[1]) == decoder.finish() == b""
    assert out.count(b"[DONE]") == 1


NONSENSE = (b"", b"<html>", b"[]", b"null", b"{}", b'{"done":false}', b'{"message":7,"done":true}', b"\xff")
NOT_ANSWERS = (*NONSENSE, b'{"done":true,"message":{"tool_calls":[{}]}}', b"[" * 100_000, b'{"error":"x"}')


@pytest.mark.parametrize("body", NOT_ANSWERS)
def test_nonsense_is_the_nodes_failure(body: bytes) -> None:
    for chat in (True, False):
        with pytest.raises(NodeFailure):
            _decoder(chat=chat).whole(body)
    with pytest.raises(NodeFailure):
        EmbeddingDecoder("m", packed=False).whole(body)


@pytest.mark.parametrize(
    ("done_reason", "calls", "reason"),
    [
        ("stop", False, "stop"),
        ("length", False, "length"),
        ("stop", True, "tool_calls"),
        ("length", True, "length"),
        (None, False, "stop"),
        ("load", False, "stop"),
    ],
)
def test_why_an_answer_ended(done_reason: str | None, calls: bool, reason: str) -> None:
    message = {"content": "a"} | ({"tool_calls": [CALL]} if calls else {})
    answer = DONE | {"done_reason": done_reason}
    whole = msgspec.json.decode(_decoder().whole(_line(message=message, **answer)))
    assert whole["choices"][0]["finish_reason"] == reason
    events = _stream(_line(message=message), _line(**answer))
    assert events[-2]["choices"][0]["finish_reason"] == reason


def test_whole_answers() -> None:
    message = {"content": "Hello", "thinking": "hm", "tool_calls": [CALL]}
    made = msgspec.json.decode(_decoder().whole(_line(message=message, **DONE)))
    assert made["object"] == "chat.completion"
    assert made["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
        "reasoning": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"n":1.5}'}}],
    }
    assert made["usage"] == {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    made = msgspec.json.decode(_decoder(chat=False).whole(_line(response="Hello", **DONE)))
    assert (made["object"], made["choices"]) == (
        "text_completion",
        [{"index": 0, "text": "Hello", "logprobs": None, "finish_reason": "stop"}],
    )


def test_logprobs_keep_their_spelling() -> None:
    raw = b'[{"token":"a","logprob":-0.250,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1e0}]}]'
    body = b'{"message":{"content":"a"},"response":"a","done":true,"logprobs":%b}' % raw
    assert (
        b'"content":[{"token":"a","logprob":-0.250,"bytes":[97],'
        b'"top_logprobs":[{"token":"b","logprob":-1e0,"bytes":null}]}]'
    ) in _decoder().whole(body)
    assert (
        b'"logprobs":{"tokens":["a"],"token_logprobs":[-0.250],"top_logprobs":[{"b":-1e0}],"text_offset":[0]}'
        in _decoder(chat=False).whole(body)
    )


def test_embeddings_keep_spelling_or_are_packed() -> None:
    body = b'{"embeddings":[[1.0e0,-0.50],[2,3]],"prompt_eval_count":5}'
    made = EmbeddingDecoder("as-asked", packed=False).whole(body)
    assert b'"embedding":[1.0e0,-0.50]' in made
    answer = msgspec.json.decode(made)
    assert (answer["model"], answer["usage"]) == ("as-asked", {"prompt_tokens": 5, "total_tokens": 5})
    assert [each["index"] for each in answer["data"]] == [0, 1]
    packed = msgspec.json.decode(EmbeddingDecoder("m", packed=True).whole(body))["data"]
    values = [struct.unpack("<2f", base64.b64decode(each["embedding"])) for each in packed]
    assert list(itertools.chain(*values)) == [1.0, -0.5, 2.0, 3.0]
    for wrong in (b'{"embeddings":[["x"]]}', b'{"embeddings":[[1e300]]}', b'{"embeddings":[7]}'):
        with pytest.raises(NodeFailure):
            EmbeddingDecoder("m", packed=True).whole(wrong)
