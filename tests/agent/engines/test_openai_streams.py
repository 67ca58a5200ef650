"""Streams of servers that nearly speak the dialect: what is added, dropped, and made of a whole answer."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engines.engine import Carriage, EngineError, ErrorAnswer
from agent.engines.openai_streams import DONE, DoneAdded, EventsDropped, Whole, as_stream, streams

CHUNK = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}\n\n'
END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {}}\n\n'
TIMING = b'data: {"choices": [], "krasis_timing": {"tok_s": 1}}\n\n'
PROSE = (
    b'data: {"choices": [{"delta": {"content": "\\"krasis_timing\\" \\"finish_reason\\": \\"stop\\""}}]}\n\n'
)
ASKED = b'{"model": "m", "stream": true, "x": 1.50}'


def passed(carriage: Carriage, stream: bytes, cuts: list[int] | None = None) -> bytes:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    out = b"".join(carriage.feed(stream[a:b]) for a, b in pairwise(edges))
    out += carriage.finish()
    assert carriage.finish() == b""  # the gateway asks until nothing comes
    return out


@given(st.lists(st.integers(0, 500), max_size=6))
def test_an_end_is_added_once_however_the_bytes_come(cuts: list[int]) -> None:
    assert passed(DoneAdded(ASKED), CHUNK + END, cuts) == CHUNK + END + DONE
    assert passed(DoneAdded(ASKED), CHUNK + END + DONE, cuts) == CHUNK + END + DONE


def test_an_end_without_its_empty_line_is_one() -> None:
    assert passed(DoneAdded(ASKED), CHUNK + END.rstrip()) == CHUNK + END + DONE


@pytest.mark.parametrize("stream", [b"", CHUNK, CHUNK + PROSE, CHUNK + END[:20]])
def test_an_answer_that_stops_short_gets_no_end(stream: bytes) -> None:
    carriage = DoneAdded(ASKED)
    carriage.feed(stream)
    with pytest.raises(EngineError):
        carriage.finish()


@given(st.lists(st.integers(0, 500), max_size=6))
def test_the_extra_event_goes_and_prose_about_it_stays(cuts: list[int]) -> None:
    stream = CHUNK + PROSE + END + TIMING + DONE
    assert passed(EventsDropped(ASKED, "krasis_timing"), stream, cuts) == CHUNK + PROSE + END + DONE


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b'{"stream": "yes"}', b'{"stream": null}', b"\xff"])
def test_what_asks_for_no_stream_or_nonsense_gets_none(body: bytes) -> None:
    assert not streams(body)


def answer(**more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "length"}
    whole = {
        "id": "7",
        "object": "chat.completion",
        "model": "m",
        "choices": [choice],
        "usage": {"total_tokens": 3},
    }
    return json.dumps(whole | more).encode()


def made(asked: dict[str, Any], said: bytes) -> tuple[Whole, bytes]:
    carriage = Whole(json.dumps(asked).encode())
    assert carriage.feed(said) == b""
    return carriage, carriage.finish()


def test_a_whole_answer_stays_as_it_is_for_who_asked_for_one() -> None:
    carriage, out = made({"model": "m", "seed": 7}, answer())
    assert (json.loads(carriage.body), out) == ({"model": "m", "seed": 7}, answer())


def test_and_becomes_a_stream_for_who_asked_for_that() -> None:
    options = {"include_usage": True}
    carriage, out = made({"model": "m", "stream": True, "stream_options": options, "seed": 7}, answer())
    assert json.loads(carriage.body) == {"model": "m", "seed": 7}
    *events, done = [event.removeprefix("data: ") for event in out.decode().split("\n\n") if event]
    said, end, usage = map(json.loads, events)
    assert said["object"] == "chat.completion.chunk"
    assert said["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": None}
    ]
    assert end["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
    assert (usage["choices"], usage["usage"], done) == ([], {"total_tokens": 3}, "[DONE]")


def test_tool_calls_are_numbered_as_streams_have_them() -> None:
    calls = [{"id": "a", "function": {}}, {"id": "b", "function": {}}]
    choice = {"message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}
    out = as_stream({"object": "chat.completion", "choices": [choice]}, with_usage=False)
    told = json.loads(out.split(b"\n\n")[0].removeprefix(b"data: "))["choices"][0]["delta"]["tool_calls"]
    assert [each["index"] for each in told] == [0, 1]


@pytest.mark.parametrize(
    ("error", "status"),
    [("Instance not found", 503), ({"message": "too long", "code": 400}, 400), ({"code": 200}, 503)],
)
def test_an_error_told_as_a_success_is_one(error: object, status: int) -> None:
    with pytest.raises(ErrorAnswer) as raised:
        made({"model": "m"}, json.dumps({"error": error}).encode())
    assert raised.value.status == status
    assert json.loads(raised.value.body)["error"]["message"]


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_nonsense_is_no_answer(said: bytes) -> None:
    with pytest.raises(EngineError):
        made({"model": "m"}, said)
