"""The agent's line to its coordinator: a beat every few seconds, for ever, whatever happens."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
from msgspec import Struct

from agent.answers import TooLong, read_at_most
from agent.route import Route
from shared.sockets import why_not
from shared.wire import Heartbeat, HeartbeatReply

SEND_TIMEOUT_S = 4.0
GOODBYE_S = 1.0
REPLY_BYTES = 64 * 2**10
RETRY_S = 2.0
"""After a beat that nobody took, where the interval is longer."""
WORDS = 500
"""Characters of a refusal that are told."""
APART_S = 0.2
"""Between two beats at least, however often something changes."""

log = logging.getLogger("herd-node.link")


class _Fault(Struct):
    error: str


def _words(answer: bytes) -> str:
    """What a refusal says, in the coordinator's shape or any other."""
    try:
        return msgspec.json.decode(answer, type=_Fault).error[:WORDS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return answer[:WORDS].decode("utf-8", "replace")


class _Refused(Exception):
    """The coordinator's words."""


class Link:
    """Sends what `beat` makes to where `route` leads. `wake` sends the next one at once."""

    def __init__(
        self,
        route: Route,
        beat: Callable[[], Awaitable[Heartbeat]],
        session: aiohttp.ClientSession,
        interval_s: float,
        wake: asyncio.Event,
        taken: Callable[[HeartbeatReply], None] = lambda _reply: None,
    ) -> None:
        """`wake`, when set: something changed that the coordinator should know now, or the coordinator itself did.
        `taken` is told of each beat that the coordinator has.
        """
        self._route = route
        self._beat = beat
        self._session = session
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
            async with asyncio.timeout(SEND_TIMEOUT_S):
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
        return await self._send(url, await self._beat())

    async def say_goodbye(self, beat: Heartbeat) -> None:
        """The last beat, where the coordinator answered until now. Nobody is looked for any more."""
        url = self._route.known()
        if url is None:
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._send(url, beat)
        except TimeoutError:
            log.info("the coordinator did not take this node's goodbye")

    async def _send(self, url: str, beat: Heartbeat) -> bool:
        """What goes wrong is logged once, until it changes."""
        try:
            reply = await self._posted(f"{url}/heartbeat", beat)
        except _Refused as error:
            self._tell(f"the coordinator at {url} refused the heartbeat: {error}")
        except (aiohttp.ClientError, TimeoutError, OSError, TooLong) as error:
            self._tell(f"no coordinator at {url}: {why_not(error)}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._tell(f"{url} is not a herd coordinator: {error}")
        else:
            if self._route.answered(reply.coordinator_id):
                self._taken(reply)
                self._tell_standing(reply)
                return True
            self._tell(f"another coordinator answers at {url} now")
        self._route.silent()
        return False

    async def _posted(self, url: str, beat: Heartbeat) -> HeartbeatReply:
        async with self._session.post(
            url,
            data=msgspec.json.encode(beat),
            headers={"Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S),
            allow_redirects=False,
        ) as response:
            answer = await read_at_most(response, REPLY_BYTES)
            if response.status != 200:
                raise _Refused(_words(answer))
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
