"""transformers serve itself: started, asked, mended where it is odd, ended."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from tests.engines.started import NAME, Running, Tiny, started
from tests.engines.tiny_model import CHAT, NEW_TOKENS

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]
CHATS = "/v1/chat/completions"
SOME = 40 * 2**20
"""Bytes by which resident memory may differ without growing."""
ASKED = {"messages": [{"role": "user", "content": CHAT}], "max_tokens": NEW_TOKENS, "temperature": 0}


async def once(running: Running, expected: str) -> None:
    status, _, body = await running.door.ask(CHATS, {"model": NAME, **ASKED})
    assert status == 200, body
    assert json.loads(body)["model"] == NAME
    assert json.loads(body)["choices"][0]["message"]["content"] == expected


async def test_it_is_started_and_answers(tiny: Tiny, tmp_path: Path) -> None:
    options = tiny.options(device="cpu", dtype="float32")
    async with started("transformers", tmp_path, options) as running:
        report = await running.engine.look()
        assert (report.up, [each.name for each in report.models]) == (True, [NAME])
        events = await running.streamed(CHATS, **ASKED)
        told = "".join(
            (event["choices"] or [{"delta": {}}])[0]["delta"].get("content") or "" for event in events
        )
        assert told == tiny.chat
        assert {event["model"] for event in events} == {NAME}
        _, _, listed = await running.door.ask("/v1/models")
        assert [each["id"] for each in json.loads(listed)["data"]] == [NAME]
        await asyncio.gather(*(once(running, tiny.chat) for _ in range(50)))
        warm, began = running.resident(), time.monotonic()
        for _ in range(100):
            await once(running, tiny.chat)
        in_a_row_s, began = time.monotonic() - began, time.monotonic()
        await asyncio.gather(*(once(running, tiny.chat) for _ in range(50)))
        at_once_s, grown = time.monotonic() - began, running.resident() - warm
        sys.stdout.write(
            f"\ntransformers serve: 100 calls in a row {in_a_row_s:.1f} s, 50 at once {at_once_s:.1f} s, "
            f"RSS {warm / 2**20:.0f} MiB {grown / 2**20:+.1f} MiB\n"
        )
        assert grown < SOME
        assert not running.supervisor.events.all()
