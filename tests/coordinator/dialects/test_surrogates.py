"""Halves of surrogate pairs, as plain bytes."""

import time

import msgspec
import pytest

from coordinator.dialects.surrogates import MOST, without_half_pairs


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        (rb'"a\ud83d"', rb'"a\ufffd"'),
        (rb'"\ude00b"', rb'"\ufffdb"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"\u00e9 \n \uD83D"', rb'"\u00e9 \n \ufffd"'),
    ],
)
def test_only_halves_are_replaced(body: bytes, mended: bytes) -> None:
    assert without_half_pairs(body) == mended
    msgspec.json.decode(mended)


@pytest.mark.parametrize("piece", [rb"\n", rb"\\", rb"\ud83d\ude00", rb"\ud83d", rb"\u00e9"])
def test_no_body_keeps_the_loop_busy(piece: bytes) -> None:
    body = b'"' + piece * (16 * 2**20 // len(piece))
    start = time.perf_counter()
    without_half_pairs(body)
    assert time.perf_counter() - start < 2.0, "seconds for 16 MiB"


def test_beyond_the_bound_a_body_is_left_as_it_is() -> None:
    assert without_half_pairs(rb"\ud83d" * (MOST + 1)).endswith(rb"\ufffd\ud83d")
