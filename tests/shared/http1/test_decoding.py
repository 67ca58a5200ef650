import itertools

import pytest

from shared.http1.decoding import SIZE_LINE, Chunked, Decoder, Sized, UntilClose, decoder
from shared.http1.faults import BadMessage
from shared.http1.framing import CHUNKED, UNTIL_CLOSE

TRAILERS = 64
BODY = b'5\r\nhello\r\n1;a="b"\r\n \r\n00A ; x\r\n0123456789\r\n0\r\nX-T: y\r\n\r\nNEXT'


def fed(body: Decoder, *pieces: bytes) -> bytes:
    out = b""
    for at, piece in enumerate(pieces):
        out += body.feed(piece)
        if body.done:
            body.rest += b"".join(pieces[at + 1 :])
            break
    return out


def test_chunks_are_the_same_however_they_are_cut() -> None:
    for one, two in itertools.combinations(range(len(BODY) + 1), 2):
        body = Chunked(TRAILERS, extensions=True)
        assert fed(body, BODY[:one], BODY[one:two], BODY[two:]) == b"hello 0123456789"
        assert body.done
        assert body.rest == b"NEXT"


@pytest.mark.parametrize(
    "coded",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhellooo\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r0\r\n\r\n",
        b"\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-1\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5;a\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\n",
        b"ffffffffffffffff\r\n",
        b"1" * (SIZE_LINE + 1),
        b"g\r\n",
        b"0\r\nbad trailer\r\n\r\n",
        b"0\r\nA: b\nC: d\r\n\r\n",
        b"0\r\nA: b\r\n c\r\n\r\n",
        b"0\r\nA: " + b"b" * TRAILERS + b"\r\n\r\n",
    ],
)
def test_what_is_no_chunk(coded: bytes) -> None:
    for cut in range(len(coded)):
        with pytest.raises(BadMessage):
            fed(Chunked(TRAILERS, extensions=False), coded[:cut], coded[cut:])


def test_extensions_are_bounded() -> None:
    with pytest.raises(BadMessage):
        Chunked(TRAILERS, extensions=True).feed(b"5;" + b"a" * SIZE_LINE)
    with pytest.raises(BadMessage):
        Chunked(TRAILERS, extensions=True).feed(b"5;" + b"a" * SIZE_LINE + b"\r\nhello\r\n")


def test_trailers_without_end_are_bounded() -> None:
    with pytest.raises(BadMessage):
        fed(Chunked(TRAILERS, extensions=False), b"0\r\n", *[b"A: b\r\n"] * TRAILERS)


def test_a_body_of_known_size() -> None:
    body = decoder(5, TRAILERS, extensions=False)
    assert fed(body, b"he", b"lloNE", b"XT") == b"hello"
    assert (body.done, body.rest) == (True, b"NEXT")
    assert Sized(0).done


def test_a_body_until_the_end() -> None:
    body = decoder(UNTIL_CLOSE, TRAILERS, extensions=False)
    assert isinstance(body, UntilClose)
    assert fed(body, b"he", b"llo") == b"hello"
    assert not body.done
    assert isinstance(decoder(CHUNKED, TRAILERS, extensions=False), Chunked)
