"""The agent's line to its coordinator: a beat every few seconds, for ever, whatever happens."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

from shared.wire import Heartbeat, HeartbeatReply

SEND_TIMEOUT_S = 4.0

log = logging.getLogger("herd-node.link")


class Link:
    """Sends what `beat` makes to `router_url`. `wake` sends the next one at once."""

    def __init__(
        self,
        router_url: str,
        beat: Callable[[], Awaitable[Heartbeat]],
        session: aiohttp.ClientSession,
        interval_s: float,
    ) -> None:
        self._url = router_url.rstrip("/") + "/heartbeat"
        self._beat = beat
        self._session = session
        self._interval_s = interval_s
        self._wake = asyncio.Event()
        self._told = ""

    def wake(self) -> None:
        """Something changed that the coordinator should know now."""
        self._wake.set()

    async def run(self) -> None:
        """For ever. A coordinator that is away is tried again at the next beat."""
        while True:
            self._wake.clear()
            await self.send(await self._beat())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()

    async def send(self, beat: Heartbeat) -> bool:
        """One beat; whether the coordinator took it. What goes wrong is logged once, until it changes."""
        try:
            async with self._session.post(
                self._url,
                data=msgspec.json.encode(beat),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S),
                allow_redirects=False,
            ) as response:
                answer = await response.read()
                if response.status != 200:
                    self._tell(
                        f"the coordinator refused the heartbeat: {answer[:500].decode('utf-8', 'replace')}"
                    )
                    return False
                reply = msgspec.json.decode(answer, type=HeartbeatReply)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._tell(f"no coordinator at {self._url}: {str(error) or 'timed out'}")
            return False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._tell(f"{self._url} is not a herd coordinator: {error}")
            return False
        level = logging.INFO if reply.node_status == "online" or reply.state == "probing" else logging.WARNING
        self._tell(
            f"the coordinator has this node as {reply.state or reply.node_status}", reply.reason, level
        )
        return True

    def _tell(self, what: str, why: str = "", level: int = logging.WARNING) -> None:
        if what != self._told:
            self._told = what
            log.log(level, "%s%s", what, f" ({why})" if why else "")
