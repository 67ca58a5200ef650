"""Clients that call an OpenAI door without a pause while an engine is swapped, and what they saw."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd

CLIENTS = 4
CALLS_BEFORE = 6
"""Answered before the swap begins, and again after it."""


class Clients:
    """Calls without a pause; each is counted, and its answer kept."""

    def __init__(self, fleet: Herd, model: str) -> None:
        self._fleet = fleet
        self._model = model
        self.good = 0
        self.bad: list[str] = []
        self._stopping = False

    async def _client(self, number: int) -> None:
        while not self._stopping:
            body = {
                "model": self._model,
                "messages": [{"role": "user", "content": "hello"}],
                "stream": bool(number % 2),
                "max_tokens": 300,
            }
            url = f"{self._fleet.address}/v1/chat/completions"
            async with self._fleet.session.post(url, json=body) as answer:
                raw = await answer.read()
            whole = raw.rstrip().endswith(b"[DONE]") if number % 2 else b'"finish_reason"' in raw
            if answer.status == 200 and whole and b'"error"' not in raw:
                self.good += 1
            else:
                self.bad.append(f"{answer.status} {raw[-300:]!r}")

    @contextlib.asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))
            try:
                yield
            finally:
                self._stopping = True

    async def more(self) -> None:
        """Some calls later."""
        enough = self.good + CALLS_BEFORE
        await eventually(lambda: self.good >= enough or self.bad, 60)
