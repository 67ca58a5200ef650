"""GET /fleet/events on a real coordinator with fake engines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from coordinator.watching.difference import applied
from shared.frames import data_of
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming
from tests.fleet.harness import Herd, fleet_of_fakes


class Onlooker:
    """Reads the stream, and keeps the picture up to date."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.last_id = ""
        self.picture: dict[str, Any] = {}
        self.ended = False

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, fleet: Herd, last_id: str = "") -> AsyncIterator["Onlooker"]:
        """Until the block ends; it has its first message by then, or has missed nothing."""
        onlooker = cls()
        headers = {"Last-Event-ID": last_id} if last_id else {}
        async with fleet.session.get(f"{fleet.address}/fleet/events", headers=headers) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            reading = asyncio.create_task(onlooker._read(response.content))
            try:
                if not last_id:
                    await eventually(lambda: onlooker.kinds)
                yield onlooker
            finally:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading

    async def _read(self, content: Any) -> None:
        with contextlib.suppress(Exception):
            while event := (await content.readuntil(b"\n\n")).rstrip():
                self._take(event)
        self.ended = True

    def _take(self, event: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in event.split(b"\n"))
        if b"event" not in fields:
            return
        told = msgspec.json.decode(data_of(event))
        self.kinds.append(fields[b"event"].decode())
        self.last_id = fields[b"id"].decode()
        self.picture = told if self.kinds[-1] == "snapshot" else applied(self.picture, told)

    def request(self) -> dict[str, Any]:
        """The only open call; empty: there is none."""
        return next(iter(self.picture["requests"].values()), {})


async def test_an_onlooker_sees_a_call_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """In phases, with tokens and a rate, and never what was said."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=100, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=4) as fleet,
        Onlooker.of(fleet) as onlooker,
    ):
        assert onlooker.kinds[0] == "snapshot"
        assert onlooker.picture["nodes"]["node-1"]["state"] == "ready"
        assert onlooker.picture["fleet"]["nodes_online"] == 1
        await eventually(lambda: "join" in [each["kind"] for each in onlooker.picture["events"]])
        stream = await Streaming.begin(fleet, "ollama")
        await eventually(lambda: onlooker.request().get("tokens_per_s"))
        seen = onlooker.request()
        assert (seen["phase"], seen["node_id"], seen["model"]) == ("decode", "node-1", "m:latest")
        assert 10 <= seen["tokens_per_s"] <= 30, seen
        assert onlooker.picture["fleet"]["tokens_per_s"] > 0
        await fake.switch(hurry=True)
        await stream.rest()
        await eventually(lambda: not onlooker.picture["requests"])
        await eventually(lambda: onlooker.picture["fleet"]["ttft_p50_s"] is not None)
        assert "hello" not in str(onlooker.picture)


async def test_who_comes_back_is_told_only_what_was_missed(tmp_path: Path) -> None:
    """By Last-Event-ID."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        async with Onlooker.of(fleet) as first:
            last_id = first.last_id
        async with Onlooker.of(fleet, last_id) as again:
            again.picture = first.picture
            async with fleet.session.post(f"{fleet.address}/fleet/nodes/node-1/cordon", json={}) as response:
                assert response.status == 200
            await eventually(lambda: again.picture["nodes"]["node-1"]["cordoned"])
            assert "snapshot" not in again.kinds
            assert again.picture["nodes"]["node-1"]["gateway_url"]


async def test_a_coordinator_that_stops_ends_the_stream_at_once(tmp_path: Path) -> None:
    """Onlookers do not keep it from stopping."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
        Onlooker.of(fleet) as onlooker,
    ):
        assert await fleet.stop() == 0
        await eventually(lambda: onlooker.ended)


async def test_an_engine_that_dies_is_an_event(tmp_path: Path) -> None:
    """As soon as a beat says so."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
        Onlooker.of(fleet) as onlooker,
    ):
        fake.kill()
        await eventually(lambda: "crash" in [each["kind"] for each in onlooker.picture["events"]], 20)
