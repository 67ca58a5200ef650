"""Bad bodies, on every route that takes a call: refused in the caller's dialect, and nothing else happens."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.fleet.bad_input import CHATS, GOOD, OLLAMA, OPENAI, Case, bodies, refused_everywhere, trial
from tests.fleet.raw_http import request

DEEP = b"[" * 100_000 + b"]" * 100_000
TEN_KB = "x" * 10_000
FIFTY_MB = b'{"model": "m", "prompt": "' + b"x" * 50_000_000 + b'"}'

NO_OBJECT = {
    "not JSON": b"hello there",
    "truncated": b'{"model": "m", "prompt": "abc',
    "a list": b"[]",
    "a string": b'"model"',
    "a number": b"42",
    "null": b"null",
    "empty": b"",
    "whitespace": b" \r\n\t ",
    "bare NaN": b"NaN",
    "two values": b'{"model": "m"} {"model": "m"}',
    "a byte order mark": b'\xef\xbb\xbf{"model": "m"}',
    "UTF-16": '{"model": "m"}'.encode("utf-16"),
}

BAD_FIELDS = {
    "model missing": b'"stream": false',
    "model null": b'"model": null',
    "model a number": b'"model": 7',
    "model an object": b'"model": {"name": "m"}',
    "model empty": b'"model": ""',
    "model blank": b'"model": "  "',
    "model of 10 kB": f'"model": "{TEN_KB}"'.encode(),
    "model with a line end": b'"model": "m\\r\\nX-Evil: 1"',
    "model with NUL": b'"model": "m\\u0000"',
    "model with a raw control character": b'"model": "m\x01"',
    "model with a lone surrogate": b'"model": "\\ud800"',
    "model in bad UTF-8": b'"model": "\xff\xfe"',
    "model twice, once a number": b'"model": "m", "model": 7',
    "stream as string": b'"model": "m", "stream": "false"',
    "stream as a huge integer": b'"model": "m", "stream": ' + b"9" * 5_000,
    "messages as string": b'"model": "m", "messages": "hello"',
    "messages as an object": b'"model": "m", "messages": {}',
    "messages as numbers": b'"model": "m", "messages": [1, 2]',
    "tools as string": b'"model": "m", "tools": "hammer"',
    "fallback_models as string": b'"model": "m", "fallback_models": "m"',
    "fallback_models of numbers": b'"model": "m", "fallback_models": [1, 2]',
    "1000 fallback_models": b'"model": "m", "fallback_models": %b'
    % msgspec.json.encode([f"m{number}" for number in range(1000)]),
    "an empty name in fallback_models": b'"model": "m", "fallback_models": [""]',
    "NaN in an unknown field": b'"model": "m", "temperature": NaN',
    "Infinity in an unknown field": b'"model": "m", "temperature": -Infinity',
    "a trailing comma": b'"model": "m",',
    "a comment": b'"model": "m" /* the small one */',
    "deep nesting in a known field": b'"model": "m", "messages": ' + DEEP,
    "deep nesting in a content": b'"model": "m", "messages": [{"role": "user", "content": ' + DEEP + b"}]",
    "deep nesting in an unknown field": b'"model": "m", "metadata": ' + DEEP,
}

BAD_OLLAMA_FIELDS = {
    "options as list": b'"model": "m", "options": []',
    "options as string": b'"model": "m", "options": "num_ctx=5"',
    "num_ctx as string": b'"model": "m", "options": {"num_ctx": "4096"}',
    "num_ctx of 5000 digits": b'"model": "m", "options": {"num_ctx": ' + b"9" * 5_000 + b"}",
    "num_ctx with a fraction": b'"model": "m", "options": {"num_ctx": 10.5}',
    "prompt as list": b'"model": "m", "prompt": ["a"]',
    "images as string": b'"model": "m", "images": "iVBOR"',
}


def _cases() -> Iterator[Case]:
    for name, body in NO_OBJECT.items():
        yield Case(name, bodies(body), {400})
    for name, fields in BAD_FIELDS.items():
        yield Case(name, bodies(b"{" + fields + b"}"), {400})
    for name, fields in BAD_OLLAMA_FIELDS.items():
        yield Case(name, bodies(b"{" + fields + b"}", OLLAMA), {400})


async def test_bad_bodies_are_refused_and_change_nothing(tmp_path: Path) -> None:
    await refused_everywhere(tmp_path, _cases())


async def test_bodies_over_the_limit_are_refused_with_413(tmp_path: Path) -> None:
    told = {path: request("POST", path, FIFTY_MB) for path in CHATS}
    chunked = {path: request("POST", path, FIFTY_MB, chunked=True) for path in CHATS}
    cases = [Case("50 MB, told", told, {413}), Case("50 MB, chunked", chunked, {413})]
    await refused_everywhere(tmp_path, cases)


async def test_an_empty_or_odd_but_legal_body_is_no_fault(tmp_path: Path) -> None:
    """The other side of the table: what must not be refused."""
    legal = {
        "stream null": b'"model": "m", "stream": null',
        "unknown fields": b'"model": "m", "x": {"y": [1e400, -0.0, 123456789012345678901234567890]}',
        "model twice, the last one counts": b'"model": "nobody", "model": "m"',
        "fallback_models null": b'"model": "m", "fallback_models": null',
    }
    async with trial(tmp_path) as (herd, _fake):
        for name, fields in legal.items():
            for path, good in GOOD.items():
                rest = msgspec.json.encode({key: value for key, value in good.items() if key != "model"})
                body = b"{" + fields + (b", " if len(rest) > 2 else b"") + rest[1:]
                async with herd.session.post(herd.address + path, data=body) as response:
                    assert response.status == 200, (name, path, await response.text())
                    await response.read()


assert set(OLLAMA) | set(OPENAI) == set(GOOD)
