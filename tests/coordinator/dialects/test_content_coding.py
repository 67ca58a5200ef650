"""Bodies that come packed: as they were, within the limit, or the caller's fault."""

import gzip
import zlib

import pytest

from coordinator.dialects.content_coding import unpacked
from shared.errors import BodyTooLarge, CallerFault

SAID = b'{"model": "m", "prompt": "hello"}' * 20
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE = RAW.compress(SAID) + RAW.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(SAID)),
        (" GZip ", gzip.compress(SAID)),
        ("gzip", gzip.compress(SAID[:50]) + gzip.compress(SAID[50:])),
        ("deflate", zlib.compress(SAID)),
        ("deflate", BARE),
        ("identity", SAID),
        ("rot13", SAID),
    ],
)
def test_what_was_packed_is_as_it_was(coding: str, body: bytes) -> None:
    assert unpacked(body, coding, len(SAID)) == SAID


@pytest.mark.parametrize("body", [b"{}", gzip.compress(SAID)[:-9], gzip.compress(SAID) + b"{}"])
def test_what_is_not_what_it_says_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises(CallerFault, match="the request body cannot be read"):
        unpacked(body, "gzip", 10_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_no_more_is_unpacked_than_is_allowed(coding: str) -> None:
    bomb = b"x" * 10_000_000
    packed = gzip.compress(bomb, 1) if coding == "gzip" else zlib.compress(bomb, 1)
    with pytest.raises(BodyTooLarge):
        unpacked(packed, coding, 1_000)
    with pytest.raises(BodyTooLarge):
        unpacked(gzip.compress(SAID) * 3, "gzip", 2 * len(SAID))
