"""Bodies that were packed on their way: gzip and deflate. Pure."""

import zlib

from shared.errors import BodyTooLarge, CallerFault

MOST_GAIN = 1_032
"""Times as many bytes as it was packed into: more than deflate can do."""
_GZIP = 16 + zlib.MAX_WBITS


def unpacked(body: bytes, coding: str, limit: int) -> bytes:
    """As it was before; of another coding, as it is. Raises CallerFault, BodyTooLarge beyond `limit` bytes."""
    word = coding.strip().lower()
    if word not in ("gzip", "x-gzip", "deflate") or not body:
        return body
    out = b""
    while body:
        window = _GZIP if word != "deflate" else _deflate_window(body)
        unpacker = zlib.decompressobj(window)
        try:
            out += unpacker.decompress(body, limit + 1 - len(out))
        except zlib.error as error:
            raise CallerFault(f"the request body cannot be read: it is no {word}") from error
        if len(out) > limit:
            raise BodyTooLarge(f"the request body is larger than {limit} bytes (FLEET_BODY_LIMIT)")
        if not unpacker.eof:
            raise CallerFault(f"the request body cannot be read: its {word} is cut short")
        body = unpacker.unused_data
    return out


def _deflate_window(body: bytes) -> int:
    """Some send what the name says, some what the standard says: with zlib's two bytes in front."""
    return zlib.MAX_WBITS if body[0] & 0xF == 8 else -zlib.MAX_WBITS
