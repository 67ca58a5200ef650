"""Another program's short answer, read within bounds: whoever it is may send without end."""

import aiohttp


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
