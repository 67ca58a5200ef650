"""Questions to an engine's server, each bounded in bytes. Time is bounded by who asks."""

from collections.abc import Mapping

import aiohttp

from agent.engines.engine import Answer, EngineError, decoded
from shared.sockets import why_not

LARGEST_ANSWER = 16 * 2**20
"""Bytes. A list of models is far shorter; whoever listens at a port may send without end."""


class Ask:
    """To one base URL. `headers`: sent each time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers

    async def get(self, path: str, kind: type[Answer]) -> Answer:
        """Its JSON. Raises EngineError for any status but 200, for silence, and for nonsense."""
        status, body = await self.status(path)
        if status != 200:
            raise EngineError(f"{path} answered {status}")
        return decoded(body, kind, path)

    async def status(self, path: str) -> tuple[int, bytes]:
        """With the body. Raises EngineError where it does not answer."""
        try:
            async with self._session.get(
                self._url + path, headers=dict(self._headers), allow_redirects=False
            ) as response:
                return response.status, await _bounded(response, path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"{self._url}{path}: {why_not(error)}") from error


async def _bounded(response: aiohttp.ClientResponse, path: str) -> bytes:
    whole = bytearray()
    async for chunk in response.content.iter_any():
        whole += chunk
        if len(whole) > LARGEST_ANSWER:
            raise EngineError(f"{path} answered more than {LARGEST_ANSWER} bytes")
    return bytes(whole)
