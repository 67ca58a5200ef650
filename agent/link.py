"""The agent's line to its coordinator: a beat every few seconds, for ever, whatever happens."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp
import msgspec

from agent.answers import TooLong, words
from agent.route import Route
from shared.http1.faults import HttpFault
from shared.sockets import why_not
from shared.wire import Heartbeat, HeartbeatReply

ANNOUNCE_S = 4.0
GOODBYE_S = 1.0
RETRY_S = 2.0
"""After a beat that nobody took, where the interval is longer."""
APART_S = 0.2
"""Between two beats at least, however often something changes."""

log = logging.getLogger("herd-node.link")


class Line(Protocol):
    """How a coordinator is spoken with: `agent.joining.ties` knows."""

    async def ready(self, url: str) -> bool:
        """Whether a beat may go there; if not, it has said why."""
        ...

    def speaks_with(self, url: str) -> bool:
        """Likewise, without asking anybody."""
        ...

    async def post(self, url: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and answer. Raises HttpFault, OSError, TooLong and what aiohttp raises."""
        ...

    async def taken(self, url: str) -> None:
        """The beat was."""
        ...

    async def refused(self, status: int, said: str) -> None:
        """It was."""
        ...

    def silent(self) -> None:
        """Nobody took it."""
        ...


class _Refused(Exception):
    """The coordinator's words."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Link:
    """Sends what `beat` makes to where `route` leads. `wake` sends the next one at once."""

    def __init__(
        self,
        route: Route,
        beat: Callable[[], Awaitable[Heartbeat]],
        line: Line,
        interval_s: float,
        wake: asyncio.Event,
        taken: Callable[[HeartbeatReply], None] = lambda _reply: None,
    ) -> None:
        """`wake`, when set: something changed that the coordinator should know now, or the coordinator itself did.
        `taken` is told of each beat that the coordinator has.
        """
        self._route = route
        self._beat = beat
        self._line = line
        self.interval_s = interval_s
        self._wake = wake
        self._taken = taken
        self._told = ""
        self._one_at_a_time = asyncio.Lock()
        """Beats are numbered: an older one that came later would be refused."""

    def wake(self) -> None:
        """The next beat goes out at once."""
        self._wake.set()

    async def run(self) -> None:
        """For ever. A coordinator that is away is looked for again, a little sooner than the next beat."""
        while True:
            self._wake.clear()
            try:
                taken = await self._send_now()
            except Exception:  # whatever was overlooked must not end the agent: told, and tried again
                log.exception("a fault of ours")
                taken = False
            await asyncio.sleep(min(APART_S, self.interval_s))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.interval_s if taken else min(RETRY_S, self.interval_s)):
                    await self._wake.wait()

    async def announce(self) -> bool:
        """A beat of this moment; whether a coordinator took it, soon enough."""
        try:
            async with asyncio.timeout(ANNOUNCE_S):
                return await self._send_now()
        except TimeoutError:
            return False

    async def _send_now(self) -> bool:
        async with self._one_at_a_time:
            return await self._send_if_known()

    async def _send_if_known(self) -> bool:
        url = await self._route.where()
        if url is None:
            self._tell(
                "no coordinator is found yet: start herd on some machine, or give --router-url; mDNS goes on looking",
                level=logging.INFO,
            )
            return False
        if not await self._line.ready(url):
            self._told = ""
            self._route.silent()
            return False
        return await self._send(url, await self._beat())

    async def say_goodbye(self, beat: Heartbeat) -> None:
        """The last beat, where the coordinator answered until now. Nobody is looked for any more."""
        url = self._route.known()
        if url is None or not self._line.speaks_with(url):
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._send(url, beat)
        except TimeoutError:
            log.info("the coordinator did not take this node's goodbye")

    async def _send(self, url: str, beat: Heartbeat) -> bool:
        """What goes wrong is logged once, until it changes."""
        try:
            reply = await self._posted(url, beat)
        except _Refused as error:
            self._tell(f"the coordinator at {url} refused the heartbeat: {error}")
            await self._line.refused(error.status, str(error))
        except (aiohttp.ClientError, HttpFault, TimeoutError, OSError, TooLong) as error:
            self._tell(f"no coordinator at {url}: {why_not(error)}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._tell(f"{url} is not a herd coordinator: {error}")
        else:
            if self._route.answered(reply.coordinator_id):
                self._taken(reply)
                self._tell_standing(reply)
                await self._line.taken(url)
                return True
            self._tell(f"another coordinator answers at {url} now")
        self._route.silent()
        self._line.silent()
        return False

    async def _posted(self, url: str, beat: Heartbeat) -> HeartbeatReply:
        status, answer = await self._line.post(url, "/heartbeat", msgspec.json.encode(beat))
        if status != 200:
            raise _Refused(words(answer), status)
        return msgspec.json.decode(answer, type=HeartbeatReply)

    def _tell_standing(self, reply: HeartbeatReply) -> None:
        good = reply.node_status == "online" or reply.state in ("probing", "left")
        self._tell(
            f"the coordinator has this node as {reply.state or reply.node_status}",
            reply.reason,
            logging.INFO if good else logging.WARNING,
        )

    def _tell(self, what: str, why: str = "", level: int = logging.WARNING) -> None:
        if what != self._told:
            self._told = what
            log.log(level, "%s%s", what, f" ({why})" if why else "")
