"""Inputs that are too long are cut to the token, and nothing else of a body is touched."""

import ast
from pathlib import Path

import msgspec
import pytest

from agent.engines import llamacpp_inputs
from agent.engines.llamacpp_inputs import fitted, largest_input, without_middle

WORKER = Path(llamacpp_inputs.__file__).parent.parent / "workers" / "llamacpp.py"
START, END = 1, 2


class Words:
    """A tokenizer of words, with special tokens around them."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, text: str, special: bool) -> list[int]:
        self.asked += 1
        plain = [len(word) for word in text.split()]
        return [START, *plain, END] if special else plain


def _body(**fields: object) -> bytes:
    return b' {"model":"m", "big": 1.50e0,' + msgspec.json.encode(fields)[1:]


async def test_long_texts_become_their_first_tokens() -> None:
    words = Words()
    long = "aaaa " * 40
    made = msgspec.json.decode(await fitted(_body(input=["short", long], truncate=True), 20, words))
    assert made["input"] == ["short", [START, *[4] * 18, END]]
    assert made["big"] == 1.5
    assert words.asked == 2
    made = msgspec.json.decode(await fitted(_body(input=long, truncate=True), 20, words))
    assert made["input"] == [[START, *[4] * 18, END]]


@pytest.mark.parametrize("truncate", [False, None, True])
async def test_what_fits_or_may_not_be_cut_passes_byte_for_byte(truncate: bool | None) -> None:
    words = Words()
    inputs: list[object] = ["a " * 5, ["a", "b"], [1] * 100, [[1] * 100], None, {"a": 1}]
    if truncate:
        inputs.append("long-words " * 9)
    else:
        inputs.append("a " * 100)
    for given in inputs:
        body = _body(input=given, truncate=truncate)
        assert await fitted(body, 20, words) == body
    assert bool(words.asked) is bool(truncate)
    for broken in (b"", b"{", b"[]", b'{"truncate":"yes"}', b"\xff"):
        assert await fitted(broken, 20, words) == broken


def test_special_tokens_are_kept_wherever_they_stand() -> None:
    assert without_middle([1, 5, 6, 7], [5, 6, 7], 3) == [1, 5, 6]
    assert without_middle([5, 6, 7, 2], [5, 6, 7], 3) == [5, 6, 2]
    assert without_middle([1, 5, 6, 7, 2], [5, 6, 7], 3) == [1, 5, 2]
    assert without_middle([5, 6, 7], [5, 6, 7], 2) == [5, 6]
    assert without_middle([1, 1, 1], [1, 1], 2) == [1, 1]


def test_the_limit_is_the_workers() -> None:
    assert [largest_input(*each) for each in ((512, 1), (4096, 2), (4096, 3))] == [512, 2048, 2046]
    named = {
        target.id: node.value.value
        for node in ast.parse(WORKER.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert named["LARGEST_BATCH"] == llamacpp_inputs.LARGEST_BATCH
