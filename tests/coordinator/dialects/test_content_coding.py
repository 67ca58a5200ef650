"""Bodies that come packed: as they were, within the limit, or the caller's fault."""

import gzip
import zlib

import pytest

from coordinator.dialects.content_coding import unpacked
from shared.errors import BodyTooLarge, CallerFault

SAID = b'{"model": "m", "prompt": "hello"}' * 20
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE = RAW.compress(SAID) + RAW.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress(SAID)),
    "gzip, spelt otherwise": (" GZip ", gzip.compress(SAID)),
    "gzip in two members": ("gzip", gzip.compress(SAID[:50]) + gzip.compress(SAID[50:])),
    "deflate": ("deflate", zlib.compress(SAID)),
    "deflate without its frame": ("deflate", BARE),
    "identity": ("identity", SAID),
    "a coding that nobody knows": ("rot13", SAID),
}
BROKEN = {
    "no gzip": b"{}",
    "cut short": gzip.compress(SAID)[:-9],
    "more behind it": gzip.compress(SAID) + b"{}",
}


# Named, as what gzip makes has the time in it: tests that run side by side must agree on their names.
@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=PACKED)
def test_what_was_packed_is_as_it_was(coding: str, body: bytes) -> None:
    assert unpacked(body, coding, len(SAID)) == SAID


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
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
