"""A coordinator's stream of events without a fleet: a real Desk that imagined nodes and calls come to, as a program.

`python -m tests.fakes.imagined_fleet --nodes 30` prints its address and runs until its standard input ends. Orders
(cordon, uncordon, drain) do what they say; POST /imagined/lost/NODE ends a node's beats for good.
"""

import argparse
import asyncio
import random
import sys
import time
from typing import Any

import msgspec
from aiohttp import web

from coordinator.core.call import Origin, Placed
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.journal import CallRecord
from coordinator.watching.feed import Feed
from coordinator.watching.routes import Events
from coordinator.watching.watch import Watch
from shared.names import CallId, NodeId
from shared.serving import cancelled
from shared.wire import Cpu, Gpu, Heartbeat, Memory, Thermal
from tests.fakes.asked_as_coordinator import asked
from tests.fakes.builders import GIB, a_beat, a_call, a_model, a_replica, an_address, an_engine

MODELS = ("llama3.2:3b", "qwen3:8b", "gemma3:27b-it-qat", "llama3.3:70b")
TURN_S = 0.25
BEAT_S = 1.0
LEASE_S = 3.0
LASTS_S = (1.0, 20.0)


class Imagined:
    """Nodes that beat and calls that come and go, from one seed."""

    def __init__(self, nodes: int, seed: int = 1, *, calls: int = 2) -> None:
        """About so many `calls` for every two nodes."""
        self.limits = Limits(lease_s=LEASE_S, beat_late_s=2.0)
        self.desk = Desk(self.limits, Weights(), time.monotonic())
        self.records: dict[CallId, CallRecord] = {}
        self.lost: set[str] = set()
        self._random = random.Random(seed)
        self._names = [_name(number) for number in range(1, nodes + 1)]
        self._calls = max(1, calls * nodes // 2)
        self._beats = 0
        self._beaten_at = 0.0
        self._made = 0
        self._ends: dict[CallId, float] = {}

    def turn(self) -> None:
        """What has happened since the last one."""
        now = time.monotonic()
        if now - self._beaten_at >= BEAT_S:
            self._beaten_at, self._beats = now, self._beats + 1
            for number, name in enumerate(self._names):
                if name not in self.lost:
                    self._heard(self._beat(number, name), now)
        self.desk.expired(now)
        for record in self.records.values():
            if record.first_byte_at is not None:
                record.pieces_out += self._random.randint(3, 12)
            elif record.placement is not None and now - record.placed_at > 0.5:
                record.first_byte_at = now
                self.desk.first_byte(record.call.id, now)
        for call_id in [each for each, until in self._ends.items() if until <= now]:
            self._end(call_id, now)
        if len(self.records) < self._calls:
            self._arrive(now)

    def _beat(self, number: int, name: str) -> Heartbeat:
        chance = self._random
        gpus = []
        if number % 3:
            used = chance.uniform(4, 20)
            gpus = [
                Gpu(
                    name=("RTX 3090", "RTX 4090")[number % 2],
                    vram_total_bytes=24 * GIB,
                    vram_used_bytes=int(used * GIB),
                    utilization_pct=chance.uniform(0, 100),
                    temperature_c=chance.uniform(40, 88),
                    power_watts=chance.uniform(30, 320),
                )
            ]
        models = MODELS[: 2 + number % 3]
        engine = an_engine(
            *map(a_model, models), replicas=[a_replica(models[number % 2], slots=4, context=8192)]
        )
        beat = a_beat(name, engine, seq=self._beats, gpus=gpus)
        return msgspec.structs.replace(
            beat,
            epoch=int(time.time() * 1000) - 3_600_000 if self._beats == 1 else self._epoch(name),
            cpu=Cpu(cores_physical=8, utilization_pct=chance.uniform(2, 70)),
            memory=Memory(total_bytes=64 * GIB, available_bytes=int(chance.uniform(20, 50) * GIB)),
            thermal=Thermal(temperature_c=chance.uniform(35, 75)),
            agent_version="0.1.0",
        )

    def _epoch(self, name: str) -> int:
        return self.desk.fleet.nodes[NodeId(name)].heartbeat.epoch

    def _heard(self, beat: Heartbeat, now: float) -> None:
        self._placed(self.desk.heard(beat, an_address(beat.node_id), now), now)
        self._placed(self.desk.reached(NodeId(beat.node_id), now), now)

    def _arrive(self, now: float) -> None:
        self._made += 1
        chance = self._random
        call = msgspec.structs.replace(
            a_call(
                f"{self._made:08x}-imagined",
                chance.choice(MODELS[:2]),
                estimated_tokens=chance.randint(9, 4000),
            ),
            client=chance.choice(("ann", "ben", "192.0.2.17")),
            origin=Origin(tags=("app:notes",)),
        )
        self.records[call.id] = CallRecord(call, now)
        self._ends[call.id] = now + chance.uniform(*LASTS_S)
        self._placed(self.desk.arrived(call, now), now)

    def _placed(self, decisions: Any, now: float) -> None:
        for each in decisions:
            if isinstance(each, Placed) and each.call_id in self.records:
                self.records[each.call_id].placed(each.placement, now)

    def _end(self, call_id: CallId, now: float) -> None:
        del self.records[call_id], self._ends[call_id]
        self._placed(self.desk.cancelled(call_id, now), now)

    def routes(self) -> list[web.RouteDef]:
        """Orders."""
        return [
            web.post("/fleet/nodes/{node_id}/{what}", self._order),
            web.post("/imagined/lost/{node_id}", self._lose),
        ]

    async def _order(self, request: web.Request) -> web.Response:
        node_id, what, now = (
            NodeId(request.match_info["node_id"]),
            request.match_info["what"],
            time.monotonic(),
        )
        if node_id not in self.desk.fleet.nodes:
            return web.json_response({"error": f'no node is named "{node_id}"'}, status=404)
        deadline = now + 600 if what == "drain" else None
        self._placed(self.desk.cordoned(node_id, now, on=what != "uncordon", deadline=deadline), now)
        return web.json_response({"node_id": node_id, "unkept": ""})

    async def _lose(self, request: web.Request) -> web.Response:
        self.lost.add(request.match_info["node_id"])
        return web.json_response({})


def _name(number: int) -> str:
    return f"{('workstation', 'laptop', 'tower')[number % 3]}-{number:02d}"


async def serve(nodes: int, port: int, *, calls: int = 2) -> None:
    """Until standard input ends."""
    imagined = Imagined(nodes, calls=calls)
    for _ in range(1 + nodes // 2):
        imagined.turn()
    watch = Watch(imagined.desk, imagined.limits, lambda: imagined.records, "home")
    feed = Feed(watch.picture, watch.look, f"{time.time_ns():x}")
    app = web.Application()
    app.add_routes([*imagined.routes(), *Events(feed).routes()])
    async with asked(app, port=port) as (host, bound):
        running = asyncio.create_task(feed.run())
        sys.stdout.write(f"http://{host}:{bound}\n")
        sys.stdout.flush()
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not ended.done():
            imagined.turn()
            await asyncio.sleep(TURN_S)
        await cancelled(running)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--calls", type=int, default=2)
    given = parser.parse_args()
    asyncio.run(serve(given.nodes, given.port, calls=given.calls))
