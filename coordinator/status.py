"""/fleet/status and /fleet/queue: the fleet as scripts read it. Sizes in GiB where the name says gb."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from coordinator.core import owner
from coordinator.core.call import Place
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from coordinator.health.engine_checks import unsafe
from coordinator.node_status import (
    absent,
    capacity_told,
    drain_told,
    engine_told,
    event_told,
    machine_told,
    ollama_told,
    with_owner,
)
from coordinator.waiting_calls import waiting_calls
from shared.names import NodeId, normalise
from shared.wire import Engine

SLICE = 20
"""Nodes of which /fleet/status tells at a time: a millisecond."""


class StatusReader:
    """Reads the Desk, changes nothing. Secrets of gateways are left out."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        further: Mapping[str, Callable[[], object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`further`: parts of /fleet/status that others tell, by name."""
        self._desk = desk
        self._limits = limits
        self._further = further
        self._clock = clock

    def fleet(self) -> dict[str, Any]:
        """GET /fleet/status"""
        nodes = [self._node(node) for node in self._nodes()]
        online = sum(node["status"] == "online" for node in nodes)
        return self._whole(nodes, self._queues(), online, sum(map(_loaded, nodes)))

    async def encoded(self) -> bytes:
        """The same, as JSON. A thousand nodes take 30 ms and more: after some of them what else is to be done has its
        turn, so that no stream stands still.
        """
        nodes: list[Raw] = []
        queues: dict[str, Raw] = {}
        online = loaded = 0
        for number, node in enumerate(self._nodes(), 1):
            told = self._node(node)
            online += told["status"] == "online"
            loaded += _loaded(told)
            nodes.append(Raw(msgspec.json.encode(told)))
            queues |= {key: Raw(msgspec.json.encode(each)) for key, each in self._queues_of(node)}
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return msgspec.json.encode(self._whole(nodes, queues, online, loaded))

    def _nodes(self) -> list[Node]:
        return [node for _, node in sorted(self._desk.fleet.nodes.items())]

    def _whole(
        self, nodes: Sequence[object], queues: Mapping[str, object], online: int, loaded: int
    ) -> dict[str, Any]:
        return {
            "fleet": {
                "nodes_total": len(nodes),
                "nodes_online": online,
                "models_loaded": loaded,
                "requests_active": self._running(),
                "requests_held": len(self._desk.holding),
            },
            "nodes": nodes,
            "queues": queues,
            **{name: tell() for name, tell in self._further.items()},
            "timestamp": time.time(),
        }

    def queue(self) -> dict[str, Any]:
        """GET /fleet/queue"""
        pending, running, now = len(self._desk.holding), self._running(), self._clock()
        return {
            "queue_depth": pending + running,
            "pending": pending,
            "in_flight": running,
            "completed": self._desk.completed,
            "failed": self._desk.failures,
            "estimated_wait_ms": self._desk.holding.retry_after(now) * 1000 if pending else 0,
            "nodes_online": sum(
                node.standing(now, self._limits).status == "online"
                for node in self._desk.fleet.nodes.values()
            ),
            "held": dict(sorted(self._desk.holding.counts().items())),
            **waiting_calls(self._desk, now),
            "queues": self._queues(),
            "timestamp": time.time(),
        }

    def callable_nodes(self) -> int:
        """Nodes that would be given a call now."""
        now = self._clock()
        return sum(
            node.standing(now, self._limits).status == "online"
            and not node.draining
            and not node.cordoned
            and owner.refusal(node.heartbeat.capacity) is None
            and any(spot.engine.up for spots in node.spots.values() for spot in spots)
            for node in self._desk.fleet.nodes.values()
        )

    def _running(self) -> int:
        return sum(node.in_flight.total() for node in self._desk.fleet.nodes.values())

    def node(self, node_id: NodeId) -> dict[str, Any]:
        """GET /fleet/nodes/{node_id}: its part of /fleet/status; of one that is away all that is known: the order."""
        node = self._desk.fleet.nodes.get(node_id)
        return (
            absent(node_id, self._desk.fleet.cordons[node_id], self._clock())
            if node is None
            else self._node(node)
        )

    def _node(self, node: Node) -> dict[str, Any]:
        beat = node.heartbeat
        standing = with_owner(node.standing(self._clock(), self._limits), beat.capacity)
        return {
            "node_id": node.node_id,
            "status": standing.status,
            "state": standing.state,
            "reason": standing.reason,
            "cordoned": node.cordoned,
            "draining": node.draining,
            "drained": node.drained,
            "drain": drain_told(node.cordon, self._clock()),
            "unsafe": unsafe(standing, beat.engines),
            **machine_told(beat),
            "engines": [self._engine(engine, node) for engine in beat.engines],
            "ollama": ollama_told(node),
            "capacity": capacity_told(beat.capacity),
            "gateway_url": node.address,
            "ollama_url": node.address,
            "requests_active": node.in_flight.total(),
            "circuits": self._circuits(node),
            "events": [event_told(each) for each in node.events.last],
            "agent_version": beat.agent_version,
            "heartbeat_age_s": round(self._clock() - node.last_heard, 3),
        }

    def _engine(self, engine: Engine, node: Node) -> dict[str, Any]:
        """With the tokens a second that one call alone was seen to get of each replica; null: nothing is known yet."""
        told = engine_told(engine, node)
        for replica in told["replicas"]:
            pace = self._desk.fleet.paces.seen_tokens_per_s(node.node_id, normalise(replica["model"]))
            replica["tokens_per_s"] = None if pace is None else round(pace, 1)
        return told

    def _circuits(self, node: Node) -> list[dict[str, Any]]:
        """The ones that are not closed."""
        circuits, now = self._desk.fleet.circuits, self._clock()
        return [
            {
                "engine": place.engine,
                "model": place.model,
                "state": circuits.state(place, now),
                "open_for_s": round(max(0.0, circuits.until(place) - now), 1),
                "reason": circuits.reason(place, now),
            }
            for place in circuits.not_closed(node.node_id)
        ]

    def _queues(self) -> dict[str, Any]:
        return {key: told for node in self._nodes() for key, told in self._queues_of(node)}

    def _queues_of(self, node: Node) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of one node: what is in memory there, or runs."""
        seats, node_id = self._desk.fleet.seats, node.node_id
        for model in sorted(
            {model for (_, model), _ in node.replicas} | {model for _, model in node.in_flight}
        ):
            for spot in node.spots.get(model, ()):
                running = node.in_flight[spot.engine.name, model]
                if running or spot.replicas:
                    told = {
                        "node_id": node_id,
                        "model": model,
                        "engine": spot.engine.name,
                        "pending": 0,  # a held call is bound to no node: see `held` of /fleet/queue
                        "in_flight": running,
                        "concurrency": seats.proven(Place(node_id, spot.engine.name, model), spot),
                    }
                    yield f"{node_id}:{model}", told


def _loaded(told: Mapping[str, Any]) -> int:
    return len(told["ollama"]["models_loaded"])
