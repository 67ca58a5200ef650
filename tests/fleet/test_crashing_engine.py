"""An engine that is killed again and again is quarantined, and callers see nothing of it. The real llama.cpp."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.random_model import RANDOM_MODEL_NAME
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, real_fleet

pytestmark = pytest.mark.real_engine

KILLS = 20
CLIENTS = 2


@contextlib.asynccontextmanager
async def whole_answers(fleet: Herd) -> AsyncIterator[list[int]]:
    """Calls without a pause, whose callers see nothing before the end: their states so far."""
    seen: list[int] = []
    stopping = asyncio.Event()

    async def client() -> None:
        body = {
            "model": RANDOM_MODEL_NAME,
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 100,
        }
        while not stopping.is_set():
            async with fleet.session.post(f"{fleet.address}/v1/chat/completions", json=body) as answer:
                await answer.read()
                seen.append(answer.status)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
        try:
            yield seen
        finally:
            stopping.set()


def engine_pid(data_dir: Path, node_id: str) -> int | None:
    """Of an engine that can be asked; None: there is none now."""
    (directory,) = (data_dir / node_id).glob("nodes/*/engines")
    try:
        who = json.loads((directory / "embedded.json").read_bytes())
    except (OSError, ValueError):
        return None
    return int(who["pid"]) if who["address"] else None


async def engine(fleet: Herd, node_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await fleet.nodes())[node_id]["engines"][0]
    return found


async def test_twenty_kills_are_quarantine_and_the_fleet_goes_on(tmp_path: Path) -> None:
    async with real_fleet(tmp_path, 2) as fleet, whole_answers(fleet) as seen:
        await eventually(lambda: len(seen) > CLIENTS, 20)
        killed: set[int] = set()
        began = time.monotonic()

        async def quarantined() -> bool:
            pid = engine_pid(tmp_path, "node-2")
            if pid is not None and pid not in killed and len(killed) < KILLS:
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            told = await engine(fleet, "node-2")
            return not told["up"] and "quarantined" in told["reason"]

        await eventually(quarantined, 60)
        took, before = time.monotonic() - began, len(seen)
        await eventually(lambda: len(seen) > before + 10, 30)
        assert set(seen) == {200}
        assert (await engine(fleet, "node-1"))["up"]
        kinds = [each["kind"] for each in (await fleet.nodes())["node-2"]["events"]]
        assert kinds == ["killed from outside"] * len(killed)
        sys.stdout.write(
            f"\nkilled whenever it served: quarantined after {len(killed)} kills in {took:.1f} s,"
            f" {len(seen)} calls, none failed\n"
        )
