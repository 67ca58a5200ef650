"""Bodies: what is refused, what is kept to the letter, what a call is estimated at."""

import contextlib
import gzip
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from msgspec import Raw

from coordinator.dialects.body import (
    ABSENT,
    check_spelling,
    decode_any,
    decode_fields,
    decode_head,
    fallback_names,
    given,
    model_name,
    read_body,
    replaced,
    tokens_of,
)
from coordinator.dialects.content_coding import MOST_GAIN
from coordinator.requests import CallerRequest, Identities
from shared.errors import BodyTooLarge, CallerFault
from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead
from shared.http1.inflow import Inflow
from shared.names import MODEL_NAME_LIMIT

NUMBERS = ["1.0e0", "1E400", "-0", "-0.0", "0.7000", "123456789012345678901234567890", "1e-7", "10.0"]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), VALUES, max_size=6)


class _Head(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None


@pytest.mark.parametrize("number", NUMBERS)
def test_replacing_keeps_the_spelling_of_numbers(number: str) -> None:
    body = f'{{"model":"a","x":{number},"y":{{"z":[{number}, 1]}}}}'.encode()
    expected = f'{{"model":"b","x":{number},"y":{{"z":[{number}, 1]}}}}'.encode()
    assert replaced(body, {"model": "b"}) == expected


def test_replacing_keeps_escapes_order_and_what_is_inside() -> None:
    body = rb'{"z": "\u0041\/\ud83d\ude00", "model" : "a", "fallback_models":["c"],"a":{"b" :  [ 1,2 ]}}'
    assert replaced(body, {"model": 'b"ü'}, ("fallback_models",)) == (
        rb'{"z":"\u0041\/\ud83d\ude00","model":"b\"' + "ü".encode() + rb'","a":{"b" :  [ 1,2 ]}}'
    )


def test_replacing_adds_what_was_not_there_and_drops_nothing_else() -> None:
    assert replaced(b'{"name":"a"}', {"model": "b"}, ("not there",)) == b'{"name":"a","model":"b"}'
    assert replaced(b'{"a":1,"a":2.0}', {}) == b'{"a":2.0}'
    assert replaced(b"{}", {}) == b"{}"


@over(OBJECTS, st.sampled_from(["model", "x", ""]))
def test_replacing_means_what_it_says(fields: dict[str, object], name: str) -> None:
    body = msgspec.json.encode(fields)
    assert msgspec.json.decode(replaced(body, {name: "new"})) == fields | {name: "new"}
    rest = {key: value for key, value in fields.items() if key != name}
    assert msgspec.json.decode(replaced(body, {}, (name,))) == rest


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"null", b'"x"', b"{", b'{"model": 1}', b'{"a": \xff}', b"\xff"]
)
def test_a_head_that_cannot_be_read_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises(CallerFault) as caught:
        decode_head(body, _Head)
    assert caught.value.status == 400


def test_faults_tell_where() -> None:
    with pytest.raises(CallerFault, match=r"Expected `str \| null`, got `int` - at `\$\.model`"):
        decode_head(b'{"model": 1}', _Head)
    with pytest.raises(CallerFault, match="not UTF-8"):
        decode_head(b'{"model": "\xff"}', _Head)
    deep = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for decode in (decode_any, decode_fields, lambda body: decode_head(body, _Head)):
        with pytest.raises(CallerFault, match="nested too deeply"):
            decode(deep)


@over(st.binary(max_size=60))
def test_no_bytes_are_a_fault_of_ours(body: bytes) -> None:
    for decode in (decode_any, decode_fields, lambda body: decode_head(body, _Head)):
        with contextlib.suppress(CallerFault):
            decode(body)


def test_model_names() -> None:
    assert model_name("m") == ("m", "m:latest")
    assert model_name(" m:1b ") == (" m:1b ", "m:1b")
    assert model_name("host:5000/a/b")[1] == "host:5000/a/b:latest"
    assert model_name("x" * MODEL_NAME_LIMIT)[0]
    for bad in (None, "", "  ", "x" * (MODEL_NAME_LIMIT + 1), "a\nb", "a\0", "a\u202eb"):
        with pytest.raises(CallerFault):
            model_name(bad)


def test_fallback_names_are_bounded_and_counted_once() -> None:
    assert fallback_names(None) == ()
    assert fallback_names(["b", "a", "b:latest"]) == ("b:latest", "a:latest")
    assert len(fallback_names([f"m{number}" for number in range(16)])) == 16
    for bad in ([f"m{number}" for number in range(17)], ["a", ""], ["a\n"]):
        with pytest.raises(CallerFault):
            fallback_names(bad)


def test_what_counts_as_given_and_how_long_it_is() -> None:
    assert not given(ABSENT)
    assert not given(Raw(b"null"))
    assert given(Raw(b'""'))
    assert tokens_of([], 0) == 0
    assert tokens_of([Raw(b'"' + b"x" * 398 + b'"'), ABSENT], 0) == 100 + 4
    assert tokens_of([], 2) == 300


async def test_what_is_packed_is_counted_before_it_is_unpacked() -> None:
    packed, line = gzip.compress(b"[" + b" " * 10_000_000 + b"]", 9), cast(Any, None)
    head = RequestHead(
        b"POST", b"/", [(b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(packed))]
    )
    for limit, counted in ((2**20, 2**20), (2**30, MOST_GAIN * len(packed))):
        inflow, told = Inflow(line, 0), list[int]()
        inflow.put(packed, True)
        request = CallerRequest(Exchange(line, head, inflow, expecting=False), Identities(), limit)
        if limit < 10_000_000:
            with pytest.raises(BodyTooLarge):
                await read_body(request, told.append)
        else:
            assert len(await read_body(request, told.append)) == 10_000_002 <= MOST_GAIN * len(packed)
        assert told == [counted]


@pytest.mark.parametrize("field", ["Model", "MODEL", "mODEL", "mod\\u0045l", "Na\\u006dE", "in\u017fecure"])
def test_a_field_in_other_letters_is_refused(field: str) -> None:
    names = ("model", "name", "insecure")
    with pytest.raises(CallerFault, match="has to be written so, in small letters"):
        check_spelling(f'{{"model": "a", "{field}": "b"}}'.encode(), names)
    check_spelling(b'{"model": "a", "name": "b", "models": 1, "Options": {"Model": 1}, "": 1}', names)
