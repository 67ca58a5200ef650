"""Clients that keep a fleet busy, and what they saw."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp

from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import Herd

CLIENTS = 8


class Answer(NamedTuple):
    """One call that was answered; times on this process's clock."""

    call_id: str
    status: int
    at: float
    took_s: float


class Load:
    """Clients that call without a pause until they are told to stop."""

    def __init__(self, herd: Herd) -> None:
        self._herd = herd
        self._stopping = False
        self.answers: list[Answer] = []
        self.broken = 0
        """Calls that broke off, as those of a coordinator that is killed do."""

    async def _client(self, name: str) -> None:
        number = 0
        while not self._stopping:
            number += 1
            call_id = f"{name}-{number}"
            began = time.monotonic()
            try:
                reply = await ask(self._herd, call_id=call_id, stream=bool(number % 2))
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                self.broken += 1
                continue
            assert reply.complete or reply.status != 200
            now = time.monotonic()
            self.answers.append(Answer(call_id, reply.status, now, now - began))

    @contextlib.asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """While the block lasts; each call that has begun is waited for."""
        self._stopping = False
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(f"{name}-{number}"))
            yield
            self._stopping = True

    async def for_seconds(self, seconds: float, name: str) -> list[Answer]:
        """The answers of a load that lasts so long."""
        before, until = len(self.answers), time.monotonic() + seconds
        async with self.running(name):
            await eventually(lambda: time.monotonic() > until, seconds + 5)
        assert self.broken == 0
        return self.answers[before:]
