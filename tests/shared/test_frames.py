"""However a stream is cut on its way, the same bytes come out, and only whole frames before the end."""

from hypothesis import given
from hypothesis import strategies as st

from shared.frames import Frames, events, lines

LIMIT = 1000
NDJSON = b'{"a":1}\n{"b":"x\\ny"}\n\n{"done":true}\n'
SSE = b'data: {"a":1}\n\n: ping\n\ndata: {"b":2}\r\n\r\ndata: [DONE]\n\n'
STREAMS = st.lists(
    st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: x\n\n"]), max_size=20
)


def _cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces, none of them empty."""
    at = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [piece for piece in map(lambda a, b: stream[a:b], at, at[1:]) if piece]


@given(STREAMS, st.lists(st.integers(0, 500), max_size=8), st.booleans())
def test_any_cutting_gives_the_same_bytes(parts: list[bytes], places: list[int], sse: bool) -> None:
    stream = b"".join(parts)
    frames = events(LIMIT) if sse else lines(LIMIT)
    ends = (b"\n\n", b"\r\n\r\n") if sse else (b"\n",)
    out = [frames.feed(piece) for piece in _cut(stream, places)]
    assert all(piece.endswith(ends) for piece in out if piece)
    rest = frames.rest()
    assert b"".join(out) + rest == stream
    assert not any(end in rest for end in ends)


@given(st.lists(st.integers(0, 200), max_size=8))
def test_the_last_frames_are_the_same_for_any_cutting(places: list[int]) -> None:
    for frames, stream, previous, last in (
        (lines(LIMIT), NDJSON, b'{"b":"x\\ny"}', b'{"done":true}'),
        (lines(LIMIT), NDJSON + b"\n\n", b'{"b":"x\\ny"}', b'{"done":true}'),
        (events(LIMIT), SSE, b'data: {"b":2}', b"data: [DONE]"),
    ):
        for piece in _cut(stream, places):
            frames.feed(piece)
        frames.rest()
        assert (frames.previous, frames.last) == (previous, last)


def test_a_frame_waits_for_its_end() -> None:
    frames = lines(LIMIT)
    assert frames.feed(b'{"a"') == b""
    assert frames.feed(b":1}\n{") == b'{"a":1}\n'
    assert frames.last == b'{"a":1}'
    assert frames.rest() == b"{"
    assert frames.last == b"{"
    assert frames.rest() == b""


def test_an_event_ends_with_either_line_end() -> None:
    frames = events(LIMIT)
    assert frames.feed(b"data: 1\r\n\r") == b""
    assert frames.feed(b"\ndata: 2\n") == b"data: 1\r\n\r\n"
    assert frames.feed(b"\n") == b"data: 2\n\n"
    assert frames.rest() == b""


def test_white_space_after_the_end_is_no_frame() -> None:
    frames = lines(LIMIT)
    frames.feed(b'{"done":true}\n ')
    assert frames.rest() == b" "
    assert frames.last == b'{"done":true}'


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_frame_beyond_the_limit_passes_in_pieces(sizes: list[int]) -> None:
    frames = lines(50)
    sent, held, out = b"", 0, b""
    for size in sizes:
        sent += b"x" * size
        out += frames.feed(b"x" * size)
        held = len(sent) - len(out)
        assert held <= 50
    assert out + frames.rest() == sent


def test_nothing_in_gives_nothing_out() -> None:
    frames: Frames = events(LIMIT)
    assert frames.feed(b"") == b""
    assert (frames.rest(), frames.last) == (b"", b"")


@given(STREAMS, st.lists(st.integers(0, 500), max_size=8), st.booleans())
def test_when_the_last_frames_are_asked_for_makes_no_difference(
    parts: list[bytes], places: list[int], sse: bool
) -> None:
    stream = b"".join(parts)
    make = events if sse else lines
    asked, unasked = make(LIMIT), make(LIMIT)
    for piece in _cut(stream, places):
        assert asked.feed(piece) == unasked.feed(piece)
        assert asked.last is not None
    assert asked.rest() == unasked.rest()
    assert (asked.last, asked.previous) == (unasked.last, unasked.previous)


def test_a_frame_in_pieces_ends_like_any_other() -> None:
    frames = lines(4)
    assert frames.feed(b"abcdef") == b"abcdef"
    assert frames.in_pieces
    assert frames.feed(b"gh\n") == b"gh\n"
    assert not frames.in_pieces
