"""Carries out orders to load a model: one request to the node's Ollama, without a prompt."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field

from coordinator.core.desk import Desk
from coordinator.core.node import Node
from coordinator.core.warming import Key, Load
from coordinator.engine_faults import engine_error_text
from coordinator.forward import EngineRequest, Forwarder
from shared.errors import EngineFault, FleetError, Stuck
from shared.names import NodeId

LOAD_S = 900.0
"""Within it a model is loaded, or the attempt has failed."""
SHOWN_WITHIN = 2
"""Beats after that; one may have been on its way. The second shows the model, or it is gone again."""
PAUSE_S = 60.0
"""After a failure; doubled by each further one."""
LONGEST_PAUSE_S = 900.0

USUAL_KEEP_ALIVE = "5m"
"""Ollama's own default: what was loaded for ever must be told a time, or it stays."""

log = logging.getLogger("herd.loads")


class _Under(Struct):
    """An order that is being carried out, or was a moment ago."""

    order: Load
    since: float
    done: tuple[int, int] | None = None
    """The node's beat, as (epoch, seq), when it was loaded."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Loader:
    """Keeps what is being loaded, and what failed of late."""

    def __init__(self, desk: Desk, forwarder: Forwarder, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._forwarder = forwarder
        self._clock = clock
        self._under: dict[Key, _Under] = {}
        self._failed: dict[Key, tuple[int, float, str]] = {}
        """How often in a row, until when it is not tried again, and why."""

    def loading(self) -> dict[NodeId, int]:
        """Bytes that no beat shows yet, by node."""
        self._look()
        result: dict[NodeId, int] = {}
        for (node_id, _), under in self._under.items():
            result[node_id] = result.get(node_id, 0) + under.order.size
        return result

    def barred(self) -> set[Key]:
        """What is being loaded, or is not to be tried now."""
        self._look()
        now = self._clock()
        return {*self._under, *(key for key, (_, until, _) in self._failed.items() if now < until)}

    def is_under_way(self, key: Key) -> bool:
        """Whether it is being loaded, or was, and no beat shows it yet."""
        self._look()
        return key in self._under

    def status(self) -> list[dict[str, Any]]:
        """`loads` of /fleet/status: what is being loaded by order, and what would not be."""
        self._look()
        now = self._clock()
        under = [
            {
                "node_id": node_id,
                "model": model,
                "why": each.order.why,
                "since_s": round(now - each.since, 1),
                "error": "",
            }
            for (node_id, model), each in self._under.items()
            if each.done is None
        ]
        failed = [
            {"node_id": node_id, "model": model, "why": "", "since_s": None, "error": why}
            for (node_id, model), (_, until, why) in self._failed.items()
            if now < until
        ]
        return under + failed

    def forgive(self, key: Key) -> None:
        """Somebody asks for it anew: earlier failures do not count."""
        self._failed.pop(key, None)

    async def load(self, order: Load) -> None:
        """Returns once it is loaded, or has failed; which of them the log tells, and `status`.

        Of two orders for one model on one node the later is carried out after the earlier.
        """
        while (earlier := self._under.get(order.key)) is not None and earlier.done is None:
            await earlier.ended.wait()
        under = self._under[order.key] = _Under(order, self._clock())
        told = {"node_id": order.node_id, "model": order.model}
        log.info("loading %s onto %s: %s", order.model, order.node_id, order.why, extra=told)
        try:
            await self._ask(order)
        except FleetError as error:
            del self._under[order.key]
            self._has_failed(order.key, str(error))
            log.warning("%s was not loaded: %s", order.model, error.summary, extra=told)
        except BaseException:
            del self._under[order.key]
            raise
        else:
            self._failed.pop(order.key, None)
            under.done = self._beat(order.node_id)
        finally:
            under.ended.set()

    def _context(self, node: Node, order: Load) -> int | None:
        """What is loaded stays as it is; else the fleet's own choice for the model. None: the engine's own."""
        spot = node.spot(order.engine, order.model)
        return (spot.context_length if spot else None) or self._desk.fleet.overrides.get(order.model)

    async def _ask(self, order: Load) -> None:
        node = self._desk.fleet.nodes.get(order.node_id)
        if node is None:
            raise FleetError("the node is gone")
        fields: dict[str, object] = {"model": order.engine_model}
        fields |= {"input": ""} if order.embeds else {"stream": False}
        if order.for_ever or order.lets_go:
            fields["keep_alive"] = -1 if order.for_ever else USUAL_KEEP_ALIVE
        if context := self._context(node, order):
            fields["options"] = {"num_ctx": context}
        path = "/api/embed" if order.embeds else "/api/generate"
        request = EngineRequest(
            path, msgspec.json.encode(fields), {"Content-Type": "application/json"}, whole=True
        )
        try:
            async with asyncio.timeout(LOAD_S):
                reply = await self._forwarder.send(node.target(order.engine), request)
                try:
                    said = await reply.read()
                finally:
                    reply.close()
        except TimeoutError as error:
            raise Stuck(f"{order.node_id} did not load it within {LOAD_S:.0f} s") from error
        if reply.status >= 400:
            raise EngineFault(engine_error_text(said), status=reply.status)

    def _has_failed(self, key: Key, why: str) -> None:
        times = self._failed.get(key, (0, 0.0, ""))[0] + 1
        pause = min(LONGEST_PAUSE_S, PAUSE_S * 2 ** min(times - 1, 10))
        self._failed[key] = (times, self._clock() + pause, why)

    def _look(self) -> None:
        """Drops what a beat shows by now, or should have."""
        gone = [
            key
            for key, under in self._under.items()
            if under.done is not None and self._is_told(key, *under.done)
        ]
        for key in gone:
            del self._under[key]

    def _is_told(self, key: Key, epoch: int, seq: int) -> bool:
        node = self._desk.fleet.nodes.get(key[0])
        if node is None or any(spot.replicas for spot in node.spots.get(key[1], ())):
            return True
        return self._beat(key[0]) >= (epoch, seq + SHOWN_WITHIN)

    def _beat(self, node_id: NodeId) -> tuple[int, int]:
        node = self._desk.fleet.nodes.get(node_id)
        return (node.heartbeat.epoch, node.heartbeat.seq) if node else (0, 0)
