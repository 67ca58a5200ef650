"""Token counts from the ends of answers, and tags from what a caller sends: neither ever fails."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.call import Tokens
from coordinator.dialects.body import ABSENT
from coordinator.dialects.counts import tokens_of
from coordinator.dialects.tags import LONGEST, MOST, tags_of


@pytest.mark.parametrize(
    ("frames", "tokens"),
    [
        ([b'{"done":true,"prompt_eval_count":7,"eval_count":3}'], Tokens(7, 3)),
        ([b'{"done":true,"eval_count":3}'], Tokens(None, 3)),
        ([b'{"embeddings":[[1]],"prompt_eval_count":7}'], Tokens(7, None)),
        ([b'\n {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}'], Tokens(7, 3)),
        ([b"data: [DONE]", b'data: {"usage":{"prompt_tokens":7,"completion_tokens":3}}'], Tokens(7, 3)),
        ([b"data: [DONE]", b'data: {"timings":{"prompt_n":2,"cache_n":5,"predicted_n":3}}'], Tokens(7, 3)),
        ([b"data: [DONE]", b'data: {"choices":[],"usage":null}'], Tokens()),
        ([b'{"prompt_eval_count":-1,"eval_count":99999999999999999999}'], Tokens()),
        ([b'{"usage":"free"}'], Tokens()),
        ([b"", b"half {", b"\xff"], Tokens()),
    ],
)
def test_counts_are_the_engines_own(frames: list[bytes], tokens: Tokens) -> None:
    assert tokens_of(frames) == tokens


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_make_counting_fail(frames: list[bytes]) -> None:
    tokens_of(frames)


def tags(metadata: object = None, user: object = None, header: str = "") -> tuple[str, ...]:
    raws = [ABSENT if each is None else msgspec.Raw(msgspec.json.encode(each)) for each in (metadata, user)]
    return tags_of(header, *raws)


def test_tags_come_from_three_places() -> None:
    assert tags({"tags": ["a", "b"]}, "ann", "b, c ,,") == ("a", "b", "c", "user:ann")
    assert tags() == ()


@pytest.mark.parametrize(
    ("metadata", "user"), [("text", 7), ([1], {}), ({"tags": "a"}, " "), ({"tags": [1, None, {}]}, None)]
)
def test_what_is_no_tag_is_left_out(metadata: object, user: object) -> None:
    assert tags(metadata, user) == ()


def test_tags_are_bounded() -> None:
    many = tags({"tags": [f"{n:03}" + "x" * 1000 for n in range(500)]})
    assert len(many) == MOST
    assert {len(tag) for tag in many} == {LONGEST}
    assert tags(header="caf\udce9") == ("caf?",)
