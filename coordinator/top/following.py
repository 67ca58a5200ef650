"""Follower: one connection to /fleet/events, kept up over restarts; the newest picture."""

import asyncio
import time
from collections.abc import Callable

import aiohttp

from coordinator.top.sse import Event, EventReader, NotEvents
from coordinator.verbs.connection import ERROR_BYTES, NOT_FOUND, SHOWN, NoAnswer, error_words, key_header
from coordinator.watching.difference import Picture, applied
from shared.sockets import why_not

CONNECT_S = 5.0
SILENT_S = 25.0
"""The coordinator says something every ten seconds; after so long it is gone."""
AGAIN_S = (0.5, 1.0, 2.0, 3.0)
"""Pauses between tries; the last is repeated."""
READ_BYTES = 2**16


class Follower:
    """`picture` is None until the first has come; `trouble` says why none comes any more, empty while all is well."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.picture: Picture | None = None
        self.trouble = ""
        self.restarts = 0
        """How often another run of the coordinator answered."""
        self._clock = clock
        self._heard_at = 0.0
        self._last_id = ""
        self._failures = 0

    def now(self) -> float:
        """Unix time, by the coordinator's clock as far as it is known."""
        if self.picture is None:
            return time.time()
        return float(self.picture["timestamp"]) + self._clock() - self._heard_at

    def silent_s(self) -> float:
        """Seconds since the newest picture."""
        return self._clock() - self._heard_at

    async def first(self) -> Picture:
        """The fleet now, and no more. Raises NoAnswer."""
        try:
            async with asyncio.timeout(2 * CONNECT_S), aiohttp.ClientSession() as session:
                await self._follow(session, until_first=True)
        except TimeoutError:
            raise NoAnswer(f"no coordinator answers at {self.url}: timed out", reached=False) from None
        except (OSError, aiohttp.ClientError, NotEvents) as error:
            raise NoAnswer(
                f"no coordinator answers at {self.url}: {why_not(error)}", reached=False
            ) from error
        if self.picture is None:
            raise NoAnswer(f"{self.url} told nothing of its fleet")
        return self.picture

    async def run(self) -> None:
        """For ever; `picture` and `trouble` are up to date."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    await self._follow(session)
                    self.trouble = "the coordinator ended the connection"
                except TimeoutError:
                    self.trouble = "the coordinator is silent"
                except (OSError, aiohttp.ClientError, NotEvents, NoAnswer) as error:
                    self.trouble = f"no coordinator answers: {why_not(error)}"
                await asyncio.sleep(AGAIN_S[min(self._failures, len(AGAIN_S) - 1)])
                self._failures += 1

    async def _follow(self, session: aiohttp.ClientSession, *, until_first: bool = False) -> None:
        """Until the connection ends. Raises OSError, aiohttp.ClientError, NotEvents, NoAnswer, TimeoutError."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENT_S)
        headers = (
            {"Accept": "text/event-stream"}
            | key_header(self.url)
            | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        )
        async with session.get(
            f"{self.url}/fleet/events", headers=headers, timeout=limits, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise _refused(self.url, response.status, await response.content.read(ERROR_BYTES))
            reader = EventReader()
            if self.picture is not None and self._last_id:
                self._well()
            async for chunk in response.content.iter_any():
                for event in reader.feed(chunk):
                    self._take(event)
                if until_first and self.picture is not None:
                    return

    def _take(self, event: Event) -> None:
        if event.kind == "snapshot":
            run = event.last_id.partition(".")[0]
            self.restarts += bool(self._last_id) and run != self._last_id.partition(".")[0]
            self.picture = event.data
        elif event.kind == "change" and self.picture is not None:
            self.picture = applied(self.picture, event.data)
        else:
            return
        self._last_id = event.last_id
        self._heard_at = self._clock()
        self._well()

    def _well(self) -> None:
        self.trouble, self._failures = "", 0


def _refused(url: str, status: int, content: bytes) -> NoAnswer:
    if status == 404:
        return NoAnswer(
            f"{url} has no /fleet/events: it is no herd coordinator, or an older one", code=NOT_FOUND
        )
    return NoAnswer(f"{url}: {(error_words(content) or f'it answered {status}')[:SHOWN]}")
