"""What is said to a coordinator without TLS: to any, who it is; and all the rest, where both sides are open."""

import aiohttp
import msgspec
from msgspec import Struct

from agent.answers import TooLong, read_at_most

PROBE_TIMEOUT_S = 2.0
SEND_TIMEOUT_S = 4.0
HEALTH_BYTES = 4_096
"""A coordinator's answer to a probe is shorter."""
REPLY_BYTES = 64 * 2**10


class Health(Struct):
    """What a coordinator tells everybody."""

    coordinator_id: str
    open: bool = False


class Plain:
    """Over one session of aiohttp."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def health(self, url: str) -> Health | None:
        """None: nobody is there, or somebody else."""
        try:
            async with self._session.get(
                f"{url}/health", timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S), allow_redirects=False
            ) as response:
                if response.status != 200:
                    return None
                told = await read_at_most(response, HEALTH_BYTES)
                return msgspec.json.decode(told, type=Health)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None  # nobody there
        except (TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # somebody else

    async def id_at(self, url: str) -> str:
        """The coordinator there; empty: none."""
        health = await self.health(url)
        return health.coordinator_id if health else ""

    async def ready(self, url: str) -> bool:
        """Whether beats may go there."""
        return bool(url)

    def speaks_with(self, url: str) -> bool:
        """Likewise."""
        return bool(url)

    async def post(self, url: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and answer. Raises TooLong, and what aiohttp raises."""
        async with self._session.post(
            f"{url}{path}",
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S),
            allow_redirects=False,
        ) as response:
            return response.status, await read_at_most(response, REPLY_BYTES)

    async def taken(self, url: str) -> None:
        """A beat was."""

    async def refused(self, status: int, said: str) -> None:
        """A beat was."""

    def silent(self) -> None:
        """Nobody took a beat."""
