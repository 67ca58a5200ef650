"""Requests whose end two readers could see at two places: header lines, and what follows the head, by name."""

import msgspec

from tests.fleet.played import chat

BODY = msgspec.json.encode(chat("smuggled", stream=False))
SIZE = b"%d" % len(BODY)
LENGTH = b"Content-Length: " + SIZE + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PIECES = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

HEADS = {
    "both lengths": (LENGTH + CHUNKED, PIECES),
    "both lengths, the other way round": (CHUNKED + LENGTH, PIECES),
    "two lengths": (LENGTH + b"Content-Length: 5\r\n", BODY),
    "two lengths in one line": (b"Content-Length: 5, " + SIZE + b"\r\n", BODY),
    "a length with a sign": (b"Content-Length: +" + SIZE + b"\r\n", BODY),
    "a length below nothing": (b"Content-Length: -1\r\n", BODY),
    "a length in hexadecimal": (b"Content-Length: 0x5\r\n", BODY),
    "a length of words": (b"Content-Length: " + SIZE + b" " + SIZE + b"\r\n", BODY),
    "a length beyond counting": (b"Content-Length: 99999999999999999999999\r\n", BODY),
    "a space before the colon": (LENGTH + b"Transfer-Encoding : chunked\r\n", PIECES),
    "a coding behind chunked": (b"Transfer-Encoding: chunked, identity\r\n", PIECES),
    "a coding that is nearly chunked": (b"Transfer-Encoding: xchunked\r\n", PIECES),
    "a coding with a tabulator in it": (b"Transfer-Encoding: \x0bchunked\r\n", PIECES),
    "chunked twice": (CHUNKED + CHUNKED, PIECES),
    "NUL in a header": (LENGTH + b"X: a\0b\r\n", BODY),
    "a carriage return alone": (LENGTH + b"X: a\rTransfer-Encoding: chunked\r\n", BODY),
    "a size in hexadecimal words": (CHUNKED, b"0x%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a size below nothing": (CHUNKED, b"-1\r\n" + PIECES),
    "a size beyond counting": (CHUNKED, b"f" * 40 + b"\r\n" + BODY),
    "a chunk longer than its size": (CHUNKED, b"%x\r\n%b!\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a length among the trailers": (CHUNKED, PIECES[:-2] + b"Content Length: 5\r\n\r\n"),
}
"""Header lines, and what follows the head."""
LOOSE = {
    "a folded line": (LENGTH + b"X: a\r\n b\r\n", BODY),
    "a folded coding": (b"Transfer-Encoding:\r\n chunked\r\n", PIECES),
    "a bare line feed behind a header": (b"X: a\n" + LENGTH, BODY),
    "a bare line feed at the end of the head": (LENGTH[:-2] + b"\n\n", BODY),
    "bare line feeds around chunks": (CHUNKED, PIECES.replace(b"\r\n", b"\n")),
    "a line feed in what follows a size": (
        CHUNKED,
        b"%x;a\nb\r\n" % len(BODY) + PIECES.partition(b"\r\n")[2],
    ),
}
"""What a lenient parser takes for good."""
UNKNOWN_CODINGS = {
    "a coding before chunked": (b"Transfer-Encoding: gzip, chunked\r\n", PIECES),
    "a coding before chunked, in a line of its own": (b"Transfer-Encoding: gzip\r\n" + CHUNKED, PIECES),
}
"""Of which RFC 9112 says that only who can undo them may take them."""
ALL = HEADS | LOOSE | UNKNOWN_CODINGS
