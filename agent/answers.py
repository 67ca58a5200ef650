"""Another program's short answer, read within bounds: whoever it is may send without end."""

import aiohttp
import msgspec
from msgspec import Struct

from shared.http1.client import Response

WORDS = 500
"""Characters of a refusal that are told."""


class TooLong(Exception):
    """The answer has more bytes than such an answer can have."""


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """All of it. Raises TooLong beyond `limit` bytes, and what aiohttp raises where it breaks off."""
    whole = bytearray()
    async for chunk in response.content.iter_any():
        whole += chunk
        if len(whole) > limit:
            raise TooLong(f"an answer of more than {limit} bytes")
    return bytes(whole)


async def whole(response: Response, limit: int) -> bytes:
    """Likewise, of an answer on a connection of ours. Raises TooLong, BrokenOff and Malformed."""
    read = bytearray()
    try:
        while piece := await response.read():
            read += piece
            if len(read) > limit:
                raise TooLong(f"an answer of more than {limit} bytes")
    finally:
        response.close()
    return bytes(read)


class _Fault(Struct):
    error: str


def words(answer: bytes) -> str:
    """What a refusal says, in the coordinator's shape or any other."""
    try:
        return msgspec.json.decode(answer, type=_Fault).error[:WORDS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return answer[:WORDS].decode("utf-8", "replace")
